"""LDR: its value on a linear model, whose direction belongs to the item, and Algorithm 1 against a literal, slow one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, rel_entr
from torch import Tensor

from altool.core.errors import UserError
from altool.core.strategy import Context
from altool.core.streams import Streams
from altool.strategies import ldr
from altool.strategies.ldr import LDR, Clean, directions
from altool.strategies.ldr_vat import LDRVAT

N, D = 40, 5
ACROSS = torch.tensor([1.0, -2.0, 0.5, 0.0, 1.5])


def two_classes(x: Tensor) -> Tensor:
    return torch.stack([torch.zeros(len(x)), x.flatten(1) @ ACROSS], 1)


def unperturbed(context: Context) -> Clean:
    return Clean(two_classes(context.images(context.candidates)))


def clean(classes: np.ndarray) -> Clean:
    """Any logits that predict these."""
    return Clean(F.one_hot(torch.from_numpy(classes)).float())


@pytest.fixture
def context(context_of):
    items = torch.randn(N, 1, 1, D, generator=torch.Generator().manual_seed(0)) * 0.7
    return context_of(items, [0, 7, 8], logits=two_classes)


def test_score_is_the_divergence_along_the_weights(context) -> None:
    """Two classes: the start decides on which side, the rest is a closed form (P3 Eqs. 1, 2)."""
    start = directions(context, context.candidates).flatten(1).double().numpy()
    across = ACROSS.double().numpy()
    before = context.images(context.candidates).flatten(1).double().numpy() @ across
    for epsilon in (0.3, 2.0):
        after = before + np.sign(start @ across) * epsilon * np.linalg.norm(across)
        p, q = expit(before), expit(after)
        wanted = rel_entr(p, q) + rel_entr(1 - p, 1 - q)
        scores = LDR(epsilon=epsilon).score(context, unperturbed(context))
        np.testing.assert_allclose(scores, wanted, rtol=1e-3, atol=1e-6)


def test_a_perturbation_that_changes_most_predictions_is_warned_about(context) -> None:
    """The start decides the side; a step of 50 carries every item on the wrong side across."""
    start = directions(context, context.candidates).flatten(1) @ ACROSS
    before = context.images(context.candidates).flatten(1) @ ACROSS
    crosses = (np.sign(start.numpy()) != np.sign(before.numpy())).mean()
    LDR(epsilon=50.0).score(context, unperturbed(context))
    assert context.diagnostics.numbers["ldr_flipped"] == pytest.approx(crosses, abs=1e-6)
    assert bool(context.diagnostics.warnings) == (crosses > 0.5)
    context.diagnostics.warnings.clear()
    LDR(epsilon=1e-4).score(context, unperturbed(context))
    assert not context.diagnostics.warnings


def test_options_reach_the_perturbation(context) -> None:
    options = LDR(epsilon=1.5, xi=0.1, power_iterations=2, symmetric=True, smoothing=0.1)
    seen = options.perturbation
    assert (seen.epsilon, seen.xi, seen.iterations, seen.symmetric, seen.smoothing) == (
        1.5,
        0.1,
        2,
        True,
        0.1,
    )
    plain = LDR(epsilon=1.5).score(context, unperturbed(context))
    assert (options.score(context, unperturbed(context)) - plain).abs().min() > 1e-6


def test_an_items_direction_is_its_own(context) -> None:
    """Neither chunks nor company: keyed by dataset index, seed and stage."""
    whole = directions(context, context.candidates)
    assert torch.equal(directions(context, context.candidates[5:9]), whole[5:9])
    assert len({tuple(row.flatten().tolist()) for row in whole}) == len(whole)
    for other in (Streams(0, 2), Streams(1, 1)):
        elsewhere = directions(replace(context, streams=other), context.candidates)
        assert (elsewhere != whole).float().mean() > 0.99
    scores = LDR().score(context, unperturbed(context))
    part = replace(context, candidates=context.candidates[::3], chunk=4)
    torch.testing.assert_close(LDR().score(part, unperturbed(part)), scores[::3], rtol=1e-5, atol=1e-9)


def test_directions_are_gaussian(context) -> None:
    many = directions(context, np.arange(4000)).flatten(1).numpy()
    assert abs(many.mean()) < 0.02 and abs(many.std() - 1) < 0.02
    assert np.abs(np.corrcoef(many.T) - np.eye(D)).max() < 0.06


def algorithm_1(
    scores: list[float], classes: list[int], shares: list[int] | None, n: int, percentile: float, order: str
) -> list[int]:
    """P3 Algorithm 1 with L5's fill, one item at a time; scores differ from each other."""
    ranked = sorted(range(len(scores)), key=lambda i: scores[i])
    place = percentile / 100 * (len(scores) - 1)
    low, high = ranked[int(place)], ranked[min(int(place) + 1, len(ranked) - 1)]
    threshold = scores[low] + (place - int(place)) * (scores[high] - scores[low])
    above = [i for i in ranked if scores[i] > threshold]
    if order == "descending":
        above.reverse()
    picks: list[int] = []
    for label, share in enumerate(shares or []):
        for _ in range(share):
            for i in above:
                if classes[i] == label and i not in picks:
                    picks.append(i)
                    break
    while len(picks) < n:
        left = [i for i in above if i not in picks]
        under = [i for i in reversed(ranked) if i not in picks]
        picks.append((left or under)[0])
    return picks


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_selection_is_algorithm_1(context_of, data) -> None:
    size, n_classes = data.draw(st.integers(2, 40)), data.draw(st.integers(1, 5))
    n = data.draw(st.integers(1, size))
    scores = np.array(data.draw(st.permutations(range(size)))) / 7 + 0.1
    classes = np.array(data.draw(st.lists(st.integers(0, n_classes - 1), min_size=size, max_size=size)))
    percentile = data.draw(st.sampled_from([0.0, 50.0, 90.0, 33.3, 99.0]))
    order = data.draw(st.sampled_from(["ascending", "descending"]))
    cuts = sorted(data.draw(st.lists(st.integers(0, n), min_size=n_classes - 1, max_size=n_classes - 1)))
    shares = np.diff([0, *cuts, n]).tolist()
    balance: Any = data.draw(st.sampled_from(["none", dict(enumerate(shares))]))
    context = context_of(torch.zeros(size + 3, 1), [0, 2, 3], n_classes=n_classes)
    picks = LDR(percentile, order=order, balance=balance).select(context, clean(classes), scores, n)
    given_shares = None if balance == "none" else shares
    wanted = algorithm_1(scores.tolist(), classes.tolist(), given_shares, n, percentile, order)
    assert picks.indices.tolist() == context.candidates[wanted].tolist()
    assert picks.scores.tolist() == scores[wanted].tolist()
    above = context.diagnostics.numbers["ldr_above_threshold"]
    assert above == (scores > np.percentile(scores, percentile)).sum()


@pytest.mark.parametrize(
    ("balance", "wanted"),
    [
        ("uniform", [50, 51, 54, 55, 58, 59]),
        ("predicted", [50, 51, 52, 54, 55, 58]),
        ({2: 2.0, 0: 1.0}, [50, 51, 58, 59, 70, 71]),
        ("none", [50, 51, 52, 53, 54, 55]),
    ],
)
def test_balance(balance: str | Mapping[int, float], wanted: list[int], context_of) -> None:
    """By hand: predicted 0 six times, 1 four times, 2 twice, and so on; candidates 50 to 83 lie above the threshold."""
    context = context_of(torch.zeros(100, 1), list(range(84, 100)), n_classes=3)
    classes = np.tile([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2], 7)
    picks = LDR(percentile=60, balance=balance).select(context, clean(classes), np.arange(84.0), 6)
    assert picks.indices.tolist() == wanted


def test_equal_scores_are_bought_at_random(context_of) -> None:
    """A saturated net roughs nothing: then nothing is above the threshold, and the order of the data must not decide."""
    bought = []
    for seed in range(3):
        context = context_of(torch.zeros(60, 1), [0], streams=Streams(seed, 1))
        picks = LDR().select(context, clean(np.zeros(59, int)), np.zeros(59), 10)
        bought.append(set(picks.indices.tolist()))
    assert all(len(each) == 10 and each != set(range(1, 11)) for each in bought)
    assert bought[0] != bought[1] != bought[2]


def test_pseudo_labels_are_the_predictions(context) -> None:
    fitted = LDR().fit(context)
    wanted = (context.images(context.candidates).flatten(1) @ ACROSS > 0).int()
    assert fitted.classes_N.tolist() == wanted.tolist() and 0 < wanted.sum() < len(wanted)
    LDR().select(context, fitted, np.arange(37.0), 4)
    assert context.diagnostics.arrays["pseudo_labels"].tolist() == wanted.tolist()
    assert context.diagnostics.numbers["ldr_threshold"] == pytest.approx(32.4)


def test_exactly_algorithm_1s_shares_are_asked_for(context_of, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def spied(*given: Any) -> np.ndarray:
        asked.append(given[0])
        return np.array([0, 3])

    monkeypatch.setattr(ldr, "quotas", spied)
    context = context_of(torch.zeros(21, 1), [0])
    picks = LDR(percentile=50).select(context, clean(np.arange(20) % 2), np.arange(20.0), 3)
    assert asked == ["uniform"] and picks.indices.tolist() == [12, 14, 16]
    LDR(balance="none").select(context, clean(np.arange(20) % 2), np.arange(20.0), 3)
    assert len(asked) == 1


@pytest.mark.parametrize(
    "options", [{"percentile": 100}, {"percentile": -1}, {"order": "up"}, {"balance": "even"}, {"epsilon": 0}]
)
@pytest.mark.parametrize("strategy", [LDR, LDRVAT])
def test_bad_options(strategy: type[LDR], options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"strategy\."):
        strategy(**options)
