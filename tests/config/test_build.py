"""From a configuration to a cell, without opening data."""

from pathlib import Path

import numpy as np
import pytest
import torch

from altool.config import build
from altool.config.build import build_cell, build_strategy, resolve_device, resolve_precision
from altool.config.files import options
from altool.core.errors import UserError
from altool.core.strategy import Strategy

ALIASES = {"mc_dropout": "bald"}


@pytest.mark.parametrize("name", options("strategy"))
def test_every_strategy_builds(name: str, load_words) -> None:
    run, origin = load_words(f"strategy={name}", "device=cpu")
    cell = build_cell(run, origin)
    assert isinstance(cell.strategy, Strategy)
    assert cell.identity.strategy == ALIASES.get(name, name) == cell.folder.parent.name
    hash(cell.strategy)


@pytest.mark.parametrize("name", options("learner"))
def test_every_learner_builds_a_model(name: str, load_words) -> None:
    words = ["learner.name=resnet10t"] if name == "timm" else []
    if words:
        pytest.importorskip("timm")
    dense = name.startswith("drn_")
    dataset = "cityscapes" if dense else "mnist"
    run, origin = load_words(f"learner={name}", f"dataset={dataset}", "strategy=random", "device=cpu", *words)
    learner = build_cell(run, origin).learner
    assert (learner.name, learner.epochs) == ("resnet10t" if words else name, run.learner.epochs)
    with torch.random.fork_rng():
        model = learner.make_model((1, 28, 28), 7).eval()
    assert model(torch.zeros(2, 1, 28, 28)).logits.shape == ((2, 7, 28, 28) if dense else (2, 7))


def test_a_cell_has_what_the_words_say(load_words, tmp_path: Path) -> None:
    words = ["strategy=entropy", "budget=small", "seeds=[4,2]", f"outputs={tmp_path}", "device=cpu"]
    run, origin = load_words(*words, "threads=1", "trace=true", "diagnostics.final=true")
    cell = build_cell(run, origin)
    assert cell.folder == tmp_path / "digits-none" / "cnn_small" / "entropy" / "20+10x2"
    assert (cell.seeds, cell.budget.total, cell.overrides) == ((4, 2), 40, {})
    assert (cell.platform.threads, cell.platform.precision) == (1, "fp32")
    assert cell.trace and cell.diagnostics.final and cell.diagnostics.arrays
    assert cell.command.startswith("altool run strategy=entropy budget=small 'seeds=[4,2]' ")
    assert "name" not in cell.learner.recipe and cell.learner.recipe["epochs"] == cell.learner.epochs
    assert list(tmp_path.iterdir()) == []
    task = cell.load(4)
    assert task.n_classes == 10
    assert np.array_equal(task.members, cell.load(4).members)


def test_something_that_is_no_strategy() -> None:
    with pytest.raises(UserError, match="is no altool Strategy"):
        build_strategy({"name": "x", "_target_": "altool.models.dropout.Dropout", "p": 0.5})
    with pytest.raises(UserError, match="has no `name:` line"):
        build_strategy({"_target_": "altool.strategies.entropy.Entropy"})


@pytest.mark.parametrize(
    "n_cuda,text,found", [(2, "auto", "cuda"), (2, "cuda:1", "cuda:1"), (0, "cpu", "cpu")]
)
def test_devices(n_cuda: int, text: str, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: n_cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: n_cuda)
    assert resolve_device(text) == torch.device(found)


def test_a_second_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UserError, match="device=cuda:1: there is only cuda:0 here"):
        resolve_device("cuda:1")


def test_precision() -> None:
    assert resolve_precision("auto", torch.device("cuda")) == "bf16"
    assert resolve_precision("auto", torch.device("cpu")) == "fp32"
    assert resolve_precision("bf16", torch.device("cpu")) == "bf16"


def test_a_folder_nobody_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build.os, "access", lambda path, mode: False)
    with pytest.raises(UserError, match=f"{tmp_path} cannot be written"):
        build.check_writable(tmp_path / "a" / "b")
