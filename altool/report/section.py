"""One experiment on the page: its claim, figures, tables, what was published beside what was measured, and whence."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from altool.analysis import published
from altool.analysis.comparison import AGREES, DIFFERS, NOT_MEASURED, NOT_RESOLVED
from altool.analysis.study import Output, Study
from altool.analysis.tallies import IN_SIGN, tally
from altool.analysis.views import published_table
from altool.core.errors import UserError
from altool.report.markup import Markup, definitions, fold, points, table, tag
from altool.report.provenance import Provenance, health, of_study
from altool.report.settings import settings
from altool.report.vector import inline
from altool.reproduce.draw import Viewed, views
from altool.reproduce.experiment import PAPERS, find_experiment

SAID = ("Claim", "Published", "Read as")  # of an experiment's header
MOST_ROWS = 60  # of a figure's numbers
MARKS = {AGREES: "✓", DIFFERS: "✗", NOT_RESOLVED: "?", NOT_MEASURED: "–"}
KINDS = {AGREES: "agrees", DIFFERS: "differs", NOT_RESOLVED: "unresolved"}  # for the eye; all else is open
NOTHING = "–"
RELATIONS = {
    "<": "lower",
    "<=": "not higher",
    ">": "higher",
    ">=": "not lower",
    "<<": "significantly lower",
    ">>": "significantly higher",
    "~": "comparable",
}


@dataclass(frozen=True, eq=False)
class Section:
    """`name`: of the experiment, "" for runs of none; `runs`: on disk and wanted; `judged`: verdict.judge's rows; `stamp`:
    what says that it is no result of a paper's; `gaps`: what could not be drawn."""

    anchor: str
    name: str
    paper: str
    title: str
    seeds: str
    runs: tuple[int, int]
    judged: pd.DataFrame
    stamp: str
    provenance: Provenance
    gaps: list[str]
    generated: bool
    body: Markup


def section(study: Study, anchor: str) -> Section:
    """`anchor`: unique on the page."""
    viewed = _viewed(study)
    source = of_study(study)
    spec = study.spec
    title = f"{spec.get('paper', '')} {spec.get('item', '')}: {spec.get('title', study.name)}".strip(" :")
    wanted = {study.seed_folder(cell, seed) for cell in study.cells for seed in cell.seeds}
    done = len(set(study.stages.loc[study.stages["finished"].astype(bool), "folder"]))
    runs = (done, 0 if spec.get("measures") == "data" else len(wanted))
    body = tag(
        "section",
        tag("h3", tag("a", title, href=f"#{anchor}"), id=f"{anchor}-title"),
        tag("p", study.stamp, class_="stamp") if study.stamp else "",
        tag("p", _about(runs, seeds_of(study), viewed.judged), class_="about"),
        definitions(_said(study.name)),
        *pictures(viewed.outputs, anchor),
        _published(viewed.judged),
        points([f"Not drawn: {reason}" for reason in viewed.failed], "gaps"),
        careful(study, source),
        settings(study),
        source.folded(_sources(study, spec)),
        tag("p", tag("a", "back to the list", href="#list"), class_="back"),
        id=anchor,
        aria_labelledby=f"{anchor}-title",
    )
    return Section(
        anchor,
        study.name,
        str(spec.get("paper", "")),
        title,
        seeds_of(study),
        runs,
        viewed.judged,
        study.stamp,
        source,
        viewed.failed,
        study.generated,
        body,
    )


def _viewed(study: Study) -> Viewed:
    try:
        return views(study)
    except UserError as error:  # a record that cannot be read while judging
        return Viewed([], pd.DataFrame(columns=["kind", "origin", "verdict", "measured"]), "", [str(error)])


def seeds_of(study: Study) -> str:
    """How many seeds the cells have on disk: 5, or 2 to 5."""
    counts = sorted({n for cell in study.cells if (n := len(study.seeds_on_disk(cell)))})
    return " to ".join(dict.fromkeys(map(str, (counts[0], counts[-1])))) if counts else NOTHING


def _about(runs: tuple[int, int], seeds: str, judged: pd.DataFrame) -> str:
    done, wanted = runs
    parts = [f"{done} of {wanted} runs finished, n = {seeds}." if wanted else "", tally(judged)]
    return " ".join(part for part in parts if part)


def _said(name: str) -> list[tuple[str, str]]:
    """The claim in words, as the experiment's file has it; nothing of one that altool does not know."""
    try:
        claim = find_experiment(name).claim
    except UserError:
        return []
    parts = re.split(r"^(\w[\w ]*): ", claim, flags=re.M)[1:]
    told = dict(zip(parts[::2], parts[1::2], strict=True))
    return [(key, " ".join(told[key].split())) for key in SAID if key in told]


def pictures(outputs: list[Output], anchor: str) -> list[Markup]:
    """Figures with their numbers, and tables; not that of the verdicts, which has a look of its own."""
    found = []
    for output in outputs:
        if output.figure is not None:
            drawing = inline(output.figure, output.caption, f"{anchor}-{output.name}")
            found.append(tag("figure", drawing, tag("figcaption", output.caption), _numbers(output)))
        elif output.name != "published_table" and output.frame is not None:
            found.append(frame_table(output.frame, output.caption))
    figures = [part for part in found if part.startswith("<figure")]
    tables = [part for part in found if not part.startswith("<figure")]
    return [tag("div", *figures, class_="figures"), *tables] if figures else tables


def _numbers(output: Output) -> Markup:
    if output.frame is None or output.frame.empty:
        return Markup()
    n = len(output.frame)
    more = f", the first {MOST_ROWS} of {n:,} rows" if n > MOST_ROWS else ""
    return fold("Numbers", frame_table(output.frame.head(MOST_ROWS), f"Drawn above{more}"))


def frame_table(frame: pd.DataFrame, caption: str) -> Markup:
    """Columns that say nothing are left out, but not the first."""
    columns = {str(c): [_text(value) for value in frame[c]] for c in frame}
    first = next(iter(columns), "")
    kept = {c: texts for c, texts in columns.items() if c == first or {*texts} - {"", NOTHING}}
    return table(caption, list(kept), list(zip(*kept.values(), strict=True)))


def _text(value: Any) -> str:
    """Four digits."""
    if isinstance(value, float):
        return NOTHING if pd.isna(value) else f"{value:.4g}"
    return NOTHING if value is None or value is pd.NA else str(value)


def verdict_mark(verdict: str) -> Markup:
    """`verdict`: as the table of what was published has it."""
    decided = verdict.removesuffix(IN_SIGN)
    text = f"{MARKS.get(decided, '')} {verdict}".strip() or NOTHING
    return tag("span", text, class_=f"verdict {KINDS.get(decided, 'open')}")


def _published(judged: pd.DataFrame) -> Markup:
    """The table of the verdicts, rows of words that no number decides among them."""
    outputs = published_table.table(judged)
    if not outputs:
        return tag(
            "p", "Nothing of it was published in numbers or in words that can be judged.", class_="about"
        )
    frame = outputs[0].frame
    assert frame is not None
    head = ["Claim or value", "Verdict", *(c for c in frame if c not in ("Claim", "Verdict"))]
    rows = []
    for row in frame.to_dict("records"):
        row["Published"] = in_words(row["Published"])
        rows.append([row["Claim"], verdict_mark(row["Verdict"]), *(row[c] for c in head[2:])])
    return table("Published against measured", head, rows, "published")


def in_words(published: str) -> str:
    """A bare relation of the grammar of published.csv as a person reads it."""
    return RELATIONS.get(published, published)


def careful(study: Study, source: Provenance) -> Markup:
    """What a reader should know before believing it."""
    said = [*source.cautions, *health(study)]
    return fold(f"Handle with care ({len(said)})", points(said)) if said else Markup()


def _sources(study: Study, spec: Mapping[str, Any]) -> list[tuple[str, object]]:
    paper = str(spec.get("paper", ""))
    origins = published_origins(study.name)
    command = study.command or f"altool reproduce {study.name}"
    return [
        (
            "Paper",
            f"{paper} ({PAPERS[paper]}), {spec.get('item', '')}" if paper in PAPERS else paper or NOTHING,
        ),
        ("Published values", origins or "none: the paper prints a figure without numbers"),
        ("Command", tag("code", command)),
    ]


def published_origins(name: str) -> str:
    """E.g. `12 of the paper (P2), 3 derived (P2)`: whose the printed values and claims are."""
    rows = published.rows(name)
    if rows.empty:
        return ""
    counts = Counter(zip(rows["kind"], rows["origin"], rows["paper"], strict=True))
    return "; ".join(
        f"{n} {kind}{'s' if n > 1 else ''}: {origin}, {paper}"
        for (kind, origin, paper), n in sorted(counts.items())
    )
