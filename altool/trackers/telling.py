"""Tells the trackers of a session what becomes of its runs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from altool.core.observer import Observer
from altool.trackers.catalogue import make_tracker
from altool.trackers.guard import Guarded
from altool.trackers.tracked import SEED_FILES, numbers, of_cell, of_seed

LAST_WAIT_SECONDS = 60.0  # for what trackers still have to send when the runs are done
STOPPED_WAIT_SECONDS = 5.0  # who stops us gives little time


@contextmanager
def tracking(names: Sequence[str], outputs: Path) -> Iterator["Trackers"]:
    """The trackers of one session; they get some time to finish at its end."""
    trackers = Trackers(
        {name: Guarded(name, partial(make_tracker, name, outputs)) for name in names}, outputs
    )
    try:
        yield trackers
    except BaseException:
        trackers.close(STOPPED_WAIT_SECONDS)
        raise
    trackers.close(LAST_WAIT_SECONDS)


class Trackers(Observer):
    """Tells all of them."""

    def __init__(self, guarded: Mapping[str, Guarded], outputs: Path):
        self._guarded = guarded
        self._outputs = outputs
        self._folder = outputs

    def started(self, folder: Path, rows: Sequence[Mapping[str, str]]) -> None:
        self._folder, rows = folder, list(rows)
        for one in self._guarded.values():
            one.tell(lambda tracker: tracker.begin(of_seed(folder, self._outputs, rows)))

    def stage_done(self, row: Mapping[str, str]) -> None:
        for one in self._guarded.values():
            one.tell(lambda tracker: tracker.log(numbers(row), int(row["n_labelled"])))

    def ended(self, status: str) -> None:
        folder = self._folder
        for one in self._guarded.values():
            one.tell(lambda tracker: tracker.end(status, _there(folder / name for name in SEED_FILES), ()))

    def summarise(self, folder: Path, written: Sequence[Path]) -> None:
        """The table of means and the figure that a session leaves in the cell's folder."""
        figures = [path for path in written if path.suffix == ".png"]
        files = [path for path in written if path not in figures]
        for one in self._guarded.values():
            one.tell(lambda tracker: tracker.begin(of_cell(folder, self._outputs)))
            one.tell(lambda tracker: tracker.end("done", _there(files), _there(figures)))

    def close(self, seconds: float) -> None:
        for one in self._guarded.values():
            one.close(seconds)


def _there(paths: Iterable[Path]) -> list[Path]:
    return [path for path in paths if path.is_file()]
