"""What we measured beside what was printed: a difference for every value; agrees, differs, not resolved or not measured for
every claim.

A value agrees when it lies within two standard errors of our mean, and as far as it was read off a figure beside; sizes and
entropies of datasets have no spread and agree to the digits printed. A claim agrees when it holds at every stage and against
every rival that it names, each beyond the 95 % interval of the difference; it differs as soon as one of them fails beyond
it; until then, with runs missing, it is not measured, and else, where an interval holds zero (or the bound), not resolved.
"Comparable" asks for the interval to lie within a margin, so that few seeds resolve nothing instead of agreeing.
Of one seed there is no interval: the sign alone speaks, which the note and the table say. Differences are paired: equal
seed, and equal dataset where runs of several are taken together.
"""

from dataclasses import dataclass, replace
from itertools import chain, product

import numpy as np
import pandas as pd

from altool.analysis.comparison import (
    AGREES,
    DIFFERS,
    MARGIN,
    NOT_MEASURED,
    NOT_RESOLVED,
    WANT_AN_INTERVAL,
    Comparison,
    compare,
)
from altool.analysis.moment import Moment, moments, readings
from altool.analysis.published import Statement, statements
from altool.analysis.sides import lineup, panel_groups
from altool.analysis.study import Study

ALONE = "n = 1: no standard error"
SIGN_ALONE = "n = 1, no interval: the sign alone"
NO_SPREAD = "no spread is printed: counted as none"
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
    good = abs(difference) <= 2 * np.hypot(point.se, theirs) + (said.read_to or 0.0)
    verdict, within = (AGREES, "yes") if good else (DIFFERS, "no")
    notes = [f"read to ±{said.read_to:g}"] if said.read_to else []
    notes += [] if said.std is not None and said.trials else [NO_SPREAD]
    return Finding(verdict, "; ".join(notes), point.mean, point.se, point.n, difference, within)


def _claim(said: Statement, pairings: list[Pairing], most: bool) -> Finding:
    relation, bound = said.relation, said.value or 0.0
    if relation == "~" and said.value is None:
        bound = MARGIN
    of_points = [[point.verdict(relation, bound) for point in pairing] for pairing in pairings]
    verdicts = [_most(one) if most else _all(one) for one in of_points]
    verdict = _all(verdicts)
    points, flat = [*chain.from_iterable(pairings)], [*chain.from_iterable(of_points)]
    measured = [point for point in points if point.n]
    deciding = [point for point, one in zip(points, flat, strict=True) if one == verdict and point.n]
    tightest = min(deciding or measured, key=lambda point: point.margin(relation, bound))
    margin = f", margin ±{bound:g}" if relation == "~" else ""
    note = _note(tightest, flat, relation, margin, paired=bool(said.versus))
    difference = tightest.mean - (0.0 if margin else bound)
    return Finding(verdict, note, tightest.mean, tightest.se, tightest.n, difference)


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


def _note(tightest: Comparison, verdicts: list[str], relation: str, margin: str, paired: bool) -> str:
    parts = [f"tightest: {tightest.where} at {tightest.moment}"]
    if tightest.n == 1:
        parts.append(ALONE if relation in WANT_AN_INTERVAL else SIGN_ALONE)
    else:
        sign = "+" if paired else ""
        parts.append(f"95 % interval {tightest.low:{sign}.2f} to {tightest.high:{sign}.2f}{margin}")
    if len(verdicts) > 1:
        counts = {
            name: verdicts.count(v) for v, name in ((NOT_RESOLVED, "not resolved"), (NOT_MEASURED, "open"))
        }
        still = "".join(f", {n} {name}" for name, n in counts.items() if n)
        parts.append(f"holds in {verdicts.count(AGREES)} of {len(verdicts)} comparisons{still}")
    return "; ".join(parts)
