"""The real sets, where ALTOOL_DATA names a folder that has them."""

import os
from pathlib import Path

import numpy as np
import pytest

from altool.data.prepare import pixel_statistics, prepare
from altool.data.public import PUBLIC_SETS
from altool.data.read import read
from altool.data.spec import DatasetSpec, ImbalanceSpec
from altool.data.torchvision_sets import read_torchvision


def real(*files: str) -> Path:
    """The folder with the real data; skips the test without it."""
    root = os.environ.get("ALTOOL_DATA")
    if not root:
        pytest.skip("ALTOOL_DATA names no folder with real data")
    absent = [file for file in files if not (Path(root) / file).exists()]
    if absent:
        pytest.skip(f"ALTOOL_DATA has no {absent[0]}")
    return Path(root)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_prepared_file_and_idx_files_agree(name: str) -> None:
    root = real(f"{name}.npz", PUBLIC_SETS[name].folder)
    prepared = read(DatasetSpec(name, name), root)
    through_torchvision = read_torchvision(name, root, download=False)
    for key in ("train_x", "train_y", "test_x", "test_y"):
        assert np.array_equal(getattr(prepared, key), getattr(through_torchvision, key)), key


def test_mnist_as_p3_uses_it() -> None:
    root = real("mnist.npz")
    spec = DatasetSpec("mnist", "mnist", val="first5000", mean=(0.0,), std=(1.0,))
    task = prepare(spec, ImbalanceSpec(), 0, "cpu", root)
    assert len(task.members) == 55_000
    assert task.members[0] == 5000
    assert task.val is not None
    assert len(task.val.labels) == 5000
    # labels of the first training images, as everybody has seen them: 5 0 4 1 9 2 1 3 1 4
    assert task.val.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]


def test_cifar10_class_counts_and_balanced_test_set() -> None:
    root = real("cifar10.npz")
    spec = DatasetSpec("cifar10", "cifar10", mean=(0.4914, 0.4822, 0.4465), std=(0.2, 0.2, 0.2))
    cases = [
        (ImbalanceSpec(), [5000] * 10),
        (ImbalanceSpec("step100", "cut", tuple(range(5)), 0.01), [50] * 5 + [5000] * 5),
        (ImbalanceSpec("release2021", "alternating_first", first=50), [50, 5000] * 5),
        (ImbalanceSpec("dominant_1", "cut_others", (0,), 0.1), [5000] + [500] * 9),
    ]
    stores = set()
    for imbalance, counts in cases:
        task = prepare(spec, imbalance, 1, "cpu", root)
        assert np.bincount(task.oracle.audit(task.members)).tolist() == counts
        assert np.bincount(task.test.labels).tolist() == [1000] * 10
        stores.add(id(task.store))
    assert len(stores) == 1  # 150 MB of images, held once


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        ("fashion_mnist", [0.2860], [0.3530]),
        ("cifar10", [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]),
    ],
)
def test_statistics_of_the_training_set(name: str, mean: list[float], std: list[float]) -> None:
    """The customary means are these; CIFAR-10's customary std is an average over images instead."""
    root = real(f"{name}.npz")
    got_mean, got_std = pixel_statistics(read(DatasetSpec(name, name), root).train_x)
    assert got_mean == pytest.approx(mean, abs=1e-4)
    assert got_std == pytest.approx(std, abs=1e-4)


def test_a_users_arrays_with_named_classes() -> None:
    root = real("magnetic_tile_64.npz")
    path = str(root / "magnetic_tile_64.npz")
    arrays = read(DatasetSpec("tiles", "npz", path=path, test=0.2))
    assert len(arrays.train_y) + len(arrays.test_y) == 1344
    total = np.bincount(np.concatenate([arrays.train_y, arrays.test_y]))
    assert sorted(total.tolist()) == [32, 57, 85, 103, 115, 952]
    assert arrays.classes[int(np.argmax(total))] == "MT_Free"
