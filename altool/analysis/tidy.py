"""The tables of a packed study, as bytes: all runs in one, a row per fitted model or per bought label."""

import importlib.util
import io
from collections.abc import Mapping

import pandas as pd

from altool.core.errors import UserError
from altool.core.records import table_text

Rows = list[dict[str, str]]
STAGES_FIRST = ("run", "dataset", "imbalance", "learner", "strategy", "compat", "seed", "stage")
ACQUIRED_COLUMNS = (*STAGES_FIRST, "rank", "index", "label", "score")


def check_format(format: str) -> None:
    """Raises UserError where Parquet is asked for and cannot be written."""
    if format == "parquet" and importlib.util.find_spec("pyarrow") is None:
        raise UserError('--format parquet needs pyarrow: pip install "altool[parquet]", or take csv.')


def tables(stages: Rows, purchases: Rows, format: str = "csv") -> Mapping[str, bytes]:
    """`stages` and `acquired` as files by name. In CSV every value is the text of the run folder's own file."""
    found = dict.fromkeys(key for row in stages for key in row)
    columns = [*STAGES_FIRST, *(key for key in found if key not in STAGES_FIRST)]
    made = {"stages": (stages, columns), "acquired": (purchases, list(ACQUIRED_COLUMNS))}
    write = _parquet if format == "parquet" else _csv
    return {f"{name}.{format}": write(rows, columns) for name, (rows, columns) in made.items()}


def _csv(rows: Rows, columns: list[str]) -> bytes:
    return table_text([dict[str, object](row) for row in rows], columns).encode()


def _parquet(rows: Rows, columns: list[str]) -> bytes:
    """Columns that hold numbers alone are numbers; lists stay the text a;b;c."""
    frame = pd.DataFrame(rows, columns=columns, dtype="string").replace("", pd.NA)
    for column in frame.columns:
        try:
            frame[column] = pd.to_numeric(frame[column])
        except ValueError:
            continue
    out = io.BytesIO()
    frame.convert_dtypes().to_parquet(out, index=False)
    return out.getvalue()
