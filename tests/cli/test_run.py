"""The Hydra task: exit codes, sweeps, signals, and what it leaves on the disk."""

import json
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import altool.run
from altool.cli.main import main
from altool.core.errors import RunFailed, Stopped, UserError

QUICK = ("device=cpu", "budget=small", "seeds=0")


class FakeEngine:
    """Stands in for the session: notes the cells, and ends each as its strategy says."""

    def __init__(self) -> None:
        self.cells: list[Any] = []
        self.ends: dict[str, BaseException] = {}
        self.failures: dict[int, str] = {}

    def __call__(self, cell: Any, mode: str) -> Any:
        from altool.engine.loop import CellResult

        self.cells.append(cell)
        if cell.identity.strategy in self.ends:
            raise self.ends[cell.identity.strategy]
        return CellResult(done=list(cell.seeds), failures=self.failures)

    @property
    def strategies(self) -> list[str]:
        return [cell.identity.strategy for cell in self.cells]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeEngine:
    import altool.session

    fake = FakeEngine()
    monkeypatch.setattr(altool.session, "run_session", fake)
    monkeypatch.chdir(tmp_path)
    return fake


def test_a_run_gets_the_cell_that_the_words_mean_and_hydra_leaves_nothing(
    engine: FakeEngine, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "strategy=margin", *QUICK, "budget.step=7"]) == 0
    (cell,) = engine.cells
    assert (cell.identity.strategy, cell.budget.step, cell.seeds) == ("margin", 7, (0,))
    assert cell.command == "altool run strategy=margin device=cpu budget=small seeds=0 budget.step=7"
    assert Path.cwd() == tmp_path
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().out == ""


def test_a_sweep_runs_every_cell_each_with_its_own_command(engine: FakeEngine, tmp_path: Path) -> None:
    assert main(["run", "-m", "strategy=random,margin", "seeds=0,1", "device=cpu"]) == 0
    assert engine.strategies == ["random", "random", "margin", "margin"]
    assert [cell.seeds for cell in engine.cells] == [(0,), (1,), (0,), (1,)]
    assert engine.cells[3].command == "altool run strategy=margin seeds=1 device=cpu"
    assert [path.name for path in tmp_path.iterdir()] == ["outputs"]


def test_bad_cells_do_not_stop_the_others(engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    engine.ends["margin"] = RuntimeError("out of luck")
    engine.ends["entropy"] = UserError("no such thing")
    engine.ends["coreset"] = RunFailed("loss is nan")
    names = ["random", "margin", "entropy", "coreset", "vaal"]
    assert main(["run", "-m", f"strategy={','.join(names)}", *QUICK]) == 2
    assert engine.strategies == names
    err = capsys.readouterr().err
    for line in ("RuntimeError: out of luck", "no such thing", "loss is nan"):
        assert f"altool: {line}\n" in err
    codes = [main(["run", f"strategy={name}", *QUICK]) for name in names]
    assert codes == [0, 1, 2, 1, 0]


def test_a_failed_seed_is_exit_code_1(engine: FakeEngine) -> None:
    engine.failures = {0: "stage 2: loss is nan"}
    assert main(["run", *QUICK]) == 1


@pytest.mark.parametrize("number,code", [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_stop_ends_the_whole_sweep(number: signal.Signals, code: int, engine: FakeEngine) -> None:
    engine.ends["random"] = Stopped("stopped", code, number)
    with pytest.raises(SystemExit) as end:
        main(["run", "-m", "strategy=random,margin", *QUICK])
    assert end.value.code == code
    assert engine.strategies == ["random"]


@pytest.mark.parametrize("number,code", [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
def test_signals_before_the_run_is_at_work(
    number: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import altool.config.load

    def interrupted(words: object, task: object) -> None:
        os.kill(os.getpid(), number)

    before = signal.getsignal(signal.SIGTERM)
    # a shell that starts pytest in the background has it ignore Ctrl-C
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(altool.config.load, "run_hydra", interrupted)
    try:
        found = main(["run"])
    except SystemExit as end:
        found = end.code
    finally:
        signal.signal(signal.SIGINT, interrupt)
    assert found == code
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_launchers_worker_raises_what_it_has_told(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from altool.config.load import run_hydra
    from altool.config.words import parse

    engine.ends["margin"] = UserError("no such thing")
    monkeypatch.setattr(altool.run, "_front_pid", None)
    with pytest.raises(altool.run.CellFailed) as raised:
        run_hydra(parse(["strategy=margin", *QUICK]), altool.run.task)
    again = pickle.loads(pickle.dumps(raised.value))
    assert (again.exit_code, str(again)) == (2, "no such thing")


def test_python_m_altool_run_is_altool_run() -> None:
    def told(*words: str) -> tuple[int, str]:
        done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True)
        return done.returncode, done.stderr

    module = told("altool.run", "strategy=tavaal")
    assert module == told("altool", "run", "strategy=tavaal")
    assert module[0] == 2


def test_the_configuration_is_shown_without_running(
    engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--cfg", "job", "learner.epochs=3"]) == 0
    assert "  epochs: 3\n" in capsys.readouterr().out
    assert main(["run", "--info", "defaults-tree"]) == 0
    assert "dataset" in capsys.readouterr().out
    assert engine.cells == []


def test_a_real_run_is_done_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["run", "strategy=random", *QUICK, "learner.epochs=1", "learner.min_steps=0", "progress=plain"]
    assert main(words) == 0
    (record,) = tmp_path.glob("outputs/digits-none/cnn_small/random/20+10x2-*/seed_000/run.json")
    run = json.loads(record.read_text())
    assert run["status"] == "done"
    assert run["overrides"] == {"learner.epochs": 1}
    assert run["command"] == "altool " + " ".join(words)
    before = record.stat().st_mtime_ns
    assert main(words) == 0
    assert record.stat().st_mtime_ns == before
