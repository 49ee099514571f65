"""Learning-rate schedules against torch's schedulers, optimisers against torch's defaults."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, MultiStepLR, OneCycleLR

from altool.core.errors import UserError
from altool.learners.optimise import lr_factor, make_optimiser, set_lr


def optimiser_of_one() -> SGD:
    return SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)


def rates(optimiser: SGD, scheduler: LRScheduler, n: int) -> list[float]:
    seen = [optimiser.param_groups[0]["lr"]]
    for _ in range(n - 1):
        optimiser.step()
        scheduler.step()
        seen.append(optimiser.param_groups[0]["lr"])
    return seen


def factors(
    schedule: str, epochs: int, steps: int = 1, milestones: tuple[float, ...] = (), gamma: float = 0.1
):
    return [
        lr_factor(schedule, number // steps, number, epochs, steps, milestones, gamma)
        for number in range(epochs * steps)
    ]


@pytest.mark.parametrize(
    ("epochs", "fractions", "milestones", "gamma"),
    [
        (200, (0.8,), [160], 0.1),
        (10, (0.3, 0.6, 0.9), [3, 6, 9], 0.5),
        (7, (), [], 0.1),
        (4, (0.5, 0.5), [2, 2], 0.1),
    ],
)
def test_step_is_multi_step(epochs, fractions, milestones, gamma):
    optimiser = optimiser_of_one()
    expected = rates(optimiser, MultiStepLR(optimiser, milestones, gamma), epochs)
    assert factors("step", epochs, milestones=fractions, gamma=gamma) == pytest.approx(expected)


@pytest.mark.parametrize("epochs", [1, 2, 7, 50])
def test_cosine_is_cosine_annealing(epochs):
    optimiser = optimiser_of_one()
    expected = rates(optimiser, CosineAnnealingLR(optimiser, epochs), epochs)
    assert factors("cosine", epochs) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12))
def test_one_cycle_is_one_cycle_step_by_step(epochs, steps):
    optimiser, n = optimiser_of_one(), epochs * steps
    scheduler = OneCycleLR(optimiser, max_lr=1.0, total_steps=n, cycle_momentum=False)
    expected = rates(optimiser, scheduler, n)
    assert factors("one_cycle", epochs, steps) == pytest.approx(expected, abs=1e-9)


def test_constant_is_constant_within_epochs_and_over_them():
    assert factors("constant", 3, 2) == [1.0] * 6
    assert factors("step", 4, 2, (0.5,)) == pytest.approx([1.0] * 4 + [0.1] * 4)


def test_an_unknown_schedule_is_refused():
    with pytest.raises(UserError, match=r"learner.schedule=linear: known: step, cosine"):
        lr_factor("linear", 0, 0, 1, 1, (), 0.1)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("sgd", lambda p: SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01)),
        ("adam", lambda p: Adam(p, lr=0.1, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)),
    ],
)
def test_optimisers_step_as_torchs_unfused_ones(name, plain):
    start = torch.randn((5, 3), generator=torch.Generator().manual_seed(0))
    mine, theirs = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    for optimiser, weight in (
        (make_optimiser(name, [mine], 0.1, 0.9, 0.01), mine),
        (plain([theirs]), theirs),
    ):
        for _ in range(5):
            optimiser.zero_grad()
            (weight**3).sum().backward()
            optimiser.step()
    assert not torch.allclose(mine, start, atol=0.01)
    torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=1e-5)


def test_an_unknown_optimiser_is_refused():
    with pytest.raises(UserError, match=r"learner.optimiser=rmsprop: known: sgd, adam"):
        make_optimiser("rmsprop", [torch.nn.Parameter(torch.zeros(1))], 0.1, 0.9, 0.0)


def test_set_lr_reaches_every_group_of_every_optimiser():
    weights = [torch.nn.Parameter(torch.zeros(1)) for _ in range(3)]
    optimisers = [
        SGD([{"params": [weights[0]]}, {"params": [weights[1]], "lr": 7.0}], lr=1.0),
        SGD([weights[2]]),
    ]
    set_lr(optimisers, 0.25)
    assert [g["lr"] for optimiser in optimisers for g in optimiser.param_groups] == [0.25] * 3
