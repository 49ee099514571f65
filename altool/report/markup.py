"""HTML as text that cannot forget to escape: a plain string is text, a Markup is markup."""

import html
import re
from collections.abc import Iterable, Sequence

ALONE = ("meta", "link", "br", "img")  # elements without an end
NUMBER = re.compile(r"[<>=~]* ?[+−-]?\d[\d.,]*(e[+-]?\d+)?( .{1,16})?( ± [\d.,e+-]+)?|–|")


class Markup(str):
    """Text that is HTML already."""


def markup(value: object) -> Markup:
    """`value` as it may stand in a page: escaped, unless it is markup."""
    return value if isinstance(value, Markup) else Markup(html.escape(str(value)))


def join(parts: Iterable[object], between: str = "") -> Markup:
    return Markup(between.join(markup(part) for part in parts))


def tag(name: str, /, *inside: object, **attributes: object) -> Markup:
    """An element. Attributes that are None or False are left out; `_` at the end and inside of their names is `-`."""
    said = ""
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        said += f" {key}" if value is True else f' {key}="{markup(value)}"'
    return Markup(f"<{name}{said}>" if name in ALONE else f"<{name}{said}>{join(inside)}</{name}>")


def scrolling(about: str, *inside: object) -> Markup:
    """A box that scrolls sideways by itself, also by keyboard, so that the page never does."""
    return tag("div", *inside, class_="wide", tabindex=0, role="region", aria_label=about)


def table(
    caption: object, head: Sequence[object], rows: Sequence[Sequence[object]], kind: str = ""
) -> Markup:
    """A table in a box of its own; the first cell of a row names it, and what looks like a number stands on the right."""
    assert {len(row) for row in rows} <= {len(head)}
    top = tag("tr", *(tag("th", text, scope="col") for text in head))
    body = [
        tag("tr", tag("th", first, scope="row"), *(tag("td", v, class_=_side(v)) for v in rest))
        for first, *rest in rows
    ]
    whole = tag(
        "table",
        tag("caption", tag("span", caption)) if caption else "",
        tag("thead", top),
        tag("tbody", *body),
        class_=kind or None,
    )
    return scrolling(re.sub(r"<[^>]*>", "", str(caption)) or "table", whole)


def _side(value: object) -> str | None:
    return "number" if not isinstance(value, Markup) and NUMBER.fullmatch(str(value)) else None


def fold(summary: object, *inside: object) -> Markup:
    """What opens on request."""
    return tag("details", tag("summary", summary), *inside)


def points(items: Iterable[object], kind: str = "") -> Markup:
    """A list, nothing where it is empty."""
    found = [tag("li", item) for item in items]
    return tag("ul", *found, class_=kind or None) if found else Markup()


def definitions(pairs: Iterable[tuple[object, object]]) -> Markup:
    found = [join((tag("dt", name), tag("dd", value))) for name, value in pairs]
    return tag("dl", *found) if found else Markup()
