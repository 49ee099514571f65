"""What a person sees of a run: a live table on a terminal, plain lines elsewhere, nothing when quiet.

Holds names and numbers only: strategies get a method of it, and nothing secret may be in reach from there.
"""

import sys
import time
from pathlib import Path
from typing import Literal, Protocol

from rich.console import Console
from rich.live import Live
from rich.table import Table

from altool.core.records import StageRecord
from altool.core.stop import check_stop
from altool.core.turns import pass_turn
from altool.engine.forecast import Forecast, human_seconds


class CellView(Protocol):
    """The little of a cell that is shown."""

    @property
    def seeds(self) -> tuple[int, ...]: ...


Mode = Literal["auto", "live", "plain", "named", "quiet"]  # named: plain, each line with the name of its run
REFRESH_PER_SECOND = 4


class Progress:
    """Progress of one cell on stderr. `auto`: live on a terminal, plain lines elsewhere."""

    def __init__(self, mode: Mode = "auto", forecast: Forecast | None = None):
        self.console = Console(stderr=True, highlight=False)
        self.mode = ("live" if self.console.is_terminal else "plain") if mode == "auto" else mode
        self.forecast = forecast
        self.name = ""
        self.seeds: dict[int, SeedProgress] = {}
        self._live: Live | None = None
        self._painted = 0.0

    def cell_started(self, cell: CellView) -> None:
        for seed in cell.seeds:
            self.seed(seed)
        if self.mode == "live":
            self._live = Live(self._table(), console=self.console, auto_refresh=False)
            self._live.start()

    def cell_ended(self) -> None:
        if self._live is not None:
            self._live.update(self._table(), refresh=True)
            self._live.stop()
            self._live = None

    def seed(self, seed: int) -> "SeedProgress":
        return self.seeds.setdefault(seed, SeedProgress(seed, self))

    def line(self, text: str) -> None:
        if self.mode in ("plain", "named"):
            print(self.name + text, file=sys.stderr, flush=True)

    def repaint(self, force: bool = False) -> None:
        if self._live is None:
            return
        if force or time.monotonic() - self._painted > 1 / REFRESH_PER_SECOND:
            self._painted = time.monotonic()
            self._live.update(self._table(), refresh=True)

    def left(self) -> str:
        """Time left as text, empty while nothing is known."""
        seconds = self.forecast.left_seconds() if self.forecast and self.forecast.todo else None
        return "" if seconds is None else f"about {human_seconds(seconds)} left"

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, caption=self.left(), caption_justify="left")
        table.add_column("seed", justify="right")
        table.add_column("labels", justify="right")
        table.add_column("accuracy by stage, %")
        table.add_column("now")
        for seed, progress in self.seeds.items():
            curve = " ".join(f"{100 * a:.1f}" for a in progress.accuracies)
            table.add_row(str(seed), str(progress.n_labelled or ""), curve, progress.doing)
        return table


class SeedProgress:
    """Progress of one seed; `querying` is what a strategy's `context.progress` calls."""

    def __init__(self, seed: int, parent: Progress):
        self.seed = seed
        self.parent = parent
        self.accuracies: list[float] = []
        self.n_labelled = 0
        self.doing = "waiting"

    def already_done(self, path: Path, note: str) -> None:
        self.doing = f"done already{note}"
        self.parent.line(f"seed {self.seed}: done already{note}, in {path}")

    def started(self, path: Path, stage: int) -> None:
        self.doing = "starting"
        if stage:
            self.parent.line(f"seed {self.seed}: goes on at stage {stage}, in {path}")

    def resumed(self, row: dict[str, str]) -> None:
        self.accuracies.append(float(row["accuracy"]))
        self.n_labelled = int(row["n_labelled"])

    def epoch(self, stage: int, epoch: int, epochs: int) -> None:
        self.doing = f"stage {stage}, epoch {epoch}/{epochs}"
        self.parent.repaint()

    def querying(self, done: int, of: int) -> None:
        """Shows a strategy's own progress, and stops it at a safe point, which is another seed's turn."""
        check_stop()
        pass_turn()
        self.doing = f"query, {done}/{of}"
        self.parent.repaint()

    def stage_done(self, record: StageRecord) -> None:
        self.accuracies.append(record.test.accuracy or 0.0)
        self.n_labelled = record.n_labelled
        self.doing = f"stage {record.stage} done"
        if self.parent.forecast:
            self.parent.forecast.observe(record)
        parts = [
            f"seed {self.seed}  stage {record.stage}  {record.n_labelled} labels",
            f"accuracy {100 * (record.test.accuracy or 0.0):.2f} %",
            "" if record.test.miou is None else f"mIoU {100 * record.test.miou:.2f} %",
            f"fit {record.seconds.fit:.1f} s",
            f"query {record.seconds.query:.1f} s",
            self.parent.left(),
        ]
        self.parent.line("  ".join(part for part in parts if part))
        self.parent.repaint(force=True)

    def failed(self, reason: str) -> None:
        self.doing = f"failed: {reason}"
        self.parent.line(f"seed {self.seed} failed: {reason}")
        self.parent.repaint(force=True)
