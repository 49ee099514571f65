"""Whole cycles on a small tree in Cityscapes' format, with every strategy that works on maps; and who refuses them."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

import altool
from altool.cli.main import main
from altool.config.build import build_strategy, dense_strategies
from altool.config.files import options
from altool.core.records import is_volatile
from altool.reproduce.smoke_folders import SCENES, write_scenes

WORDS = [
    "run",
    "dataset=cityscapes",
    "dataset.size=[32,64]",
    "data_root=.",
    "seeds=0",
    "device=cpu",
    "progress=quiet",
]
WORDS += ["learner=drn_small", "learner.epochs=2", "budget.start=6", "budget.step=4", "budget.stages=2"]
SMALLER = {"size": "small", "epochs": 20, "draws": 3, "batch_size": 4}
DENSE = [
    "bald",
    "coreset",
    "entropy",
    "learning_loss",
    "learning_loss_v2",
    "margin",
    "random",
    "ta_vaal",
    "vaal",
]
DENSE += ["vaal_learning_loss"]
STRATEGIES = {name: yaml.safe_load(option.path.read_text()) for name, option in options("strategy").items()}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("data") / "cityscapes")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, scenes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cityscapes").symlink_to(scenes)


def words_of(name: str) -> list[str]:
    options = [f"strategy.{key}={value}" for key, value in SMALLER.items() if key in STRATEGIES[name]]
    return [*WORDS, f"strategy={name}", *options]


def rows_of(file: str) -> list[dict[str, str]]:
    (path,) = Path("outputs").rglob(file)
    with path.open(newline="") as text:
        return list(csv.DictReader(text))


@pytest.mark.parametrize("name", DENSE)
def test_a_whole_cycle(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words_of(name)) == 0
    stages, bought = rows_of("stages.csv"), rows_of("acquired.csv")
    assert [row["n_labelled"] for row in stages] == ["6", "10"]
    for row in stages:
        ious = [float(iou) for iou in row["iou_per_class"].split(";") if iou]
        assert float(row["miou"]) == pytest.approx(np.mean(ious))
        assert 0 <= float(row["miou"]) <= float(row["accuracy"]) <= 1
        assert row["val_miou"] == row["val_iou_per_class"] == ""
        counts = [int(n) for n in row["class_counts"].split(";")]
        assert len(counts) == 19 and 0 < sum(counts) <= int(row["n_labelled"]) * 32 * 64
    assert len({row["index"] for row in bought}) == 10 and {row["label"] for row in bought} == {""}
    assert all(row["score"] for row in bought[6:])
    assert "drn_small: mIoU (%)" in capsys.readouterr().out and list(Path("outputs").rglob("curve_miou.png"))
    (run,) = Path("outputs").rglob("run.json")
    assert json.loads(run.read_text())["status"] == "done"


def test_the_others_refuse_in_one_line_before_anything_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    refused = []
    for name, node in STRATEGIES.items():
        if "defaults" in node or build_strategy(node).dense:
            continue
        assert main([*WORDS, f"strategy={name}", "dataset.path=nowhere"]) == 2
        said = capsys.readouterr().err.splitlines()
        assert said == [
            f"altool: strategy={name} does not work where every pixel has a class, as in dataset=cityscapes: type one of "
            f"{', '.join(DENSE)}."
        ]
        refused.append(name)
    assert {
        "least_confidence",
        "vab_al",
        "ldr",
        "ldr_vat",
        "dfal",
        "core_gcn",
        "uncertain_gcn",
        "sraal",
    } <= set(refused)
    assert not Path("outputs").exists()


def test_the_strategies_that_are_named_are_those_that_work() -> None:
    assert dense_strategies() == DENSE
    docs = Path(altool.__file__).parents[1] / "docs" / "segmentation.md"
    (listed,) = re.findall(r"^Strategies: (.*?)\. The others", docs.read_text(), re.DOTALL | re.MULTILINE)
    assert {*re.findall(r"\w+", listed)} & STRATEGIES.keys() == {*DENSE}


def test_the_ablations_are_their_methods_with_another_pair_loss() -> None:
    for name, method, loss in (
        ("learning_loss_v2", "learning_loss", "ranking"),
        ("vaal_learning_loss", "ta_vaal", "margin"),
    ):
        bought = []
        for words in (words_of(name), [*words_of(method), f"strategy.loss={loss}"]):
            assert main(words) == 0
            bought.append(rows_of("acquired.csv"))
            shutil.rmtree("outputs")
        assert bought[0] == bought[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["learner=resnet18"],
            "learner=resnet18 gives an image one class, but in dataset=cityscapes every pixel",
        ),
        (["learner=linear_probe"], "type learner=drn_d_22"),
        (["imbalance=longtail"], "thins out images by their class"),
        (["budget.start_rule=balanced"], "goes by the classes of images"),
        (
            ["dataset=digits"],
            "learner=drn_small gives every pixel a class, but dataset=digits has one label per image",
        ),
        (["dataset.size=[32,64,3]"], "give the side in pixels, or [height,width]"),
        (["dataset.size=big"], "dataset.size=big: give the side in pixels"),
    ],
)
def test_what_does_not_go_together_is_said_in_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    last = {word.partition("=")[0]: word for word in [*WORDS[1:], *words]}
    if words[0].startswith(("learner", "dataset=")):
        last = {key: word for key, word in last.items() if not key.startswith(("learner.", "dataset."))}
    assert main(["run", "strategy=random", *last.values()]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and message in said[0]
    assert not Path("outputs").exists()


def left() -> dict[str, list[dict[str, str]]]:
    """The rows of a run, but for what may vary."""
    tables = {name: rows_of(name) for name in ("stages.csv", "acquired.csv", "epochs.csv")}
    return {
        name: [{k: v for k, v in row.items() if not is_volatile(k)} for row in rows]
        for name, rows in tables.items()
    }


KILLED = """
import itertools, os, signal, sys
from altool.cli.main import main
from altool.engine.progress import SeedProgress
calls = itertools.count(1)
SeedProgress.epoch = lambda *_: os.kill(os.getpid(), signal.SIGKILL) if next(calls) == 4 else None
main(sys.argv[1:])
"""


def test_killed_and_resumed_it_leaves_the_same() -> None:
    words = [*words_of("ta_vaal"), "trace=true", "memory_gib=0"]
    killed = subprocess.run([sys.executable, "-c", KILLED, *words], timeout=300, check=False, env=os.environ)
    assert killed.returncode == -signal.SIGKILL
    assert len(rows_of("stages.csv")) == 1
    assert main(words) == 0
    resumed = left()
    shutil.rmtree("outputs")
    assert main(words) == 0
    assert left() == resumed
    assert all(row["test_miou"] for row in resumed["epochs.csv"])


def test_resident_and_streamed_leave_the_same() -> None:
    leaves = []
    for gib in (4, 0):
        assert main([*words_of("learning_loss"), "trace=true", f"memory_gib={gib}"]) == 0
        leaves.append(left())
        shutil.rmtree("outputs")
    assert leaves[0] == leaves[1]


def test_audit_val_and_final_diagnostics() -> None:
    more = ["diagnostics.audit=true", "diagnostics.final=true", "dataset.val=5"]
    assert main([*words_of("entropy"), *more]) == 0
    for stage, row in enumerate(rows_of("stages.csv")):
        assert 0 <= float(row["val_miou"]) <= 1
        (path,) = Path("outputs").rglob(f"stage_{stage:03d}.npz")
        with np.load(path) as stored:
            n = SCENES["train"] - 5 - int(row["n_labelled"])
            assert stored["true_losses"].shape == stored["scores"].shape == (n,)
            assert (stored["true_losses"] > 0).all() and "true_labels" not in stored


def test_it_learns_what_the_scenes_show() -> None:
    """Bands of sky, building, sidewalk and road under some odd blocks: maps that did not fit their images would not tell."""
    words = [w for w in words_of("random") if "epochs" not in w and "budget" not in w]
    assert main([*words, "learner.epochs=20", "budget.start=24", "budget.step=1", "budget.stages=1"]) == 0
    assert float(rows_of("stages.csv")[0]["accuracy"]) > 0.6
