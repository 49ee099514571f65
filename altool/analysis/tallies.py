"""How many of the verdicts say what, and how they are told to a reader."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from altool.analysis import published
from altool.analysis.comparison import AGREES, DIFFERS, NOT_MEASURED, NOT_RESOLVED
from altool.analysis.verdict import FACTS

IN_SIGN = " in sign"  # behind a verdict that rests on one seed


@dataclass(frozen=True)
class Values:
    """Printed, measured, and agreeing: within two standard errors, or to the digits printed."""

    printed: int
    measured: int
    agreeing: int


@dataclass(frozen=True)
class Tally:
    """`facts`: sizes and entropies of datasets; `values`: other numbers of the papers; `others`: of their repositories and
    of third parties; then claims by verdict."""

    facts: Values
    values: Values
    others: Values
    agree: int
    differ: int
    unresolved: int
    open: int
    agree_in_sign: int  # of those that agree: with one seed
    differ_in_sign: int


def count(judged: pd.DataFrame) -> Tally:
    """Of `judge`'s rows."""
    rows = judged.to_dict("records")
    claims = [shown_verdict(row) for row in rows if row["kind"] == "claim"]
    printed = [row for row in rows if row["kind"] == "value"]
    others = [row for row in printed if row["origin"] not in published.OWN]
    facts = [row for row in printed if row["origin"] in published.OWN and row["metric"] in FACTS]
    values = [row for row in printed if row["origin"] in published.OWN and row["metric"] not in FACTS]
    n = {said: claims.count(said) for said in (AGREES, DIFFERS, NOT_RESOLVED, NOT_MEASURED)}
    in_sign = {said: claims.count(said + IN_SIGN) for said in (AGREES, DIFFERS)}
    return Tally(
        facts=_values(facts),
        values=_values(values),
        others=_values(others),
        agree=n[AGREES] + in_sign[AGREES],
        differ=n[DIFFERS] + in_sign[DIFFERS],
        unresolved=n[NOT_RESOLVED],
        open=n[NOT_MEASURED],
        agree_in_sign=in_sign[AGREES],
        differ_in_sign=in_sign[DIFFERS],
    )


def shown_verdict(row: Mapping[Hashable, Any]) -> str:
    """Of a row of `judge`; of a claim that one seed decided: `agrees in sign`, `differs in sign`."""
    alone = row["kind"] == "claim" and row["verdict"] in (AGREES, DIFFERS) and row["n"] == 1
    return f"{row['verdict']}{IN_SIGN if alone else ''}"


def as_shown(judged: pd.DataFrame) -> pd.DataFrame:
    """`judge`'s rows with the verdicts as a reader is to see them."""
    return judged.assign(verdict=[shown_verdict(row) for row in judged.to_dict("records")])


def _values(rows: list[dict[Hashable, Any]]) -> Values:
    measured = [row for row in rows if not pd.isna(row["measured"])]
    return Values(len(rows), len(measured), sum(row["verdict"] == AGREES for row in rows))


def tally(judged: pd.DataFrame) -> str:
    """E.g. `Sizes and entropies: 6 of 6 to the digits printed. Values: 3 of 5 within two standard errors, 2 not measured.
    Claims: 2 agree, 1 differs, 1 not resolved, 4 not measured.`"""
    parts, n = [], count(judged)
    spread = "within two standard errors"
    for name, numbers, near in (
        ("Sizes and entropies", n.facts, "to the digits printed"),
        ("Values", n.values, spread),
        ("Values that others report", n.others, spread),
    ):
        said = [f"{numbers.agreeing} of {numbers.measured} {near}"] * bool(numbers.measured)
        missing = numbers.printed - numbers.measured
        said += [f"{missing} not measured"] if missing else []
        parts += [f"{name}: {', '.join(said)}."] if said else []
    if n.agree + n.differ + n.unresolved + n.open:
        agrees, differs = "agrees" if n.agree == 1 else "agree", "differs" if n.differ == 1 else "differ"
        by_sign = n.agree_in_sign + n.differ_in_sign
        sign = f" ({by_sign} by the sign of one seed)" if by_sign else ""
        decided = f"Claims: {n.agree} {agrees}, {n.differ} {differs}{sign}"
        parts.append(f"{decided}, {n.unresolved} not resolved, {n.open} not measured.")
    return " ".join(parts)
