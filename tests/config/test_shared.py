"""Composing what runs share once gives the very run that Hydra gives, and its errors."""

import pytest

from altool.config.load import load
from altool.config.shared import load_shared
from altool.config.words import parse
from altool.core.errors import UserError


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("strategy=ldr", "strategy.percentile=70", "seeds=[0,2]", "trace=true"),
        ("strategy=ldr", "strategy.percentile=30", "outputs='a folder, of one'", "dataset.path=null"),
        ("experiment=vab_al_fig9", "dataset=cifar10_dominant_5", "budget.step=500", "strategy=bald"),
        ("dataset=cifar10_p0_165", "imbalance.counts=[3,1,2]", "compat=paper", "strategy=ta_vaal"),
        ("budget=small", "budget.candidates=all", "learner=cnn", "learner.model.channels=[16,8]", "lr=1"),
        ("diagnostics.audit=true", "diagnostics.final=true", "device=cpu", "hydra.sweeper.max_batch_size=3"),
        ("+strategy.percentile=3", "strategy=ldr"),
        ("strategy.percentil=3", "strategy=ldr"),
        ("strategy=ldrr",),
        ("budget.step=[",),
        ("learner.epochs=many",),
        ("seeds=-1",),
    ],
)
def test_the_same_run_or_the_same_error(words: tuple[str, ...]) -> None:
    def told(loads):
        try:
            return loads(parse(list(words)))
        except UserError as error:
            return str(error)

    assert told(load_shared) == told(load)
    assert told(load_shared) == told(load)  # from what was composed before, which nothing has changed


def test_what_was_composed_once_is_not_changed() -> None:
    def epochs(*words: str) -> int:
        return load_shared(parse(["strategy=ldr", *words]))[0].learner.epochs

    default = epochs()
    assert epochs("learner.epochs=77") == 77 and epochs() == default != 77
