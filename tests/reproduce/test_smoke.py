"""Every experiment from end to end at smoke scale, in one process, one after the other: `pytest -m slow`.

Limits are in processor time, which other work on the machine hardly moves; on two quiet cores the clock shows no more.
"""

import time
from pathlib import Path

import pytest

from altool.config.files import options
from altool.reproduce.grid import Wanted, grid_of
from altool.reproduce.run import reproduce
from altool.reproduce.smoke import GENERATED

ALL_SECONDS, ONE_SECONDS = 240, 20


@pytest.mark.slow
def test_every_experiment_runs_from_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALTOOL_DATA", str(tmp_path / "none"))
    took: dict[str, float] = {}
    for name in options("experiment"):
        wanted = Wanted(name, smoke=True, outputs=tmp_path, mode="quiet")
        begin = time.process_time()
        done = reproduce(wanted)
        took[name] = time.process_time() - begin
        assert not done.absent and not done.failures and not done.drawn.failed, name
        assert done.drawn.files
        if GENERATED in (wanted.folder / "study.json").read_text():
            assert "Smoke scale, generated data: no result." in done.drawn.summary
        for figure in wanted.folder.glob("*.svg"):
            assert "Smoke scale" in figure.read_text(), figure
    assert max(took.values()) < ONE_SECONDS, took
    assert sum(took.values()) < ALL_SECONDS, took


@pytest.mark.slow
def test_experiments_that_share_runs_ask_them_to_record_the_same() -> None:
    asked: dict[Path, set[tuple[object, ...]]] = {}
    for name in options("experiment"):
        grid = grid_of(Wanted(name))
        for cell in [] if grid.measures_data else grid.cells:
            flags = vars(cell.run.diagnostics)
            asked.setdefault(cell.folder, set()).add((cell.run.trace, *flags.values()))
    assert {folder: flags for folder, flags in asked.items() if len(flags) > 1} == {}
