"""NEU and Caltech-101 in the shapes they are distributed in, small."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from altool.core.errors import UserError
from altool.data.image_sets import NEU_CODES
from altool.data.read import read
from altool.data.spec import DatasetSpec
from altool.data.split import stratified
from altool.data.task import Arrays

# The 64-px release (facts.md section 2, from memory; sums to the paper's 7,226)
NEU_COUNTS = {
    "cr": 1210,
    "gg": 296,
    "in": 775,
    "pa": 1148,
    "ps": 797,
    "rp": 200,
    "rs": 1589,
    "sc": 773,
    "sp": 438,
}
LONG = ("crazing", "inclusion", "patches", "pitted_surface", "rolled-in_scale", "scratches")


def save(path: Path, side: int, value: int, mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (side, side), value).convert(mode).save(path)


def neu(root: Path, **keys: Any) -> Arrays:
    spec = DatasetSpec("neu", "neu", **{"test": 0.2, "size": 64, "rgb": True, **keys})
    return read(spec, root)


def by_value(arrays: Arrays) -> dict[str, set[int]]:
    """The grey levels of the images of every class."""
    x = np.concatenate([np.asarray(arrays.train_x), np.asarray(arrays.test_x)])[:, 0, 0, 0]
    y = np.concatenate([arrays.train_y, arrays.test_y])
    return {name: set(x[y == c].tolist()) for c, name in enumerate(arrays.classes)}


@pytest.mark.parametrize("named", [True, False])
def test_the_64_pixel_release_has_nine_folders(tmp_path: Path, named: bool) -> None:
    for c, code in enumerate(NEU_CODES):
        for i in range(3 + c % 2):
            save(
                tmp_path / "NEU-CLS-64" / code / (f"{code}_{i}.jpg" if named else f"{i:04d}.jpg"),
                64,
                20 * c + 10,
            )
    arrays = neu(tmp_path)
    assert arrays.classes == NEU_CODES
    assert np.asarray(arrays.train_x).shape[1:] == (64, 64, 3)
    assert by_value(arrays) == {code: {20 * c + 10} for c, code in enumerate(NEU_CODES)}
    assert len(arrays.test_y) == 9


@pytest.mark.parametrize(
    "names",
    [
        [f"{code}_{{}}.bmp" for code in ("Cr", "In", "Pa", "PS", "RS", "Sc")],  # NEU-CLS: all in one folder
        [f"train/images/{name}/{name}_{{}}.jpg" for name in LONG],  # NEU-DET
    ],
)
def test_the_200_pixel_releases_carry_the_class_in_the_file_name(tmp_path: Path, names: list[str]) -> None:
    for c, name in enumerate(names):
        for i in range(1, 5):
            save(tmp_path / "NEU-CLS" / name.format(i), 200, 40 * c)
    arrays = neu(tmp_path)
    assert arrays.classes == ("cr", "in", "pa", "ps", "rs", "sc")
    assert np.asarray(arrays.train_x).shape[1:] == (64, 64, 3)
    assert [list(levels) for levels in by_value(arrays).values()] == [[40 * c] for c in range(6)]


def test_the_papers_split_of_neu() -> None:
    labels = np.repeat(np.arange(9), list(NEU_COUNTS.values()))
    test = stratified(labels, 0.2, 0)
    assert (len(labels), len(labels) - len(test), len(test)) == (7226, 5778, 1448)


def test_other_folders_are_no_neu(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"neu is not in .*Put it there as NEU-CLS-64, or say where"):
        neu(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        neu(tmp_path, path=str(tmp_path / "none"))
    save(tmp_path / "NEU-CLS-64" / "cats" / "cat_1.png", 64, 1)
    with pytest.raises(UserError, match=r"cats/cat_1\.png and 0 other files carry no class of NEU"):
        neu(tmp_path)


def caltech_folders(root: Path, n: int = 3) -> None:
    """102 folders with photographs of about 300×200, some of them grey, as in the set."""
    folders = [
        "BACKGROUND_Google",
        "Faces",
        "Faces_easy",
        "Leopards",
        *(f"category{i:03d}" for i in range(98)),
    ]
    for c, folder in enumerate(folders):
        for i in range(1, n + 1):
            path = root / "caltech101" / "101_ObjectCategories" / folder / f"image_{i:04d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L" if i == 1 else "RGB", (30 + i, 20 + c % 3), 2 * c).save(path)


def test_caltech_has_102_folders_and_a_test_set_of_a_given_size(tmp_path: Path) -> None:
    caltech_folders(tmp_path)
    keys: dict[str, Any] = {"size": 16, "rgb": True}
    arrays = read(DatasetSpec("caltech101", "caltech101", test=50, **keys), tmp_path)
    assert (len(arrays.classes), len(arrays.train_y), len(arrays.test_y)) == (102, 256, 50)
    assert np.asarray(arrays.train_x).shape[1:] == (16, 16, 3)
    without = read(DatasetSpec("caltech101", "caltech101", test=0.2, background=False, **keys), tmp_path)
    assert len(without.classes) == 101 and "BACKGROUND_Google" not in without.classes
    with pytest.raises(
        UserError, match=r"dataset\.test=1019: only 204 items .* stay: dataset\.test=0\.1 holds out"
    ):
        read(DatasetSpec("caltech101", "caltech101", test=1019, **keys), tmp_path)


def test_a_number_of_test_items_is_shared_out_by_size() -> None:
    labels = np.repeat(np.arange(4), [800, 100, 60, 40])
    test = stratified(labels, 101, 0)
    # 80.8, 10.1, 6.06 and 4.04: the one that is left over goes to the largest remainder
    assert np.bincount(labels[test]).tolist() == [81, 10, 6, 4]
    sizes = np.array([31, 467, 435, 800] + [75] * 98)
    labels = np.repeat(np.arange(102), sizes)
    test = stratified(labels, 1019, 0)
    assert len(test) == len(set(test.tolist())) == 1019
    assert np.abs(np.bincount(labels[test]) - 1019 * sizes / sizes.sum()).max() < 1


def test_a_path_may_name_the_folder_around_a_set(tmp_path: Path) -> None:
    caltech_folders(tmp_path)
    for path in ("caltech101/101_ObjectCategories", "caltech101", "."):
        keys: dict[str, Any] = {"test": 50, "size": 16, "path": str(tmp_path / path)}
        arrays = read(DatasetSpec("caltech101", "caltech101", **keys), tmp_path / "root")
        assert (len(arrays.classes), len(arrays.train_y)) == (102, 256)
    for code in NEU_CODES:
        for i in range(3):
            save(tmp_path / "sets" / "NEU-CLS-64" / code / f"{code}_{i}.jpg", 64, 9)
            save(tmp_path / "sets" / "others" / f"photo_{i}.jpg", 64, 9)
    assert neu(tmp_path / "root", path=str(tmp_path / "sets")).classes == NEU_CODES


@pytest.mark.parametrize("name", ["neu_det_64", "magnetic_tile_64"])
def test_prepared_sets(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=f"Put it there as {name}.npz"):
        read(DatasetSpec(name, name, test=0.2), tmp_path)
    x, y = np.zeros((20, 64, 64, 1), np.uint8), np.arange(20) % 2
    np.savez(tmp_path / f"{name}.npz", x=x, y=y, classes=np.array(["a", "b"]))
    arrays = read(DatasetSpec(name, name, test=0.2), tmp_path)
    assert (arrays.classes, len(arrays.train_y), len(arrays.test_y)) == (("a", "b"), 16, 4)
