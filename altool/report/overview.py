"""What a reader wants first: how much agrees, what does not, what to be careful about, and where everything is."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from altool.analysis.comparison import DIFFERS
from altool.analysis.tallies import Values, count
from altool.analysis.views.published_table import table as published_rows
from altool.config.files import options
from altool.core.states import STATES, Seen
from altool.report.find import Found
from altool.report.markup import Markup, fold, join, points, table, tag
from altool.report.provenance import Provenance
from altool.report.section import KINDS, NOTHING, Section, in_words
from altool.reproduce.experiment import PAPERS

JUDGED = (
    "Values agree",
    "others' values",
    "Claims agree",
    "differ",
    "not resolved",
    "not measured",
    "",
)
MOST_NAMED = 20  # runs that a list names one by one


def headline(found: Found, total: Provenance) -> Markup:
    """One line of numbers."""
    said = dict(total.facts)
    texts = [counted(sum(not study.generated for study in found.studies), "experiment")]
    texts += [said[key] for key in ("Runs", "Made", "Code") if key in said]
    texts += [f"torch {said['torch']}"] if "torch" in said else []
    return points(texts, "headline")


def counted(n: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{n} {noun}" if n == 1 else f"{n:,} {noun}s"


def verdicts(sections: Sequence[Section]) -> Markup:
    """Counts by paper, of whole experiments with the papers' settings."""
    rows = []
    for paper in [*PAPERS, ""]:
        judged = [s.judged for s in sections if s.paper == paper and not s.stamp and not s.judged.empty]
        if judged:
            whole = pd.concat(judged, ignore_index=True)
            name = f"{paper}: {PAPERS[paper]}" if paper else "of one's own"
            rows.append((name, str(len(judged)), *counts(whole), bar(whole)))
    if not rows:
        return tag("p", "Nothing here was compared with what a paper says yet.")
    head = ("Paper", "Experiments", *JUDGED)
    return table("Published against measured, by paper", head, rows, "tally")


def counts(judged: pd.DataFrame) -> tuple[str, ...]:
    """Values that agree of those that were measured, the papers' and others'; of claims, each verdict."""
    n = count(judged)
    agree, differ = _decided(n.agree, n.agree_in_sign), _decided(n.differ, n.differ_in_sign)
    return _values(n.facts, n.values), _values(n.others), agree, differ, str(n.unresolved), str(n.open)


def _decided(n: int, in_sign: int) -> str:
    return f"{n} ({in_sign} in sign)" if in_sign else str(n)


def _values(*some: Values) -> str:
    printed, measured, agreeing = (sum(getattr(n, key) for n in some) for key in vars(some[0]))
    texts = [f"{agreeing} of {measured}"] * bool(measured)
    texts += [f"{printed - measured} open"] * (printed > measured)
    return ", ".join(texts) or NOTHING


def bar(judged: pd.DataFrame) -> Markup:
    """The same for the eye: agrees, differs, not resolved, open, by length and by shade."""
    n = Counter(KINDS.get(v, "open") for v in judged["verdict"])
    parts = [
        tag("i", class_=kind, style=f"flex-grow:{n[kind]}") for kind in (*KINDS.values(), "open") if n[kind]
    ]
    return tag("span", *parts, class_="bar", aria_hidden="true")


def differing(sections: Sequence[Section]) -> list[tuple[Section, dict[Hashable, Any]]]:
    """The rows, as their table has them, of every value and claim that differs, of whole experiments with the papers'
    settings."""
    found = []
    for s in sections:
        outputs = [] if s.stamp else published_rows(s.judged.query(f"verdict == {DIFFERS!r}"))
        frames = [output.frame for output in outputs if output.frame is not None]
        found += [(s, row) for frame in frames for row in frame.to_dict("records")]
    return found


def disagreements(differ: Sequence[tuple[Section, Mapping[Hashable, Any]]]) -> Markup:
    """`differing`'s rows, each with its place on the page."""
    rows = []
    for s, row in differ:
        link = tag("a", s.title.partition(":")[0], href=f"#{s.anchor}")
        told = [row[key] for key in ("Measured ± SE", "n", "At", "Note")]
        rows.append((row["Claim"], link, in_words(row["Published"]), *told))
    if not rows:
        return tag("p", "Nothing that was measured differs from what was published.")
    head = ("Claim or value", "Where", "Published", "Measured ± SE", "n", "At", "Note")
    return table("What differs from the papers", head, rows, "named")


def index(sections: Sequence[Section], caption: str) -> Markup:
    """A row for each, with a link; verdicts where papers have said something."""
    judging = any(len(s.judged) for s in sections if not s.generated)
    rows = []
    for s in sections:
        done, wanted = s.runs
        link = join(
            [tag("a", s.title, href=f"#{s.anchor}"), tag("span", s.name, class_="name") if s.name else ""]
        )
        stamp = s.stamp.rstrip(".").replace("no result", "").strip(": ") if s.generated else s.stamp
        marks = [*([stamp] if stamp else []), *(["not all drawn"] if s.gaps else [])]
        marks += ["handle with care"] if s.provenance.cautions else []
        row = [link, f"{done} of {wanted}" if wanted else NOTHING, s.seeds]
        if judging:
            row += (
                [*counts(s.judged), bar(s.judged)] if len(s.judged) else [*(NOTHING,) * (len(JUDGED) - 1), ""]
            )
        rows.append([*row, "; ".join(marks)])
    head = ("Experiment", "Runs done", "n", *(JUDGED if judging else ()), "Note")
    return table(caption, head, rows, "index") if rows else Markup()


def absent(sections: Sequence[Section]) -> Markup:
    """The papers' experiments of which nothing is here."""
    here = {s.name for s in sections if not s.generated}
    rest = [
        (tag("code", name), option.help) for name, option in options("experiment").items() if name not in here
    ]
    if not rest:
        return Markup()
    command = join(["Each is one command: ", tag("code", "altool reproduce NAME"), "."])
    return fold(
        f"Not on disk: {len(rest)} experiments of the papers",
        tag("p", command),
        table("Not on disk", ("Name", "What"), rest),
    )


def care(found: Found, total: Provenance, sections: Sequence[Section], root: Path) -> Markup:
    """Runs that are not done, files that could not be read, code that no commit holds."""
    items: list[object] = [text[0].upper() + text[1:] + "." for text in total.cautions]
    for state in [*STATES[1:], *sorted({one.status for one in found.seen} - {*STATES})]:
        runs = [one for one in found.seen if one.status == state]
        if runs:
            items.append(
                fold(
                    f"{counted(len(runs), 'run')}: {state}",
                    points(_run(one, root) for one in runs[:MOST_NAMED]),
                    _more(runs),
                )
            )
    if found.damaged:
        damaged = [(_short(path, root), reason) for path, reason in sorted(found.damaged.items())]
        texts = [
            join([tag("code", where), f": {reason.replace(str(root), '…')}"]) for where, reason in damaged
        ]
        items.append(fold(f"{len(damaged)} damaged, left out of every number here", points(texts)))
    smoke = sum(s.generated for s in sections)
    if smoke:
        items.append(f"{counted(smoke, 'section')} of smoke runs: no results, and in no count above.")
    gaps = [s for s in sections if s.gaps]
    if gaps:
        links = join([tag("a", s.name, href=f"#{s.anchor}") for s in gaps], ", ")
        items.append(join(["Not all could be drawn of ", links, "."]))
    return points(items, "care") if items else tag("p", "All runs are done, and all could be read.")


def _run(one: Seen, root: Path) -> Markup:
    stages = f"{one.stages_done} of {one.stages or '?'} stages"
    reason = f": {one.reason.strip().splitlines()[-1]}" if one.reason.strip() else ""
    return join([tag("code", _short(one.folder, root)), f", {stages}{reason}"])


def _more(runs: Sequence[Seen]) -> Markup:
    rest = len(runs) - MOST_NAMED
    return tag("p", f"and {rest} more: altool status names them.") if rest > 0 else Markup()


def _short(path: Path, root: Path) -> str:
    path = path.absolute()
    return str(path.relative_to(root) if path.is_relative_to(root) else Path("…", *path.parts[-5:]))
