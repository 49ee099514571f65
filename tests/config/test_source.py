"""Where a value comes from."""

from pathlib import Path

import pytest

from altool.config.files import conf_dir
from altool.config.source import source_of
from altool.config.words import parse
from altool.core.errors import UserError


def said(key: str, *words: str) -> str:
    return source_of(key, parse(list(words))).replace(str(conf_dir()), "conf")


def line_of(file: str, text: str) -> int:
    lines = (conf_dir() / file).read_text().splitlines()
    return next(i for i, line in enumerate(lines, 1) if line.strip().startswith(text))


def test_sources() -> None:
    word = said("learner.lr", "learner.lr=0.3")
    assert word == "learner.lr = 0.3: the command line"
    n = line_of("learner/resnet18.yaml", "epochs:")
    assert (
        said("learner.epochs", "learner=resnet18")
        == f"learner.epochs = 200: conf/learner/resnet18.yaml, line {n}"
    )
    n = line_of("learner/cnn_small.yaml", "hidden:")
    assert said("learner.model.hidden").endswith(f": conf/learner/cnn_small.yaml, line {n}")
    n = line_of("run.yaml", "threads:")
    assert said("threads") == f"threads = 1 (${{learner.threads}}): conf/run.yaml, line {n}"
    assert said("imbalance.ratio").endswith(": the default of altool's schema")


def test_the_file_that_has_the_last_word() -> None:
    n = line_of("dataset/cifar10_dominant_1.yaml", "init:")
    where = f"conf/dataset/cifar10_dominant_1.yaml, line {n}"
    assert said("learner.init", "dataset=cifar10_dominant_1") == f"learner.init = fixed: {where}"
    assert "conf/imbalance/step100.yaml" in said("imbalance.keep", "dataset=cifar10_imb100")


def test_a_value_taken_from_another_key() -> None:
    n = line_of("budget/paper.yaml", "start:")
    assert said("budget.start") == (
        f"budget.start = 20 (${{dataset.budgets.paper.start}}): conf/budget/paper.yaml, line {n}"
    )


def test_a_users_file(tmp_path: Path) -> None:
    (tmp_path / "budget").mkdir()
    (tmp_path / "budget" / "mine.yaml").write_text("# mine\nname: mine\nstart: 3\nstep: 1\nstages: 2\n")
    assert said("budget.start", "--config-dir", str(tmp_path), "budget=mine").endswith(
        f"{tmp_path}/budget/mine.yaml, line 3"
    )


def test_an_unknown_key() -> None:
    with pytest.raises(UserError, match=r"learner\.lt is no key of this run: did you mean learner\.lr\?"):
        said("learner.lt")
