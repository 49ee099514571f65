"""A task of one seed: what is in the pool, what is held out, what seeds share."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from altool.core.errors import UserError
from altool.data.prepare import pixel_statistics, prepare
from altool.data.spec import DatasetSpec, ImbalanceSpec
from altool.data.task import Task

NONE = ImbalanceSpec()
HALF = ImbalanceSpec("half", "cut", classes=(0, 1, 2, 3, 4), keep=0.5)


def digits(**keys: Any) -> DatasetSpec:
    return DatasetSpec("digits", "digits", **{"test": 0.2, "mean": (0.0,), "std": (1.0,), **keys})


def task_of(seed: int = 0, imbalance: ImbalanceSpec = NONE, **keys: Any) -> Task:
    return prepare(digits(**keys), imbalance, seed, "cpu")


def test_the_whole_training_set_is_the_pool() -> None:
    task = task_of()
    assert task.members.tolist() == list(range(len(task.store)))
    assert len(task.store) + len(task.test.indices) == 1797
    assert task.val is None
    assert task.n_classes == 10
    images = task.store.images(task.members[:3])
    assert images.shape == (3, 1, 8, 8)
    assert 0 <= images.min() and images.max() <= 1


@pytest.mark.parametrize("imbalance", [NONE, HALF])
def test_validation_items_are_never_in_the_pool(imbalance: ImbalanceSpec) -> None:
    for seed in range(3):
        task = task_of(seed, imbalance, val=200)
        assert task.val is not None
        assert not np.isin(task.val.indices, task.members).any()
        assert len(task.val.indices) == 200
        assert np.array_equal(task.val.labels, task.oracle.audit(task.val.indices))
        if imbalance is NONE:
            assert len(task.members) + 200 == len(task.store)


def test_splits_are_the_same_for_all_seeds_and_imbalance_is_not() -> None:
    one, two = task_of(1, HALF, val=100), task_of(2, HALF, val=100)
    assert one.val is not None and two.val is not None
    assert np.array_equal(one.val.indices, two.val.indices)
    assert one.store is two.store  # five seeds, one copy of the images
    assert one.test.store is two.test.store
    assert not np.array_equal(one.members, two.members)
    assert len(one.members) == len(two.members)


def test_members_are_dataset_indices() -> None:
    """Whatever is removed, an index still means the same image and label."""
    whole, cut = task_of(), task_of(0, HALF, val=100)
    index = cut.members[7]
    assert torch.equal(whole.store.images([index]), cut.store.images([index]))
    assert whole.oracle.audit(np.array([index])) == cut.oracle.audit(np.array([index]))
    assert cut.members[-1] >= len(cut.members)


def test_only_the_pool_is_made_unbalanced() -> None:
    whole, cut = task_of(), task_of(0, HALF)
    assert np.array_equal(whole.test.labels, cut.test.labels)
    counts, before = (np.bincount(t.oracle.audit(t.members)) for t in (cut, whole))
    assert counts[5:].tolist() == before[5:].tolist()
    assert counts[:5].tolist() == [round(n / 2) for n in before[:5].tolist()]


def test_another_split_seed_gives_another_split() -> None:
    one, two = task_of(), task_of(split_seed=1)
    n = min(len(one.test.labels), len(two.test.labels))
    assert not torch.equal(one.test.store.images(range(n)), two.test.store.images(range(n)))


def test_statistics_are_those_of_numpy_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("altool.data.prepare.CHUNK_BYTES", 7 * 5 * 6 * 3)
    images = np.random.default_rng(0).integers(0, 256, (50, 5, 6, 3), dtype=np.uint8)
    mean, std = pixel_statistics(images)
    assert mean == pytest.approx((images / 255).mean(axis=(0, 1, 2)))
    assert std == pytest.approx((images / 255).std(axis=(0, 1, 2)))


def test_without_constants_the_training_images_have_mean_0_and_std_1() -> None:
    task = task_of(mean=None, std=None)
    images = task.store.images(range(len(task.store)))
    assert images.mean().item() == pytest.approx(0, abs=1e-5)
    assert images.std().item() == pytest.approx(1, abs=1e-3)


def test_a_constant_channel_is_left_in_scale() -> None:
    mean, std = pixel_statistics(np.full((3, 2, 2, 1), 51, np.uint8))
    assert (mean, std) == ((0.2,), (1.0,))


def test_points_have_no_pixels_to_scale_or_crop() -> None:
    cases: list[dict[str, Any]] = [{"flip": True}, {"crop_pad": 2}, {"mean": (0.0, 0.0)}]
    for keys in cases:
        spec = DatasetSpec("moons", "moons", test=0.2, noise=0.1, **keys)
        with pytest.raises(UserError, match="are for images"):
            prepare(spec, NONE, 0, "cpu")


def test_constants_for_other_channels_are_refused() -> None:
    with pytest.raises(UserError, match=r"dataset\.std=\[0\.1, 0\.1, 0\.1\]: digits has 1 channels"):
        task_of(std=(0.1, 0.1, 0.1))


def test_a_missing_set_is_missing_again_the_second_time(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(UserError, match="mnist is not in"):
            prepare(DatasetSpec("mnist", "mnist"), NONE, 0, "cpu", tmp_path)
