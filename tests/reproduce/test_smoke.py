"""Every experiment from end to end at smoke scale, in one process, one after the other.

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


each_experiment = pytest.mark.parametrize("name", list(options("experiment")))


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all, since experiments share runs."""
    return tmp_path_factory.mktemp("smoke")


@pytest.fixture(scope="module")
def took() -> dict[str, float]:
    """Processor seconds of those that have run."""
    return {}


@each_experiment
def test_an_experiment_runs_from_end_to_end(
    name: str, outputs: Path, took: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALTOOL_DATA", str(outputs / "none"))
    wanted = Wanted(name, smoke=True, outputs=outputs, mode="quiet")
    begin = time.process_time()
    done = reproduce(wanted)
    took[name] = time.process_time() - begin
    assert not done.absent and not done.failures and not done.drawn.failed
    assert done.drawn.files
    if GENERATED in (wanted.folder / "study.json").read_text():
        assert "Smoke scale, generated data: no result." in done.drawn.summary
    for figure in wanted.folder.glob("*.svg"):
        assert "Smoke scale" in figure.read_text(), figure
    assert took[name] < ONE_SECONDS


def test_all_experiments_together_are_quick(took: dict[str, float]) -> None:
    """Of those above; all of them, where none was left out by hand."""
    assert took, "runs after the others"
    slowest = sorted(took, key=lambda name: -took[name])[:5]
    print(f"{sum(took.values()):.0f} s for {len(took)}: " + ", ".join(f"{n} {took[n]:.1f}" for n in slowest))
    assert sum(took.values()) < ALL_SECONDS


def test_experiments_that_share_runs_ask_them_to_record_the_same() -> None:
    asked: dict[Path, set[tuple[object, ...]]] = {}
    for name in options("experiment"):
        grid = grid_of(Wanted(name))
        for cell in [] if grid.measures_data else grid.cells:
            flags = vars(cell.run.diagnostics)
            asked.setdefault(cell.folder, set()).add((cell.run.trace, *flags.values()))
    assert {folder: flags for folder, flags in asked.items() if len(flags) > 1} == {}
