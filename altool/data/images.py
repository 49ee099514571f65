"""A user's image files: a folder per class, or a CSV of paths and labels."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from altool.core.errors import UserError, did_you_mean
from altool.data.labels import encode
from altool.data.spec import DatasetSpec
from altool.data.split import split_off_test
from altool.data.task import Arrays

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
GREY_MODES = frozenset({"1", "L", "LA"})
COLOUR_MODES = frozenset({"P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "LAB", "HSV"})


def read_folder(spec: DatasetSpec, path: Path) -> Arrays:
    """One sub-folder per class, named after it; or train/ and test/ with such folders inside."""
    if not path.is_dir():
        raise UserError(f"dataset.path={path} is no folder.")
    if not (_folders(path / "train") and _folders(path / "test")):
        files, labels = _listed(path)
        y, classes = encode(np.array(labels), path)
        return split_off_test(decode(files, spec.size), y, classes, spec)
    (train_files, train_labels), (test_files, test_labels) = (
        _listed(path / "train"),
        _listed(path / "test"),
    )
    train_y, classes = encode(np.array(train_labels), path / "train")
    unknown = sorted(set(test_labels) - set(classes))
    if unknown:
        raise UserError(f"{path}/test has a class {unknown[0]} that {path}/train lacks.")
    items = decode([*train_files, *test_files], spec.size)  # together, so that both are grey or both colour
    test_y = np.array([classes.index(label) for label in test_labels])
    return Arrays(items[: len(train_y)], train_y, items[len(train_y) :], test_y, classes)


def read_csv(spec: DatasetSpec, path: Path) -> Arrays:
    """The columns `path` (relative to the CSV, or absolute) and `label` (integers or words)."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or ())
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"dataset.path={path} cannot be read as a CSV file: {error}") from error
    for column in ("path", "label"):
        if column not in columns:
            hint = did_you_mean(column, columns) if columns else "the file is empty"
            raise UserError(f"{path} has no column {column}: {hint}")
    if not rows:
        raise UserError(f"{path} has no rows.")
    for number, row in enumerate(rows, start=2):
        if not (row["path"] or "").strip() or not (row["label"] or "").strip():
            raise UserError(f"{path}, line {number}: path or label is missing.")
    words = [row["label"].strip() for row in rows]
    labels, classes = encode(_as_integers(words), path)
    return split_off_test(
        decode([path.parent / row["path"].strip() for row in rows], spec.size),
        labels,
        classes,
        spec,
    )


def decode(files: Sequence[Path], size: int | None) -> np.ndarray:
    """The images as uint8 (P, H, W, C): grey where all are, else RGB. `size` stretches each to size
    × size pixels.

    Raises UserError, naming the file, for one that is not there, is no image, has another size, or
    has 16 bits.
    """
    images = [_decode(file, size) for file in files]
    for file, image in zip(files, images, strict=True):
        if image.shape[:2] != images[0].shape[:2]:
            raise UserError(
                f"{file} has {_size(image)} pixels, {files[0]} has {_size(images[0])}: "
                "give one size to all with dataset.size=32."
            )
    channels = max(image.shape[2] for image in images)
    # what grey becomes in RGB: three equal channels
    return np.stack([np.broadcast_to(image, (*image.shape[:2], channels)) for image in images])


def _decode(file: Path, size: int | None) -> np.ndarray:
    try:
        with Image.open(file) as opened:
            if opened.mode not in GREY_MODES | COLOUR_MODES:
                raise UserError(f"{file} has pixels of mode {opened.mode}: only 8 bits per channel are read.")
            upright = ImageOps.exif_transpose(opened)
            image = upright.convert("L" if upright.mode in GREY_MODES else "RGB")
    except FileNotFoundError:
        raise UserError(f"{file} does not exist.") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{file} cannot be read as an image: {error}") from error
    if size is not None:
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    array = np.asarray(image)
    return array[..., None] if array.ndim == 2 else array


def _listed(path: Path) -> tuple[list[Path], list[str]]:
    """Image files below the class folders, in order of class and path, and the class of each."""
    classes = _folders(path)
    if not classes:
        raise UserError(f"{path} has no sub-folders: it needs one per class, with the images inside.")
    files: list[Path] = []
    labels: list[str] = []
    for folder in classes:
        found = sorted(f for f in folder.rglob("*") if f.suffix.lower() in SUFFIXES and f.is_file())
        if not found:
            raise UserError(f"{folder} holds no image ({', '.join(sorted(SUFFIXES))}).")
        files += found
        labels += [folder.name] * len(found)
    return files, labels


def _folders(path: Path) -> list[Path]:
    if not path.is_dir():
        return []
    return sorted(f for f in path.iterdir() if f.is_dir() and not f.name.startswith("."))


def _as_integers(words: list[str]) -> np.ndarray:
    try:
        return np.array([int(word) for word in words])  # so that class 10 comes after class 9
    except ValueError:
        return np.array(words)


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]}×{image.shape[0]}"
