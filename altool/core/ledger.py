"""What a person was asked and answered: two tables that only grow, so that nothing asked or answered is ever lost.

answers.csv is written before anything is computed from it, asked.csv when a question is complete: a kill in between costs
the computation alone.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from altool.core.atomic import write_text_atomic
from altool.core.errors import UserError
from altool.core.records import table_text

ANSWER_COLUMNS = ("query", "path", "label")
ASKED_COLUMNS = ("query", "rank", "path", "score", "predicted", "confidence")


@dataclass(frozen=True)
class Asked:
    """One picture of a question. `rank` counts from 1; `predicted` and `confidence` (0 to 1) are the model's, None where
    there was none."""

    query: int
    rank: int
    path: str
    score: float
    predicted: str | None
    confidence: float | None


class Ledger:
    """The two tables in `folder`."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._answers = _read(folder / "answers.csv", ANSWER_COLUMNS)
        self._asked = _read(folder / "asked.csv", ASKED_COLUMNS)

    @property
    def answers(self) -> dict[str, str]:
        """The last answer about each picture, in the order of first answers."""
        return {row["path"]: row["label"] for row in self._answers}

    @property
    def labels(self) -> set[str]:
        """All that was ever answered, changed since or not."""
        return {row["label"] for row in self._answers}

    @property
    def asked(self) -> dict[str, int]:
        """The last query that asked for each picture."""
        return {row["path"]: int(row["query"]) for row in self._asked}

    @property
    def last_query(self) -> int:
        """Number of the last complete query, 0 before the first."""
        return max((int(row["query"]) for row in self._asked), default=0)

    def rows_of(self, query: int) -> list[dict[str, str]]:
        return [row for row in self._asked if row["query"] == str(query)]

    def answered_since(self, query: int) -> int:
        """How many answers came in after `query` was asked."""
        return sum(int(row["query"]) > query for row in self._answers)

    def take(self, answers: Mapping[str, str]) -> dict[str, str]:
        """Appends what is new or changed, under the number of the coming query; returns it."""
        before = self.answers
        fresh = {path: label for path, label in answers.items() if before.get(path) != label}
        if fresh:
            query = self.last_query + 1
            self._answers += [{"query": str(query), "path": p, "label": la} for p, la in fresh.items()]
            _write(self.folder / "answers.csv", self._answers, ANSWER_COLUMNS)
        return fresh

    def ask(self, asked: Iterable[Asked]) -> None:
        """Appends a question: from now on it is asked."""
        rows = [{k: "" if v is None else str(v) for k, v in vars(one).items()} for one in asked]
        self._asked += rows
        _write(self.folder / "asked.csv", self._asked, ASKED_COLUMNS)


def _write(path: Path, rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> None:
    write_text_atomic(path, table_text([dict(row) for row in rows], columns))


def _read(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
        if tuple(reader.fieldnames or ()) != tuple(columns) or any(
            not row["query"].isdigit() for row in rows
        ):
            raise ValueError
        return rows
    except (ValueError, AttributeError, csv.Error):
        raise UserError(
            f"{path} is damaged: it must have the columns {','.join(columns)}. Bring back an older copy of it, or "
            "give another folder with out=…; labels.csv is still yours."
        ) from None
