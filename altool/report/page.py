"""The page: everything in one file, which loads nothing and runs nothing, the same bytes for the same runs."""

import os
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from altool import __version__
from altool.core.atomic import write_text_atomic
from altool.core.errors import UserError
from altool.core.runfolder import read_run
from altool.report import overview, plain
from altool.report.find import Found, Watch, find
from altool.report.markup import Markup, tag
from altool.report.provenance import Provenance, provenance
from altool.report.section import Section, section

OURS = '<meta name="generator" content="altool report'
LINKS = {
    "glance": "At a glance",
    "differs": "What differs",
    "care": "Handle with care",
    "list": "List",
    "experiments": "Experiments",
    "others": "Other runs",
    "smoke": "Smoke runs",
}
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"  # the browser too keeps it from any network


def write(paths: Sequence[Path], out: Path | None, watch: Watch) -> tuple[Path, list[Section]]:
    """Writes the report on all runs at or below `paths`; returns its file and what stands in it. `out`: None for
    report.html beside the paths. Raises UserError where there is no run, or another's file is in the way."""
    out = out or _beside(paths)
    _refuse_foreign(out)
    text, sections = page(paths, watch)
    try:
        write_text_atomic(out, text)
    except OSError as error:
        raise UserError(
            f"{out} cannot be written ({error.strerror or error}): choose another --out."
        ) from None
    return out, sections


def page(paths: Sequence[Path], watch: Watch) -> tuple[str, list[Section]]:
    """The page as text."""
    found = find(paths, watch)
    anchors = _anchors([study.name + ("-smoke" if study.generated else "") for study in found.studies])
    by_anchor = dict(zip(anchors, found.studies, strict=True))
    sections = [section(by_anchor[anchor], anchor) for anchor in watch(anchors, "drawing")]
    plain_ones = plain.sections(found.plain)
    root = Path(os.path.commonpath([path.absolute() for path in paths]))
    total = _total(found)
    results, others = ([s for s in some if not s.generated] for some in (sections, plain_ones))
    smoke = [s for s in (*sections, *plain_ones) if s.generated]
    differing = overview.differing(results)
    main = [
        _part("glance", "At a glance", overview.headline(found, total), overview.verdicts(results)),
        _part("differs", f"What differs ({len(differing)})", overview.disagreements(differing)),
        _part("care", "Handle with care", overview.care(found, total, [*sections, *plain_ones], root)),
        _part(
            "list",
            "What is here",
            overview.index(results, "The papers' experiments"),
            overview.index(others, "Runs of no paper's experiment"),
            overview.index(smoke, "Smoke runs: no results"),
            overview.absent(sections),
        ),
        _part("experiments", "Experiments", *(s.body for s in results)) if results else "",
        _part("others", "Runs of no paper's experiment", *(s.body for s in others)) if others else "",
        _part("smoke", "Smoke runs: no results", *(s.body for s in smoke)) if smoke else "",
    ]
    title = f"altool report: {', '.join(path.absolute().name for path in paths)}"
    parts = {"experiments": bool(results), "others": bool(others), "smoke": bool(smoke)}
    return _document(title, main, parts), [*sections, *plain_ones]


def _document(title: str, main: Iterable[object], parts: Mapping[str, bool]) -> str:
    """`parts`: whether there is any of those that not every page has."""
    style = files("altool.report").joinpath("page.css").read_text(encoding="utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=Markup(POLICY)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        Markup(f'{OURS} {__version__}">'),
        tag("link", rel="icon", href="data:,"),  # else a browser asks the server for one
        tag("title", title),
        tag("style", Markup(style)),
    )
    links = [(anchor, text) for anchor, text in LINKS.items() if parts.get(anchor, True)]
    nav = tag(
        "nav", *(tag("a", text, href=f"#{anchor}") for anchor, text in links), aria_label="Parts of the page"
    )
    body = tag(
        "body",
        tag("a", "Skip to the content", href="#content", class_="skip"),
        tag("header", tag("h1", title), nav),
        tag("main", *main, id="content"),
        tag("footer", tag("p", _reading())),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _reading() -> str:
    return (
        "A value agrees when it lies within two standard errors of the mean measured (of one read off a figure, as far "
        "as it was read beside), a size or entropy of a dataset to the digits printed. A claim of order agrees when it "
        "holds at every stage and against every rival that it names, each beyond the 95 % interval of the difference; it "
        "differs as soon as one fails beyond it, and is not measured until then where runs are missing; else, where an "
        "interval holds zero, it is not resolved. Comparable means that the interval lies within a margin, of one point "
        "unless the claim gives another. Of one seed there is no interval: agrees or differs in sign. Differences are "
        "paired: equal seed. Made by altool report from the run folders alone."
    )


def _part(anchor: str, title: str, *inside: object) -> Markup:
    return tag(
        "section",
        tag("h2", title, id=f"{anchor}-title"),
        *inside,
        id=anchor,
        aria_labelledby=f"{anchor}-title",
    )


def _total(found: Found) -> Provenance:
    """Of all runs that can be read, each once."""
    kept = [one for one in found.seen if one.stages_done and one.folder.resolve() not in found.damaged]
    runs = [read_run(one.folder) or {} for one in kept]
    return provenance(runs, models=sum(one.stages_done for one in kept))


def _anchors(names: Sequence[str]) -> list[str]:
    """The names as ids, all distinct."""
    found: list[str] = []
    for name in names:
        base = "".join(c if c.isalnum() or c in "_-" else "-" for c in name)
        count = sum(other == base or other.startswith(f"{base}--") for other in found)
        found.append(f"{base}--{count + 1}" if count else base)
    return found


def _beside(paths: Sequence[Path]) -> Path:
    homes = [path.absolute().parent if path.name else path.absolute() for path in paths]  # `.` has no name
    return Path(os.path.commonpath(homes)) / "report.html"


def _refuse_foreign(out: Path) -> None:
    if out.is_dir():
        raise UserError(f"{out} is a folder: give the file to write, such as {out / 'report.html'}.")
    if out.exists() and OURS not in out.read_text(encoding="utf-8", errors="replace")[:4000]:
        raise UserError(f"{out} was not made by altool report: move it away, or choose another --out.")
