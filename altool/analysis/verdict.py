"""What we measured beside what was printed: a difference for every value, agrees, differs or not measured for every claim.

A value agrees when it lies within two standard errors of our mean. A claim agrees when it holds for the means, at every
stage and against every rival that it names; it differs as soon as one of them fails; until then, with runs missing, it
is not measured. Differences are paired: equal seed, and equal dataset where runs of several are taken together.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from itertools import chain, product
from typing import Any

import numpy as np
import pandas as pd

from altool.analysis import published
from altool.analysis.comparison import Comparison, compare
from altool.analysis.moment import Moment, moments, readings
from altool.analysis.published import Statement, statements
from altool.analysis.sides import lineup, panel_groups
from altool.analysis.study import Study

AGREES, DIFFERS, NOT_MEASURED = "agrees", "differs", "not measured"
ALONE = "n = 1: no standard error"
FACTS = {"pool_size": "n_pool", "test_size": "n_test", "pool_entropy": "entropy"}  # columns of Study.datasets
PRINTED = (
    "paper",
    "item",
    "section",
    "page",
    "kind",
    "origin",
    "dataset",
    "strategy",
    "versus",
    "at",
    "metric",
)
RESULTS = ("published", "measured", "se", "n", "difference", "within", "verdict", "note", "text")
Pairing = list[Comparison]  # two strategies, or one alone, stage by stage


@dataclass(frozen=True)
class Finding:
    """`measured`: the one number that decides, in printed units; `difference`: of it and the published one (of 0 for a
    mere order)."""

    verdict: str
    note: str = ""
    measured: float | None = None
    se: float | None = None
    n: int | None = None
    difference: float | None = None
    within: str = ""
    at: str = ""


def judge(study: Study) -> pd.DataFrame:
    """A row for every published row of the study's experiment; two where `at` (moment.py) or the dataset has two readings.

    Columns: what was printed (PRINTED; `at` as it was read), then published (text with relation and unit), measured, se,
    n, difference, within (yes, no or why neither; of values), verdict, note, text. Generated data and smoke runs are never
    judged.
    """
    found = []
    for said in chain.from_iterable(_datasets(row) for row in statements(study.name)):
        for finding in _findings(study, said):
            about = {key: getattr(said, key) for key in PRINTED} | {"at": finding.at or said.at}
            found.append(vars(finding) | about | {"published": said.printed(), "text": said.text})
    frame = pd.DataFrame(found, columns=[*PRINTED, *RESULTS])
    return frame.astype({"measured": float, "se": float, "difference": float, "n": "Int64"})


@dataclass(frozen=True)
class Values:
    """Printed, measured, and within two standard errors."""

    printed: int
    measured: int
    within: int


@dataclass(frozen=True)
class Tally:
    """`values`: of the papers; `others`: of their repositories and of third parties; then claims by verdict."""

    values: Values
    others: Values
    agree: int
    differ: int
    open: int


def count(judged: pd.DataFrame) -> Tally:
    """Of `judge`'s rows."""
    rows = judged.to_dict("records")
    claims = [row["verdict"] for row in rows if row["kind"] == "claim"]
    own = [row for row in rows if row["kind"] == "value" and row["origin"] in published.OWN]
    others = [row for row in rows if row["kind"] == "value" and row["origin"] not in published.OWN]
    return Tally(_values(own), _values(others), *map(claims.count, (AGREES, DIFFERS, NOT_MEASURED)))


def _values(rows: list[dict[Hashable, Any]]) -> Values:
    measured = [row for row in rows if not pd.isna(row["measured"])]
    return Values(len(rows), len(measured), sum(row["verdict"] == AGREES for row in rows))


def tally(judged: pd.DataFrame) -> str:
    """E.g. `Values: 3 of 5 within two standard errors, 2 not measured. Claims: 2 agree, 1 differs, 4 not measured.`"""
    parts, n = [], count(judged)
    for name, values in (("Values", n.values), ("Values that others report", n.others)):
        said = [f"{values.within} of {values.measured} within two standard errors"] * bool(values.measured)
        missing = values.printed - values.measured
        said += [f"{missing} not measured"] if missing else []
        parts += [f"{name}: {', '.join(said)}."] if said else []
    if n.agree + n.differ + n.open:
        agrees, differs = "agrees" if n.agree == 1 else "agree", "differs" if n.differ == 1 else "differ"
        parts.append(f"Claims: {n.agree} {agrees}, {n.differ} {differs}, {n.open} not measured.")
    return " ".join(parts)


def _datasets(said: Statement) -> list[Statement]:
    """The sentence read for each dataset that it may mean (V9)."""
    return [replace(said, dataset=dataset) for dataset in said.dataset.split(" or ")]


def _findings(study: Study, said: Statement) -> list[Finding]:
    if study.generated:
        return [Finding(NOT_MEASURED, "generated data or smoke scale: never judged")]
    if said.metric in FACTS:
        return [_fact(study, said)]
    if not said.relation:
        return [Finding(NOT_MEASURED, "in words only: look at the figure")]
    return [_finding(study, said, reading) for reading in range(readings(said.at))]


def _fact(study: Study, said: Statement) -> Finding:
    """Sizes and entropies of datasets are exact; a paper may have cut off digits or rounded them."""
    facts = study.datasets
    if said.value is None or facts.empty or said.dataset not in set(facts["panel"]):
        return Finding(NOT_MEASURED, f"{said.dataset} is not among the datasets at hand")
    measured = float(facts.loc[facts["panel"] == said.dataset, FACTS[said.metric]].iloc[0])
    difference = measured - said.value
    decimals = len(f"{said.value:g}".partition(".")[2])
    good = abs(difference) < 10.0**-decimals
    within = "yes" if good else "no"
    return Finding(AGREES if good else DIFFERS, "exact", measured, difference=difference, within=within)


def _finding(study: Study, said: Statement, reading: int) -> Finding:
    pairings: list[Pairing] = []
    missing: list[str] = []
    read: list[Moment] = []
    groups = panel_groups(study, said.dataset)
    if not groups:
        return Finding(NOT_MEASURED, f"no {said.dataset} in this study")
    for panels in groups:
        sides = lineup(study, said, panels)
        missing += sides.missing
        moment = moments(said.at, sides.planned)[reading]
        read.append(moment)
        for (name, ours), (rival, theirs) in product(sides.chosen.items(), sides.rivals.items()):
            if name != rival:
                where = (f"{name} − {rival}" if rival else name) + (
                    f" ({panels[0]})" if len(groups) > 1 else ""
                )
                pairings.append(compare(where, ours, theirs, moment, ratio=said.unit == "times"))
    lacking = "; ".join(dict.fromkeys(missing))
    at = read[0].text if len({moment.text for moment in read}) == 1 else said.at
    if not any(point.n for pairing in pairings for point in pairing):
        return Finding(NOT_MEASURED, lacking or f"nothing measured at {at} yet", at=at)
    if said.kind == "value":
        return replace(_value(said, pairings[0][0]), at=at)
    finding = _claim(said, pairings, most=read[0].most)
    if missing and finding.verdict == AGREES:
        finding = replace(finding, verdict=NOT_MEASURED, note=f"holds so far; {lacking}; {finding.note}")
    return replace(finding, at=at)


def _value(said: Statement, point: Comparison) -> Finding:
    assert said.value is not None
    difference = point.mean - said.value
    if point.n == 1:
        return Finding("", ALONE, point.mean, None, 1, difference, within=ALONE)
    theirs = said.std / np.sqrt(said.trials) if said.std is not None and said.trials else 0.0
    good = abs(difference) <= 2 * np.hypot(point.se, theirs)
    verdict, within = (AGREES, "yes") if good else (DIFFERS, "no")
    return Finding(verdict, "", point.mean, point.se, point.n, difference, within)


def _claim(said: Statement, pairings: list[Pairing], most: bool) -> Finding:
    relation, bound = said.relation, said.value or 0.0
    held = [[point.holds(relation, bound) for point in pairing] for pairing in pairings]
    verdicts = [_most(points) if most else _all(points) for points in held]
    verdict = next(v for v in (DIFFERS, NOT_MEASURED, AGREES) if v in verdicts)
    points = [point for pairing in pairings for point in pairing if point.n]
    tightest = min(points, key=lambda point: point.margin(relation, bound))
    note = _note(tightest, [holds for pairing in held for holds in pairing], paired=bool(said.versus))
    return Finding(verdict, note, tightest.mean, tightest.se, tightest.n, tightest.mean - bound)


def _all(held: list[bool | None]) -> str:
    return DIFFERS if False in held else NOT_MEASURED if None in held else AGREES


def _most(held: list[bool | None]) -> str:
    """More than half: decided as soon as the stages still to come cannot change it."""
    if held.count(True) * 2 > len(held):
        return AGREES
    return DIFFERS if held.count(False) * 2 >= len(held) else NOT_MEASURED


def _note(tightest: Comparison, held: list[bool | None], paired: bool) -> str:
    parts = [f"tightest: {tightest.where} at {tightest.moment}"]
    if tightest.n == 1:
        parts.append(ALONE)
    elif paired:
        parts.append(f"95 % interval {tightest.low:+.2f} to {tightest.high:+.2f}")
    if len(held) > 1:
        still = f", {held.count(None)} open" if None in held else ""
        parts.append(f"holds in {held.count(True)} of {len(held)} comparisons{still}")
    return "; ".join(parts)
