"""The two pair losses against hand-computed values and gradients; learning loss picks the highest prediction."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from altool.strategies._loss_prediction import margin_loss, order_accuracy, pairs, ranking_loss
from altool.strategies.learning_loss import LearningLoss
from altool.strategies.learning_loss_v2 import LearningLossV2

# Pairs are (first, last) and (second, third): differences 3 and 1, of which the first is ordered rightly.
PREDICTED, LOSSES = [2.0, 1.0, 0.0, -1.0], [1.0, 2.0, 3.0, 0.5]
RANKING = (math.log1p(math.exp(-3)) + math.log1p(math.exp(1))) / 2
RIGHT, WRONG = (1 / (1 + math.exp(-3)) - 1) / 2, 1 / (1 + math.exp(-1)) / 2
MARGIN = (0 + 2) / 2


def value_and_gradient(loss, predicted: list[float], losses: list[float]) -> tuple[float, list[float]]:
    guess = torch.tensor(predicted, requires_grad=True)
    truth = torch.tensor(losses, requires_grad=True)
    value = loss(guess, truth)
    value.backward()
    assert truth.grad is None  # the task model is not trained to make its losses easy to rank
    assert guess.grad is not None
    return value.item(), guess.grad.tolist()


@pytest.mark.parametrize(
    ("loss", "wanted", "slope"),
    [(ranking_loss, RANKING, [RIGHT, WRONG, -WRONG, -RIGHT]), (margin_loss, MARGIN, [0, 0.5, -0.5, 0])],
)
def test_value_and_gradient_by_hand(loss, wanted: float, slope: list[float]) -> None:
    value, gradient = value_and_gradient(loss, PREDICTED, LOSSES)
    assert value == pytest.approx(wanted, abs=1e-6)
    assert gradient == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize(
    ("loss", "wanted", "slope"),
    [(ranking_loss, RANKING, [RIGHT, WRONG, -WRONG, -RIGHT, 0]), (margin_loss, MARGIN, [0, 0.5, -0.5, 0, 0])],
)
def test_the_odd_one_at_the_end_is_left_out(loss, wanted: float, slope: list[float]) -> None:
    """T28: otherwise (second, fourth) would be a pair."""
    value, gradient = value_and_gradient(loss, [*PREDICTED, 99.0], [*LOSSES, 7.0])
    assert value == pytest.approx(wanted, abs=1e-6)
    assert gradient == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize(("loss", "wanted"), [(ranking_loss, math.log1p(math.exp(0.5))), (margin_loss, 1.5)])
def test_a_tie_counts_as_lower(loss, wanted: float) -> None:
    """T27: I = 0 (ranking) or −1 (margin), so a higher prediction for the first is punished."""
    assert value_and_gradient(loss, [0.5, 0.0], [2.0, 2.0])[0] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("loss", [ranking_loss, margin_loss])
def test_a_batch_of_one_has_no_pair(loss) -> None:
    assert value_and_gradient(loss, [0.5], [2.0]) == (0, [0])


def test_far_apart_predictions_stay_finite() -> None:
    value, gradient = value_and_gradient(ranking_loss, [-1e4, 1e4], [2.0, 1.0])
    assert value == pytest.approx(2e4) and gradient == [-1.0, 1.0]


def test_margin_is_flat_past_xi() -> None:
    wide = margin_loss(torch.tensor([2.5, 0.0]), torch.tensor([2.0, 1.0]), xi=3.0)
    assert wide.item() == pytest.approx(0.5)


def test_pairs_meet_in_the_middle() -> None:
    first, second = pairs(torch.arange(7))
    assert (first.tolist(), second.tolist()) == ([0, 1, 2], [5, 4, 3])


@pytest.mark.parametrize("strategy", [LearningLoss(), LearningLossV2()])
def test_the_highest_predicted_loss_is_bought(strategy, context_of) -> None:
    predicted = torch.tensor([9.0, 0.1, 0.5, -3.0, 0.4, 8.0])
    context = context_of(torch.zeros(6, 1), [0, 5], probed={"auxiliary": predicted})
    picks = strategy.select(context, None, strategy.score(context, None).numpy(), 3)
    assert picks.indices.tolist() == [2, 4, 1]


def test_options_reach_the_extension() -> None:
    original, v2 = (kind().extension().recipe()["loss_prediction"] for kind in (LearningLoss, LearningLossV2))
    assert (original["loss"], v2["loss"]) == ("margin", "ranking")
    assert original | {"loss": "ranking"} == v2
    changed = LearningLoss(weight=0.5, width=8, detach_after=None, freeze_after=0.8).extension().recipe()
    wanted = {"loss": "margin", "weight": 0.5, "width": 8, "detach_after": None, "freeze_after": 0.8}
    assert changed == {"loss_prediction": wanted}


@settings(max_examples=50, deadline=None)
@given(st.permutations(range(9)), st.permutations(range(9)))
def test_order_accuracy_is_the_share_of_pairs(predicted: list[int], losses: list[int]) -> None:
    n = len(predicted)
    right = [(predicted[i] > predicted[j]) == (losses[i] > losses[j]) for i in range(n) for j in range(i)]
    assert order_accuracy(np.array(predicted), np.array(losses)) == pytest.approx(np.mean(right))


@pytest.mark.parametrize("predicted", [[], [1.0], [2.0, 2.0, 2.0]])
def test_nothing_to_order_is_chance(predicted: list[float]) -> None:
    assert order_accuracy(np.array(predicted), np.arange(len(predicted))) == 0.5


@pytest.mark.parametrize(("sign", "accuracy"), [(1, 1.0), (-1, 0.0)])
def test_a_ranker_that_orders_wrongly_is_warned_about(sign: int, accuracy: float, context_of) -> None:
    x = torch.arange(6.0)
    probed = {"auxiliary": sign * x, "losses": x.square()}
    context = context_of(torch.zeros(6, 1), [0, 2, 3, 5], probed=probed)
    LearningLoss().fit(context)
    assert context.diagnostics.numbers == {"ranker_accuracy": accuracy}
    assert [("hardly better" in warning) for warning in context.diagnostics.warnings] == [True] * (sign < 0)
