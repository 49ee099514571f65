"""Whatever a tracker does, the run does not notice."""

import logging
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import altool.trackers.telling as telling
from altool.cli.main import main
from altool.core.records import is_volatile, read_rows
from altool.trackers.guard import Guarded
from altool.trackers.tracked import flat, numbers

RUN = "strategy=entropy dataset=moons learner=mlp budget.start=6 budget.step=3 budget.stages=2".split()
QUICK = ("seeds=[0,1]", "learner.epochs=1", "budget.candidates=12", "device=cpu", "progress=quiet")


class Told:
    """A tracker that notes what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def begin(self, run: Any) -> None:
        self.calls.append(("begin", run))

    def log(self, metrics: Any, n_labelled: int) -> None:
        self.calls.append(("log", metrics, n_labelled))

    def end(self, status: str, files: Any, figures: Any) -> None:
        self.calls.append(("end", status, [f.name for f in files], [f.name for f in figures]))


class Broken:
    """A tracker that raises at every call, and in as many ways."""

    def __init__(self) -> None:
        self.errors = iter([SystemExit(3), KeyboardInterrupt(), OSError("no network"), *[ValueError()] * 99])

    def __getattr__(self, name: str) -> Callable[..., None]:
        def fail(*_: Any) -> None:
            raise next(self.errors)

        return fail


class Hanging:
    """A tracker that never comes back."""

    def __getattr__(self, name: str) -> Callable[..., object]:
        return lambda *_: threading.Event().wait()


def bytes_of(outputs: Path) -> dict[str, object]:
    return {
        str(path.relative_to(outputs)): [
            {k: v for k, v in row.items() if not is_volatile(k)} for row in read_rows(path)
        ]
        for path in outputs.glob("*/*/*/*/seed_*/*.csv")
    }


@pytest.fixture(scope="module")
def untracked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    outputs = tmp_path_factory.mktemp("untracked")
    assert main(["run", *RUN, *QUICK, f"outputs={outputs}"]) == 0
    return bytes_of(outputs)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Name → the tracker that is made under it."""
    trackers: dict[str, Any] = {}
    monkeypatch.setattr(telling, "make_tracker", lambda name, outputs: trackers[name])
    monkeypatch.setattr("altool.config.build.check_installed", lambda names: None)
    return trackers


def test_a_tracker_is_told_of_runs_stages_files_and_figures(
    made: dict[str, Any], tmp_path: Path, untracked: dict[str, object]
) -> None:
    told = made["wandb"] = Told()
    assert main(["run", *RUN, *QUICK, f"outputs={tmp_path}", "trackers=wandb"]) == 0
    assert [call[0] for call in told.calls] == [*["begin", "log", "log", "end"] * 2, "begin", "end"]
    first, second, cell = (call[1] for call in told.calls if call[0] == "begin")
    (folder,) = tmp_path.glob("moons-none/mlp/entropy/*")
    assert (first.name, first.group) == (f"{first.group}/seed_000", folder.relative_to(tmp_path).as_posix())
    assert first.config["learner"]["epochs"] == 1 and first.tags["strategy"] == "entropy"
    assert first.group == second.group == cell.group and len({first.key, second.key, cell.key}) == 3
    rows = read_rows(folder / "seed_000" / "stages.csv")
    for call, row in zip(told.calls[1:3], rows, strict=True):
        assert call[2] == int(row["n_labelled"])
        assert call[1]["accuracy"] == float(row["accuracy"]) and call[1]["stage"] == int(row["stage"])
        assert call[1]["class_counts/1"] == int(row["class_counts"].split(";")[1])
    assert told.calls[3][1:] == (
        "done",
        ["config.yaml", "run.json", "stages.csv", "acquired.csv", "run.log"],
        [],
    )
    assert told.calls[-1][1:] == ("done", ["summary.csv"], ["curve.png"])
    assert bytes_of(tmp_path) == untracked


def test_those_that_raise_or_hang_take_nothing_down(
    made: dict[str, Any],
    tmp_path: Path,
    untracked: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(telling, "LAST_WAIT_SECONDS", 0.5)
    monkeypatch.setattr("altool.config.load.TRACKERS", ("raising", "unmakeable", "hanging", "sound"))
    made["raising"], made["hanging"] = Broken(), Hanging()
    sound = made["sound"] = Told()
    names = "trackers=[raising,unmakeable,hanging,sound]"
    assert main(["run", *RUN, *QUICK, f"outputs={tmp_path}", names]) == 0
    assert bytes_of(tmp_path) == untracked
    assert len(sound.calls) == 10, "the others hear all the same"
    told = sorted(capsys.readouterr().err.splitlines())
    assert len(told) == 3 and told[0].startswith("hanging is still busy after 0.5 s")
    assert told[1].startswith("raising: SystemExit") and told[2].startswith("unmakeable: KeyError")


def test_a_failed_run_says_so_and_what_was_tracked_before_is_handed_on(
    made: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import altool.engine.loop

    told = made["wandb"] = Told()
    words = ["run", *RUN, *QUICK[1:], f"outputs={tmp_path}", "trackers=wandb", "seeds=0"]
    real = altool.engine.loop.run_stage

    def fails_at_stage_1(cell: Any, seed: int, stage: int, *more: Any) -> Any:
        if stage == 1:
            raise ValueError("out of luck")
        return real(cell, seed, stage, *more)

    with monkeypatch.context() as patch:
        patch.setattr(altool.engine.loop, "run_stage", fails_at_stage_1)
        assert main(words) == 1
    assert [call[1] for call in told.calls if call[0] == "end"] == ["failed", "done"]  # the seed, the cell
    first = told.calls[0][1]
    told.calls.clear()
    assert main(words) == 0
    again = told.calls[0][1]
    assert again.key == first.key and [row["stage"] for row in again.rows] == ["0"] and not first.rows
    assert [call[2] for call in told.calls if call[0] == "log"] == [9]
    told.calls.clear()
    assert main(words) == 0
    assert told.calls == [], "what is done is not told again"
    assert main([*words, "rerun=true"]) == 0
    assert told.calls[0][1].key != first.key


def test_a_guarded_tracker_never_makes_its_caller_wait(caplog: pytest.LogCaptureFixture) -> None:
    before = time.monotonic()
    hanging, broken = Guarded("hanging", Hanging), Guarded("broken", Broken)
    for guarded in (hanging, broken):
        for _ in range(5):
            guarded.tell(lambda tracker: tracker.begin(None))
    with caplog.at_level(logging.WARNING, "altool"):
        broken.close(20)
        hanging.close(0.05)
    assert time.monotonic() - before < 20
    assert [record.getMessage().split(":")[0].split(" is")[0] for record in caplog.records] == [
        "broken",
        "hanging",
    ]
    Guarded("idle", Hanging).close(60)  # was told nothing


def test_the_trackers_are_told_from_the_installed_ones_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "wandb", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for words, line in (
        (
            "trackers=wandb",
            'trackers=[wandb] needs a package that is not installed: pip install "altool[trackers]"',
        ),
        ("trackers=[mlflw]", "trackers=mlflw: did you mean mlflow?"),
        ("trackers=wandb,mlflow", "or type trackers=[wandb,mlflow] for one run with these trackers"),
    ):
        assert main(["run", *RUN, *QUICK, words]) == 2
        assert line in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_numbers_and_parameters_have_flat_names() -> None:
    row = {
        "schema": "1",
        "dataset": "moons",
        "seed": "3",
        "stage": "2",
        "accuracy": "0.5",
        "miou": "",
        "device": "cpu",
    }
    lists = {"recall_per_class": "0.25;;1.0", "class_counts": "7", "nll": "nan"}
    assert numbers({**row, **lists}) == {
        "stage": 2.0,
        "accuracy": 0.5,
        "recall_per_class/0": 0.25,
        "recall_per_class/2": 1.0,
        "class_counts": 7.0,
    }
    assert flat({"a": {"b": {"c": 1}, "d": [1, "x"]}, "e": None, "f": "text"}) == {
        "a.b.c": "1",
        "a.d": '[1, "x"]',
        "e": "null",
        "f": "text",
    }
