"""The sets that need no file, and the splits they are given."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from altool.core.errors import UserError
from altool.data.read import read
from altool.data.spec import DatasetSpec
from altool.data.split import stratified, validation


def test_digits_are_scikit_learns_in_256_levels() -> None:
    arrays = read(DatasetSpec("digits", "digits", test=0.2))
    bunch: Any = load_digits()
    assert arrays.train_x.dtype == np.uint8
    assert arrays.train_x.shape[1:] == (8, 8, 1)
    assert len(arrays.train_x) + len(arrays.test_x) == 1797
    ours = np.concatenate([arrays.train_x, arrays.test_x])[..., 0]
    # 17 levels at 0, 15.94, …, 255: the original comes back by rounding
    assert Counter(map(bytes, np.rint(ours / 255 * 16).astype(np.uint8))) == Counter(
        map(bytes, bunch.images.astype(np.uint8))
    )
    assert arrays.classes == tuple("0123456789")


def test_digits_can_be_read() -> None:
    arrays = read(DatasetSpec("digits", "digits", test=0.2))
    flat_train, flat_test = (np.asarray(x).reshape(len(x), -1) for x in (arrays.train_x, arrays.test_x))
    nearest = KNeighborsClassifier(3).fit(flat_train, arrays.train_y)
    assert nearest.score(flat_test, arrays.test_y) > 0.97  # labels stayed with their images


def test_a_stratified_split_takes_the_fraction_of_every_class_rounded_up() -> None:
    labels = np.repeat([0, 1, 2, 3], [10, 11, 1, 2])
    test = stratified(labels, 0.2, split_seed=0)
    assert np.bincount(labels[test], minlength=4).tolist() == [2, 3, 0, 1]
    assert np.array_equal(test, stratified(labels, 0.2, split_seed=0))
    assert not np.array_equal(test, stratified(labels, 0.2, split_seed=1))


def test_neu_split_has_the_size_that_p2_prints() -> None:
    counts = [1210, 296, 775, 1148, 797, 200, 1589, 773, 438]  # facts.md section 2
    test = stratified(np.repeat(np.arange(9), counts), 0.2, split_seed=0)
    assert (sum(counts) - len(test), len(test)) == (5778, 1448)


def test_validation_indices() -> None:
    assert validation(60_000, "first5000", 0).tolist() == list(range(5000))
    assert len(validation(100, 0, 0)) == 0
    drawn = validation(1000, 100, 0)
    assert len(set(drawn.tolist())) == 100
    assert not np.array_equal(drawn, validation(1000, 100, 1))
    for val in ("first5000", 5000):
        with pytest.raises(UserError, match="the training set has 5000 items"):
            validation(5000, val, 0)


@pytest.mark.parametrize("name", ["moons", "circles"])
def test_p3_toys_have_400_points_per_class_to_train_on(name: str) -> None:
    arrays = read(DatasetSpec(name, name, test=0.2, noise=0.1))
    assert np.bincount(arrays.train_y).tolist() == [400, 400]
    assert np.bincount(arrays.test_y).tolist() == [100, 100]
    assert arrays.train_x.dtype == np.float32


def test_circles_lie_on_two_radii_all_around() -> None:
    arrays = read(DatasetSpec("circles", "circles", test=0.2, noise=0.0))
    radius = np.linalg.norm(arrays.train_x, axis=1)
    assert radius == pytest.approx(1.0 + np.asarray(arrays.train_y), abs=1e-5)
    quadrants = Counter(zip(*(np.asarray(arrays.train_x) > 0).T.tolist(), strict=True))
    assert min(quadrants.values()) > 150  # 800 uniform angles: 200 ± 12 each


def test_moons_lie_on_two_half_circles() -> None:
    arrays = read(DatasetSpec("moons", "moons", test=0.2, noise=0.0))
    x, y = np.asarray(arrays.train_x).T
    upper, lower = arrays.train_y == 0, arrays.train_y == 1
    assert np.hypot(x[upper], y[upper]) == pytest.approx(1, abs=1e-5)
    assert y[upper].min() >= 0
    assert np.hypot(x[lower] - 1, y[lower] - 0.5) == pytest.approx(1, abs=1e-5)
    assert y[lower].max() <= 0.5


def test_jitter_is_gaussian_of_the_given_size() -> None:
    still = read(DatasetSpec("moons", "moons", test=0.2, noise=0.0))
    moved = read(DatasetSpec("moons", "moons", test=0.2, noise=0.1))
    assert np.std(np.asarray(moved.train_x) - np.asarray(still.train_x)) == pytest.approx(0.1, rel=0.06)


def test_p1_toy_is_500_against_50_and_tested_on_other_points() -> None:
    arrays = read(DatasetSpec("moons_imb10", "moons_imb10", noise=0.2))
    assert np.bincount(arrays.train_y).tolist() == [500, 50]
    assert np.bincount(arrays.test_y).tolist() == [500, 500]
    assert not set(map(bytes, np.asarray(arrays.train_x))) & set(map(bytes, np.asarray(arrays.test_x)))


def test_generated_points_go_by_the_split_seed_alone() -> None:
    for name, test in (("moons", 0.2), ("circles", 0.2), ("moons_imb10", None)):
        same = [read(DatasetSpec(name, name, test=test, noise=0.2)).train_x for _ in range(2)]
        other = read(DatasetSpec(name, name, test=test, noise=0.2, split_seed=1)).train_x
        assert np.array_equal(same[0], same[1])
        assert not np.array_equal(same[0], other)
