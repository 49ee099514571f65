"""What is told of a run while it runs, to whoever listens."""

from collections.abc import Mapping, Sequence
from pathlib import Path


class Observer:
    """Listens to nothing. Seeds come one after another: `started`, `stage_done` for each new stage, `ended`."""

    def started(self, folder: Path, rows: Sequence[Mapping[str, str]]) -> None:
        """A seed begins in `folder`, or goes on after `rows` of its stages.csv."""

    def stage_done(self, row: Mapping[str, str]) -> None:
        """A stage is committed with this row."""

    def ended(self, status: str) -> None:
        """The seed is done, failed or stopped, and its files are written."""
