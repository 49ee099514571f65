"""What was published beside what was measured, and the verdict on every claim."""

import pandas as pd

from altool.analysis.study import Output, Study
from altool.analysis.tallies import shown_verdict, tally
from altool.analysis.verdict import judge

NOTHING = "–"


def view(study: Study) -> list[Output]:
    """One table, a row per published value or claim, measured with its standard error, and with its dataset where there are
    several; no output where the paper prints neither. All columns, unrounded, are in published.csv beside it."""
    return table(judge(study))


def table(judged: pd.DataFrame) -> list[Output]:
    """The same of `judge`'s rows."""
    if judged.empty:
        return []
    frame = pd.DataFrame([_row(row) for row in judged.to_dict("records")])
    if len({*judged["dataset"]}) > 1:
        frame.insert(1, "Dataset", list(judged["dataset"]))
    return [Output("published_table", "table", None, frame, tally(judged))]


def _row(row: dict) -> dict[str, str]:
    measured, spread = _number(row["measured"]), _number(row["se"])
    where = [str(row["paper"]), str(row["section"] or ""), f"p. {row['page']}" if row["page"] else ""]
    where += [] if row["origin"] == "paper" else [str(row["origin"])]
    return {
        "Claim": str(row["text"]),
        "Where": ", ".join(part for part in where if part),
        "At": str(row["at"]),
        "Published": str(row["published"]) or NOTHING,
        "Measured ± SE": measured if spread == NOTHING else f"{measured} ± {spread}",
        "n": NOTHING if pd.isna(row["n"]) else str(row["n"]),
        "Difference": _number(row["difference"]),
        "Verdict": shown_verdict(row),
        "Note": str(row["note"] or ""),
    }


def _number(value: float) -> str:
    """Four digits; a number of images in full."""
    if pd.isna(value):
        return NOTHING
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
