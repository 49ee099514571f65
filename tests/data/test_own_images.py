"""A user's own image files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from altool.core.errors import UserError
from altool.data import read as reader
from altool.data.reading import Reading
from altool.data.spec import DatasetSpec
from altool.data.task import Arrays

Read = Callable[..., Arrays]


@pytest.fixture
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data_root")


@pytest.fixture
def read(cache: Path) -> Callable[..., Arrays]:
    """read(spec, …) with what it decodes in a folder of the test's own; further keys as in `Reading`."""
    return lambda spec, **keys: reader.read(spec, Reading(cache, **keys))


def save(path: Path, value: int | tuple[int, ...], size: tuple[int, int] = (6, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L" if isinstance(value, int) else "RGB", size, value).save(path)


def folder(path: Path, **keys: Any) -> DatasetSpec:
    return DatasetSpec("mine", "folder", path=str(path), **{"test": 0.25, **keys})


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    """Four images of cats, value 10 to 13, and eight of dogs, 100 to 107; 6 wide, 4 high."""
    for n in range(4):
        save(tmp_path / "cat" / f"{n}.png", 10 + n)
    for n in range(8):
        save(tmp_path / "dog" / "more" / f"{n}.png", 100 + n)
    (tmp_path / "cat" / "notes.txt").write_text("not an image")
    (tmp_path / ".hidden").mkdir()
    return tmp_path


def test_a_folder_per_class(grey: Path, read: Read) -> None:
    arrays = read(folder(grey))
    assert arrays.classes == ("cat", "dog")
    assert arrays.train_x.shape == (9, 4, 6, 1)
    assert np.bincount(arrays.test_y).tolist() == [1, 2]
    values = np.concatenate([arrays.train_x, arrays.test_x])[:, 0, 0, 0]
    labels = np.concatenate([arrays.train_y, arrays.test_y])
    assert sorted(values.tolist()) == [10, 11, 12, 13, *range(100, 108)]
    assert np.array_equal(labels == 1, values >= 100)


def test_one_colour_image_makes_all_colour(grey: Path, read: Read) -> None:
    save(grey / "cat" / "4.png", (1, 2, 3))
    arrays = read(folder(grey))
    images = np.concatenate([arrays.train_x, arrays.test_x])
    assert images.shape[1:] == (4, 6, 3)
    assert images.dtype == np.uint8
    colours = {tuple(image[0, 0].tolist()) for image in images}
    assert {(1, 2, 3), (10, 10, 10)} <= colours


def test_a_folder_with_train_and_test_keeps_its_split(tmp_path: Path, read: Read) -> None:
    for part, n in (("train", 3), ("test", 2)):
        for c, name in enumerate(("a", "b")):
            for i in range(n):
                save(tmp_path / part / name / f"{i}.png", 10 * c + i)
    arrays = read(folder(tmp_path))
    assert np.bincount(arrays.train_y).tolist() == [3, 3]
    assert np.asarray(arrays.test_y).tolist() == [0, 0, 1, 1]
    assert arrays.test_x[:, 0, 0, 0].tolist() == [0, 1, 10, 11]
    save(tmp_path / "test" / "c" / "0.png", 7)
    with pytest.raises(UserError, match="has a class c that"):
        read(folder(tmp_path))


def test_mixed_sizes_need_a_size(grey: Path, read: Read) -> None:
    save(grey / "dog" / "wide.png", 5, size=(12, 4))
    with pytest.raises(UserError) as refused:
        read(folder(grey))
    assert "wide.png has 12×4" in str(refused.value)
    assert "dataset.size=32" in str(refused.value)
    assert read(folder(grey, size=5)).train_x.shape[1:] == (5, 5, 1)


def test_a_photograph_is_turned_upright(grey: Path, read: Read) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    for n in range(4):
        Image.new("L", (4, 6), 9).save(grey / "cat" / f"turned{n}.jpg", exif=exif)
    assert read(folder(grey)).train_x.shape[1:] == (4, 6, 1)


def test_folders_that_cannot_be_learnt_from(
    grey: Path, tmp_path_factory: pytest.TempPathFactory, read: Read
) -> None:
    empty = tmp_path_factory.mktemp("empty")
    cases = {
        "does not exist": empty / "nowhere",
        "is no folder": grey / "cat" / "0.png",
        "has no sub-folders": grey / "cat",
    }
    for says, path in cases.items():
        with pytest.raises(UserError, match=says):
            read(folder(path))
    save(empty / "a" / "0.png", 1)
    with pytest.raises(UserError, match="one class only"):
        read(folder(empty))
    (empty / "b").mkdir()
    with pytest.raises(UserError, match="b holds no image"):
        read(folder(empty))
    save(empty / "b" / "0.png", 1)
    with pytest.raises(UserError, match="one item per class"):
        read(folder(empty))
    with pytest.raises(UserError, match=r"dataset\.path=DIR"):
        read(DatasetSpec("folder", "folder", test=0.2))
    with pytest.raises(UserError, match=r"dataset\.test=0\.2"):
        read(folder(grey, test=None))


def csv_of(path: Path, text: str) -> DatasetSpec:
    path.write_text(text, encoding="utf-8-sig")
    return DatasetSpec("mine", "csv", path=str(path), test=0.25)


def test_a_csv_of_paths_and_labels(grey: Path, read: Read) -> None:
    rows = [f"cat/{n}.png,9" for n in range(4)] + [f"dog/more/{n}.png,10" for n in range(8)]
    arrays = read(csv_of(grey / "list.csv", "\n".join(["path,label", *rows])))
    assert arrays.classes == ("9", "10")  # as numbers, not as words
    assert np.array_equal(arrays.train_y == 1, arrays.train_x[:, 0, 0, 0] >= 100)
    assert len(arrays.train_y) == 9
    absolute = [f"{grey}/{row}".replace(",9", ",tabby").replace(",10", ",hound") for row in rows]
    arrays = read(csv_of(grey / "list.csv", "\n".join(["path,label", *absolute])))
    assert arrays.classes == ("hound", "tabby")
    assert np.array_equal(arrays.train_y == 0, arrays.train_x[:, 0, 0, 0] >= 100)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the file is empty"),
        ("file,label\na.png,1", "has no column path"),
        ("path,labels\na.png,1", "did you mean labels?"),
        ("path,label\n", "has no rows"),
        ("path,label\ncat/0.png,1\ncat/1.png,", "line 3: path or label is missing"),
        ("path,label\ncat/0.png,1\ncat/none.png,2", "none.png does not exist"),
        ("path,label\ncat/0.png,1\ncat/1.png,1", "one class only"),
    ],
)
def test_csv_files_that_cannot_be_used(grey: Path, text: str, says: str, read: Read) -> None:
    with pytest.raises(UserError) as refused:
        read(csv_of(grey / "list.csv", text))
    assert says in str(refused.value)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_csv_as_a_spreadsheet_writes_it(grey: Path, read: Read, delimiter: str) -> None:
    lines = [f"cat/{i}.png{delimiter}{('001', '1')[i % 2]}" for i in range(4)]
    text = "\r\n".join([f"path{delimiter}label", *lines, ""])
    arrays = read(csv_of(grey / "list.csv", text))
    assert arrays.classes == ("001", "1")


def test_a_csv_that_is_no_text(grey: Path, read: Read) -> None:
    spec = DatasetSpec("mine", "csv", path=str(grey / "cat" / "0.png"), test=0.25)
    with pytest.raises(UserError, match="cannot be read as a CSV file"):
        read(spec)


def test_lines_of_a_csv_are_counted_as_an_editor_does(grey: Path, read: Read) -> None:
    for text, says in (
        ("path,label\n\n\ncat/0.png,\n", "line 4: path or label is missing"),
        ('path,label,note\ncat/0.png,a,"two\nlines"\ncat/9.png,b,\n', "line 4: cat/9.png does not exist"),
        ('path,label\ncat/0.png,a\n"cat/1.png,a\ncat/2.png,b\n"cat/3.png",b\n', "line 3: a quote is not"),
        ('path,label\ncat/0.png,"a\ncat/1.png,b\n"', "line 2: a quote is not closed"),
    ):
        with pytest.raises(UserError, match=says):
            read(csv_of(grey / "list.csv", text))


def test_a_csv_names_files_with_blanks_as_they_are(grey: Path, read: Read) -> None:
    save(grey / " 0.png", 77)
    lines = [" 0.png,cat", " cat/0.png ,cat", "cat/1.png,cat", *(f"dog/more/{i}.png,dog" for i in range(4))]
    arrays = read(csv_of(grey / "list.csv", "\n".join(["path,label", *lines])))
    images = np.concatenate([arrays.train_x, arrays.test_x])
    assert {10, 77} <= set(images[:, 0, 0, 0].tolist())
