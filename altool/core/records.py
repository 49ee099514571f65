"""What a run leaves behind as rows: stages.csv and acquired.csv, and how a cell of them is written."""

import csv
import dataclasses
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from altool.core.atomic import write_text_atomic
from altool.core.errors import RunConflict

SCHEMA = 1


@dataclass(frozen=True)
class Identity:
    """What a run is, in the names that the person typed."""

    dataset: str
    imbalance: str
    learner: str
    strategy: str
    compat: str = "recommended"


@dataclass(frozen=True)
class Metrics:
    """How good a model is on one split. Fractions 0 to 1; nll in nats; None where there is no such split or class."""

    accuracy: float | None = None
    balanced_accuracy: float | None = None
    macro_f1: float | None = None
    recall_per_class: tuple[float | None, ...] | None = None
    nll: float | None = None
    ece: float | None = None
    miou: float | None = None
    iou_per_class: tuple[float | None, ...] | None = None


@dataclass(frozen=True)
class Seconds:
    """Wall time of the phases of one stage; `query` is strategy_fit + score + select."""

    fit: float = 0.0
    strategy_fit: float = 0.0
    score: float = 0.0
    select: float = 0.0
    evaluate: float = 0.0

    @property
    def query(self) -> float:
        return self.strategy_fit + self.score + self.select


@dataclass(frozen=True)
class StageRecord:
    """One finished stage: one row of stages.csv."""

    identity: Identity
    seed: int
    stage: int
    n_labelled: int
    n_distinct: int
    test: Metrics
    val: Metrics
    class_counts: tuple[int, ...]
    class_entropy: float
    seconds: Seconds
    peak_memory_mib: float
    device: str

    def row(self) -> dict[str, object]:
        """Column name to value, in the order of the file."""
        metrics = dataclasses.asdict(self.test)
        val = {f"val_{key}": value for key, value in dataclasses.asdict(self.val).items()}
        return {
            "schema": SCHEMA,
            **dataclasses.asdict(self.identity),
            "seed": self.seed,
            "stage": self.stage,
            "n_labelled": self.n_labelled,
            "n_distinct": self.n_distinct,
            **metrics,
            **val,
            "class_counts": self.class_counts,
            "class_entropy": self.class_entropy,
            **{f"{f.name}_seconds": getattr(self.seconds, f.name) for f in dataclasses.fields(Seconds)},
            "query_seconds": self.seconds.query,
            "peak_memory_mib": self.peak_memory_mib,
            "device": self.device,
        }


@dataclass(frozen=True)
class Purchase:
    """One bought label: one row of acquired.csv. `stage` is the first stage whose model is fitted on it.

    `rank` counts from 0 in the order of the picks; `score` is the strategy's at the pick, None for the start set.
    """

    stage: int
    rank: int
    index: int
    label: int | None
    score: float | None


PURCHASE_COLUMNS = tuple(field.name for field in dataclasses.fields(Purchase))
VOLATILE_SUFFIX = "_seconds"
VOLATILE_COLUMNS = ("peak_memory_mib", "device")


def is_volatile(column: str) -> bool:
    """Whether the column may differ between two equal runs."""
    return column.endswith(VOLATILE_SUFFIX) or column in VOLATILE_COLUMNS


def cell(value: object) -> str:
    """A value as CSV text: floats in their shortest exact form, lists as a;b;c, None as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} does not go into a record")
        return repr(value)
    if isinstance(value, tuple | list):
        return ";".join(cell(v) for v in value)
    return str(value)


def table_text(rows: Sequence[dict[str, object]], columns: Iterable[str]) -> str:
    columns = list(columns)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([cell(row.get(column)) for column in columns] for row in rows)
    return out.getvalue()


def write_purchases(path: Path, purchases: Sequence[Purchase]) -> None:
    write_text_atomic(path, table_text([dataclasses.asdict(p) for p in purchases], PURCHASE_COLUMNS))


def read_purchases(path: Path) -> list[Purchase]:
    """The rows of acquired.csv, [] where there is none. Raises RunConflict when they cannot be read."""
    try:
        return parse_purchases(_text_of(path))
    except (ValueError, KeyError, TypeError, csv.Error):
        raise _damaged(path) from None


def parse_purchases(text: str) -> list[Purchase]:
    """The rows of an acquired.csv. Raises ValueError, KeyError, TypeError or csv.Error when it is none."""
    return [
        Purchase(
            stage=int(row["stage"]),
            rank=int(row["rank"]),
            index=int(row["index"]),
            label=int(row["label"]) if row["label"] else None,
            score=float(row["score"]) if row["score"] else None,
        )
        for row in parse_rows(text)
    ]


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV as text, [] where there is no file. Raises RunConflict when it cannot be read."""
    try:
        return parse_rows(_text_of(path))
    except (UnicodeDecodeError, csv.Error):
        raise _damaged(path) from None


def parse_rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def _text_of(path: Path) -> str:
    """The content of a file, empty where there is none."""
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return ""


def _damaged(path: Path) -> RunConflict:
    return RunConflict(f"{path} is damaged. Add rerun=true to move its folder aside and begin again.")
