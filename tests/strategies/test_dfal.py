"""DFAL: the nearest to the boundary first, and twins that are where they should be."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from altool.core.errors import UserError
from altool.strategies.dfal import DFAL, Twins

AT = torch.tensor([0.5, -3.0, 1.0, 77.0, -0.25, 9.0, 0.1, -2.0, 20.0])
LABELLED = [0, 3]
BEYOND, MARGIN = 1.02, 1e-4


def edge(images: Tensor) -> Tensor:
    """Predicts 1 where x > 0; beyond 5 nothing pulls any more."""
    x = images.flatten(1)[:, 0].clamp(max=5)
    return torch.stack([-x, x], 1)


@pytest.fixture
def context(context_of):
    items = torch.stack([AT, torch.arange(9.0)], 1)[:, None, None]  # (9, 1, 1, 2)
    return context_of(items, LABELLED, logits=edge)


def distance(index: int) -> float:
    return BEYOND * (abs(float(AT[index])) + MARGIN)


def test_the_nearest_first_and_what_was_not_fooled_last(context) -> None:
    strategy = DFAL()
    scores = strategy.score(context, None).numpy()
    assert context.candidates.tolist() == [1, 2, 4, 5, 6, 7, 8]
    fooled = [0, 1, 2, 4, 5]
    np.testing.assert_allclose(scores[fooled], [-distance(i) for i in (1, 2, 4, 6, 7)], rtol=1e-6)
    assert scores[[3, 6]].max() < scores[fooled].min()
    assert context.diagnostics.numbers["deepfool_fooled"] == pytest.approx(5 / 7)
    picks = strategy.select(context, None, scores, 5)
    assert picks.indices.tolist() == [6, 4, 2, 7, 1]
    assert set(strategy.select(context, None, scores, 7).indices[5:]) == {5, 8}


def test_all_the_same_when_nothing_can_be_fooled(context) -> None:
    only = replace(context, candidates=np.array([5, 8]))
    scores = DFAL().score(only, None).numpy()
    assert np.isfinite(scores).all() and scores[0] == scores[1]


def test_chunks_do_not_matter(context) -> None:
    small = replace(context, chunk=2)
    scores = DFAL().score(context, None)
    torch.testing.assert_close(DFAL().score(small, None), scores, rtol=0, atol=0)
    carries = [DFAL().select(each, None, scores.numpy(), 5).carry for each in (context, small)]
    assert carries[0] is not None and carries[1] is not None
    assert all(np.array_equal(carries[0][key], carries[1][key]) for key in ("images", "indices"))


def test_twins_lie_beyond_the_boundary_and_are_kept(context) -> None:
    scores = DFAL().score(context, None).numpy()
    first = DFAL().select(context, None, scores, 2).carry
    assert first is not None
    assert first["indices"].tolist() == [6, 4] and first["images"].dtype == np.float32
    beyond = [float(AT[i]) - np.sign(float(AT[i])) * distance(i) for i in (6, 4)]
    np.testing.assert_allclose(
        first["images"], [[[[x, i]]] for x, i in zip(beyond, (6, 4), strict=True)], rtol=1e-4
    )
    twins, originals = torch.from_numpy(first["images"]), context.images(np.array([6, 4]))
    assert (edge(twins).argmax(1) != edge(originals).argmax(1)).all()
    later = replace(context, candidates=np.array([1, 2, 7, 8]), carry=first)
    second = DFAL().select(later, None, DFAL().score(later, None).numpy(), 1).carry
    assert second is not None
    assert second["indices"].tolist() == [6, 4, 2] and second["images"].shape == (3, 1, 1, 2)
    np.testing.assert_array_equal(second["images"][:2], first["images"])


def test_a_twin_has_its_originals_label() -> None:
    images = np.arange(12, dtype=np.float32).reshape(3, 1, 2, 2)
    training = SimpleNamespace(
        labelled=np.array([9, 4, 6, 2]),
        labels=np.array([0, 1, 2, 3]),
        device=torch.device("cpu"),
        carry={"images": images, "indices": np.array([2, 9, 6])},
    )
    samples = Twins().begin(training).extra_samples()  # type: ignore[arg-type]
    assert samples is not None
    assert samples[1].tolist() == [3, 0, 2] and np.array_equal(samples[0], images)
    training.carry = {}
    assert Twins().begin(training).extra_samples() is None  # type: ignore[arg-type]


def test_twins_are_optional_and_no_matter_of_stage_0(context) -> None:
    extension = DFAL().extension()
    assert extension is not None and extension.recipe() == {}
    without = DFAL(twins=False)
    assert without.extension() is None
    assert without.select(context, None, np.arange(7.0), 3).carry is None


def test_options() -> None:
    attack = DFAL(max_iterations=3, overshoot=0.5, classes=4).deepfool
    assert (attack.iterations, attack.overshoot, attack.classes) == (3, 0.5, 4)
    with pytest.raises(UserError):
        DFAL(classes=1)
