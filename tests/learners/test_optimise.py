"""Learning-rate schedules against torch's schedulers, optimisers against torch's defaults."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, MultiStepLR, OneCycleLR

from altool.core.errors import UserError
from altool.learners.optimise import lr_factor, make_optimiser


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


MINE_AND_TORCHS = pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("sgd", lambda p, **kind: SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01, **kind)),
        ("adam", lambda p, **kind: Adam(p, lr=0.1, betas=(0.9, 0.999), weight_decay=0.01, **kind)),
    ],
)


def after_steps(optimiser, weight: torch.nn.Parameter, n: int = 5) -> torch.Tensor:
    for _ in range(n):
        optimiser.zero_grad()
        (weight**3).sum().backward()
        optimiser.step()
    return weight.detach()


def weight() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.randn((5, 3), generator=torch.Generator().manual_seed(0)))


@MINE_AND_TORCHS
def test_optimisers_step_as_torchs(name, plain):
    """To the last bit as torch's fused ones, to rounding as its plain ones."""
    mine, fused, unfused = weight(), weight(), weight()
    stepped = after_steps(make_optimiser(name, [mine], 0.1, 0.9, 0.01), mine)
    assert not torch.allclose(stepped, weight(), atol=0.01)
    assert torch.equal(stepped, after_steps(plain([fused], fused=True), fused))
    torch.testing.assert_close(stepped, after_steps(plain([unfused]), unfused), atol=1e-6, rtol=1e-5)


@MINE_AND_TORCHS
def test_what_has_no_gradient_stays(name, plain):
    moved, still = weight(), weight()
    after_steps(make_optimiser(name, [still, moved], 0.1, 0.9, 0.01), moved)
    assert torch.equal(still, weight()) and not torch.equal(moved, weight())


@MINE_AND_TORCHS
def test_the_state_is_all_that_a_step_changes(name, plain):
    """Weights and state put back, the same steps follow."""
    mine = weight()
    optimiser = make_optimiser(name, [mine], 0.1, 0.9, 0.01)
    after_steps(optimiser, mine, 2)
    kept = [tensor.clone() for tensor in (mine.detach(), *optimiser.state())]
    once = after_steps(optimiser, mine, 3).clone()
    for tensor, before in zip((mine.detach(), *optimiser.state()), kept, strict=True):
        tensor.copy_(before)
    assert torch.equal(after_steps(optimiser, mine, 3), once)


def test_an_unknown_optimiser_is_refused():
    with pytest.raises(UserError, match=r"learner.optimiser=rmsprop: known: sgd, adam"):
        make_optimiser("rmsprop", [torch.nn.Parameter(torch.zeros(1))], 0.1, 0.9, 0.0)


def test_a_new_rate_counts_from_the_next_step_on():
    slow, fast = weight(), weight()
    optimiser = make_optimiser("sgd", [fast], 0.1, 0.0, 0.0)
    optimiser.set_lr(0.5)
    after_steps(make_optimiser("sgd", [slow], 0.1, 0.0, 0.0), slow, 1)
    after_steps(optimiser, fast, 1)
    torch.testing.assert_close(fast - weight(), 5 * (slow - weight()))
