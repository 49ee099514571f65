"""A user's own .npz files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from altool.core.errors import UserError
from altool.data.read import read
from altool.data.spec import DatasetSpec

IMAGES = np.arange(12 * 4 * 5 * 3, dtype=np.uint32).astype(np.uint8).reshape(12, 4, 5, 3)
LABELS = np.repeat([3, 7, 30], 4)


def written(path: Path, **arrays: Any) -> DatasetSpec:
    np.savez(path / "mine.npz", **arrays)
    return DatasetSpec("mine", "npz", path=str(path / "mine.npz"), test=0.25)


def test_x_and_y_are_split(tmp_path: Path) -> None:
    arrays = read(written(tmp_path, x=IMAGES, y=LABELS))
    assert arrays.classes == ("3", "7", "30")
    assert np.bincount(arrays.train_y).tolist() == [3, 3, 3]
    assert np.bincount(arrays.test_y).tolist() == [1, 1, 1]
    for image, label in zip(np.asarray(arrays.train_x), np.asarray(arrays.train_y), strict=True):
        (position,) = np.flatnonzero((IMAGES == image).all(axis=(1, 2, 3)))
        assert position // 4 == label


def test_grey_images_may_lack_the_channel_axis_and_labels_may_be_words(tmp_path: Path) -> None:
    words = np.array(["no", "yes"] * 6)
    arrays = read(written(tmp_path, x=IMAGES[..., 0], y=words))
    assert arrays.train_x.shape[1:] == (4, 5, 1)
    assert arrays.classes == ("no", "yes")


def test_named_classes_keep_their_order(tmp_path: Path) -> None:
    names = np.array(["zebra", "ant", "unseen"])
    arrays = read(written(tmp_path, x=IMAGES, y=np.repeat([0, 1], 6), classes=names))
    assert arrays.classes == ("zebra", "ant", "unseen")
    assert set(np.asarray(arrays.train_y).tolist()) == {0, 1}
    with pytest.raises(UserError, match="labels must be 0 to 2"):
        read(written(tmp_path, x=IMAGES, y=LABELS, classes=names))


def test_points_are_taken_as_floats(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(size=(12, 2))
    assert read(written(tmp_path, x=points, y=LABELS)).train_x.dtype == np.float32
    points[4, 1] = np.nan
    with pytest.raises(UserError, match="not finite"):
        read(written(tmp_path, x=points, y=LABELS))


def test_a_file_with_its_own_test_split_keeps_it(tmp_path: Path) -> None:
    test_y = np.array([30, 3])
    keys = {"train_x": IMAGES, "train_y": LABELS, "test_x": IMAGES[:2], "test_y": test_y}
    arrays = read(written(tmp_path, **keys))
    assert len(arrays.train_y) == 12
    assert np.asarray(arrays.test_y).tolist() == [2, 0]
    with pytest.raises(UserError, match="the test labels hold 8, which no training item has"):
        read(written(tmp_path, **keys | {"test_y": np.array([8, 3])}))
    with pytest.raises(UserError, match="in train_x"):
        read(written(tmp_path, **keys | {"test_x": IMAGES[:2, :3]}))


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"images": IMAGES, "y": LABELS}, "holds images, y; it must hold x and y"),
        ({"x": IMAGES.astype(np.float32), "y": LABELS}, "x is float32 of shape (12, 4, 5, 3)"),
        ({"x": IMAGES.transpose(0, 3, 1, 2), "y": LABELS}, "channels come last"),
        ({"x": IMAGES, "y": LABELS[:5]}, "12 items and labels of shape (5,)"),
        ({"x": IMAGES[:0], "y": LABELS[:0]}, "x and y are empty"),
        ({"x": IMAGES, "y": np.zeros(12, np.int64)}, "one class only (0)"),
        ({"x": IMAGES, "y": LABELS / 2}, "labels are float64; give integers or words"),
        ({"x": IMAGES, "y": LABELS.astype(object)}, "cannot be read as an .npz file"),
    ],
)
def test_arrays_that_cannot_be_used(tmp_path: Path, arrays: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError) as refused:
        read(written(tmp_path, **arrays))
    assert says in str(refused.value)


def test_damaged_files(tmp_path: Path) -> None:
    spec = written(tmp_path, x=IMAGES, y=LABELS)
    file = tmp_path / "mine.npz"
    good = file.read_bytes()
    changed = bytearray(good)
    changed[300] ^= 255  # inside the pixels: the archive's own checksum notices
    single = tmp_path / "one.npy"
    np.save(single, IMAGES)
    for bad in (good[:200], bytes(changed), b"hello", b"", single.read_bytes()):
        file.write_bytes(bad)
        with pytest.raises(UserError, match="cannot be read as an"):
            read(spec)
