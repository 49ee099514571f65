"""A figure of ours inside a page: its SVG without what only a file needs, its ids its own."""

import re

from matplotlib.figure import Figure

from altool.analysis.canvas import encode
from altool.report.markup import Markup, tag

HEAD = re.compile(r"^.*?<svg [^>]*?viewBox=\"([^\"]*)\"[^>]*>", re.S)
FILE_ONLY = (re.compile(r"<metadata>.*?</metadata>", re.S), re.compile(r"<style type=.*?</style>", re.S))
ID = re.compile(r'(\bid="|href="#|url\(#)')  # where an id is given, and the two ways of naming it


def inline(figure: Figure, about: str, prefix: str) -> Markup:
    """The figure as an <svg> element. `prefix`: unique on the page, for figures repeat ids of one another, and a browser
    would take the first of them, even one that is folded away."""
    text = encode(figure, "svg").decode()
    head = HEAD.match(text)
    assert head is not None, "matplotlib writes a viewBox"
    drawing = text[head.end() : text.rindex("</svg>")]
    for part in FILE_ONLY:
        drawing = part.sub("", drawing)
    drawing = ID.sub(rf"\g<1>{prefix}-", drawing).strip()
    width, height = (round(float(size)) for size in head[1].split()[2:])
    return tag(
        "svg", Markup(drawing), viewBox=head[1], width=width, height=height, role="img", aria_label=about
    )
