"""`compat`: the resolved values of what papers print and released code does, by name."""

from typing import Any

import pytest

from altool.config.build import build_cell
from altool.core.errors import UserError
from altool.strategies._loss_prediction import LossPrediction


def value(run: Any, key: str) -> Any:
    for part in key.split("."):
        run = run[part] if isinstance(run, dict) else getattr(run, part)
    return run


PRINTED = {
    "strategy=ta_vaal dataset=cifar10_imb100": {
        "learner.weight_decay": 0.005,
        "dataset.crop_pad": 2,
        "strategy.coupling": "joint",
        "strategy.freeze_after": 0.8,
        "strategy.detach_after": None,
        "strategy.discriminator_layers": 5,
        "strategy.rank": "sigmoid",
        "imbalance.name": "step100",
    },
    "strategy=random dataset=svhn": {"learner.weight_decay": 0.005, "dataset.flip": True},
    "strategy=coreset": {"learner.weight_decay": 0.0, "dataset.crop_pad": 0},  # digits are no CIFAR
    "strategy=vab_al dataset=cifar10_dominant_1": {
        "strategy.normalise": True,
        "strategy.likelihood": "sum",
        "strategy.mask_in_training": False,
        "strategy.class_weight": 0.005,
        "learner.weight_decay": 0.0005,  # P2's own
    },
    "strategy=ldr dataset=moons": {"strategy.percentile": 70.0},
    "strategy=ldr dataset=mnist": {"strategy.percentile": 90.0},
}
RELEASED = {
    "strategy=ta_vaal dataset=cifar10_imb100": {
        "strategy.rank": "raw",
        "strategy.shuffle": False,
        "strategy.batch_norm": "train",
        "strategy.coupling": "sequential",
        "imbalance.name": "release2021",
        "imbalance.rule": "alternating_first",
        "learner.drop_last": "first_stage",
        "extension": "loss_prediction",
        "budget.candidates": 10_000,
        "learner.weight_decay": 0.0005,
    },
    "strategy=random dataset=cifar100": {
        "strategy.replacement": True,
        "dataset.mean": [0.4914, 0.4822, 0.4465],
        "budget.candidates": 10_000,
    },
    "strategy=learning_loss dataset=fashion_mnist": {
        "strategy.loss": "ranking",
        "dataset.mean": [0.0],
        "dataset.std": [1.0],
    },
    "strategy=learning_loss dataset=svhn": {"dataset.crop_pad": 0, "dataset.mean": [0.0] * 3},
    "strategy=core_gcn": {"strategy.space": "raw"},
    "strategy=vab_al dataset=cifar10_dominant_1": {
        "strategy.score_rule": "release2021",
        "strategy.prior_from": "unlabelled",
        "strategy.features": "linear_relu_norm",
        "strategy.lr": 0.01,
        "extension": "strategy",
    },
}


@pytest.mark.parametrize(
    ("mode", "words", "expected"),
    [("paper", w, e) for w, e in PRINTED.items()] + [("release2021", w, e) for w, e in RELEASED.items()],
)
def test_resolved_values(mode: str, words: str, expected: dict[str, Any], load_words) -> None:
    run, origin = load_words(*words.split(), f"compat={mode}", "device=cpu")
    assert {key: value(run, key) for key in expected} == expected
    cell = build_cell(run, origin)
    assert cell.identity.compat == mode
    assert cell.overrides == {} or "dominant" in words  # what compat sets is no override
    assert cell.folder.parent.name == f"{run.strategy['name']}-{mode}"


def test_what_is_typed_wins(load_words) -> None:
    words = ["strategy=ta_vaal", "dataset=cifar10_imb100", "compat=release2021", "strategy.rank=sigmoid"]
    run, _ = load_words(*words, "imbalance=step100")
    assert run.strategy["rank"] == "sigmoid" and run.imbalance.name == "step100"
    assert run.strategy["batch_norm"] == "train"


def test_released_baselines_are_trained_with_the_ranker(load_words) -> None:
    run, origin = load_words("strategy=random", "compat=release2021", "device=cpu")
    assert isinstance(build_cell(run, origin).extension, LossPrediction)
    run, origin = load_words("strategy=random", "device=cpu")
    assert build_cell(run, origin).extension is None


def test_a_strategy_that_needs_its_extension_keeps_it(load_words) -> None:
    run, origin = load_words("strategy=ta_vaal", "extension=none", "device=cpu")
    with pytest.raises(UserError, match="extension=none: strategy=ta_vaal cannot do without"):
        build_cell(run, origin)


@pytest.mark.parametrize(("mode", "strategy"), [("paper", "margin"), ("release2021", "vaal")])
def test_what_has_no_paper_or_release_is_refused(mode: str, strategy: str, load_words) -> None:
    with pytest.raises(UserError, match=f"compat={mode}: not for strategy={strategy}; it is for .*random"):
        load_words(f"strategy={strategy}", f"compat={mode}")
