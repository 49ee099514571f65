"""What we measured beside what was printed: a difference for every value; agrees, differs, not resolved or not measured for
every claim.

A value agrees when it lies within two standard errors of our mean. A claim agrees when it holds at every stage and against
every rival that it names, each beyond the 95 % interval of the difference; it differs as soon as one of them fails beyond
it; until then, with runs missing, it is not measured, and else, where an interval holds zero (or the bound), not resolved.
Of one seed there is no interval: the sign alone speaks, which the note and the table say. Differences are paired: equal
seed, and equal dataset where runs of several are taken together.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from itertools import chain, product
from typing import Any

import numpy as np
import pandas as pd

from altool.analysis import published
from altool.analysis.comparison import AGREES, DIFFERS, NOT_MEASURED, NOT_RESOLVED, Comparison, compare
from altool.analysis.moment import Moment, moments, readings
from altool.analysis.published import Statement, statements
from altool.analysis.sides import lineup, panel_groups
from altool.analysis.study import Study

ALONE = "n = 1: no standard error"
SIGN_ALONE = "n = 1, no interval: the sign alone"
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
    unresolved: int
    open: int
    by_sign: int  # of those that agree or differ: with one seed


def count(judged: pd.DataFrame) -> Tally:
    """Of `judge`'s rows."""
    rows = judged.to_dict("records")
    claims = [row["verdict"] for row in rows if row["kind"] == "claim"]
    by_sign = sum(is_by_sign(row) for row in rows)
    own = [row for row in rows if row["kind"] == "value" and row["origin"] in published.OWN]
    others = [row for row in rows if row["kind"] == "value" and row["origin"] not in published.OWN]
    agree, differ, unresolved, missing = map(claims.count, (AGREES, DIFFERS, NOT_RESOLVED, NOT_MEASURED))
    return Tally(_values(own), _values(others), agree, differ, unresolved, missing, by_sign)


def is_by_sign(row: Mapping[Hashable, Any]) -> bool:
    """Whether the claim of a row of `judge` was decided by one seed."""
    return bool(row["kind"] == "claim" and row["verdict"] in (AGREES, DIFFERS) and row["n"] == 1)


def _values(rows: list[dict[Hashable, Any]]) -> Values:
    measured = [row for row in rows if not pd.isna(row["measured"])]
    return Values(len(rows), len(measured), sum(row["verdict"] == AGREES for row in rows))


def tally(judged: pd.DataFrame) -> str:
    """E.g. `Values: 3 of 5 within two standard errors, 2 not measured. Claims: 2 agree, 1 differs, 1 not
    resolved, 4 not measured.`"""
    parts, n = [], count(judged)
    for name, values in (("Values", n.values), ("Values that others report", n.others)):
        said = [f"{values.within} of {values.measured} within two standard errors"] * bool(values.measured)
        missing = values.printed - values.measured
        said += [f"{missing} not measured"] if missing else []
        parts += [f"{name}: {', '.join(said)}."] if said else []
    if n.agree + n.differ + n.unresolved + n.open:
        agrees, differs = "agrees" if n.agree == 1 else "agree", "differs" if n.differ == 1 else "differ"
        sign = f" ({n.by_sign} by the sign of one seed)" if n.by_sign else ""
        decided = f"Claims: {n.agree} {agrees}, {n.differ} {differs}{sign}"
        parts.append(f"{decided}, {n.unresolved} not resolved, {n.open} not measured.")
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
    of_points = [[point.verdict(relation, bound) for point in pairing] for pairing in pairings]
    verdicts = [_most(one) if most else _all(one) for one in of_points]
    verdict = _all(verdicts)
    points, flat = [*chain.from_iterable(pairings)], [*chain.from_iterable(of_points)]
    measured = [point for point in points if point.n]
    deciding = [point for point, one in zip(points, flat, strict=True) if one == verdict and point.n]
    tightest = min(deciding or measured, key=lambda point: point.margin(relation, bound))
    note = _note(tightest, flat, relation, paired=bool(said.versus))
    return Finding(verdict, note, tightest.mean, tightest.se, tightest.n, tightest.mean - bound)


def _all(verdicts: list[str]) -> str:
    """The first of these that occurs."""
    return next(v for v in (DIFFERS, NOT_MEASURED, NOT_RESOLVED, AGREES) if v in verdicts)


def _most(verdicts: list[str]) -> str:
    """More than half: decided as soon as the stages still to come cannot change it."""
    if verdicts.count(AGREES) * 2 > len(verdicts):
        return AGREES
    if verdicts.count(DIFFERS) * 2 >= len(verdicts):
        return DIFFERS
    return NOT_MEASURED if NOT_MEASURED in verdicts else NOT_RESOLVED


def _note(tightest: Comparison, verdicts: list[str], relation: str, paired: bool) -> str:
    parts = [f"tightest: {tightest.where} at {tightest.moment}"]
    if tightest.n == 1:
        parts.append(ALONE if relation in ("<<", ">>", "~") else SIGN_ALONE)
    else:
        sign = "+" if paired else ""
        parts.append(f"95 % interval {tightest.low:{sign}.2f} to {tightest.high:{sign}.2f}")
    if len(verdicts) > 1:
        counts = {
            name: verdicts.count(v) for v, name in ((NOT_RESOLVED, "not resolved"), (NOT_MEASURED, "open"))
        }
        still = "".join(f", {n} {name}" for name, n in counts.items() if n)
        parts.append(f"holds in {verdicts.count(AGREES)} of {len(verdicts)} comparisons{still}")
    return "; ".join(parts)
