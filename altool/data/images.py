"""A user's image files: a folder per class, or a CSV of paths and labels."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from altool.core.errors import UserError, did_you_mean
from altool.data.csv_lines import COLUMNS, read_table
from altool.data.image_cache import decoded
from altool.data.labels import encode
from altool.data.reading import Reading
from altool.data.rows import take
from altool.data.spec import DatasetSpec
from altool.data.split import split_off_test, test_positions
from altool.data.task import Arrays

SUFFIXES = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"}
)


class Listing(NamedTuple):
    """Image files by path relative to `root`, and the class of each."""

    root: Path
    names: list[str]
    labels: np.ndarray


def read_folder(spec: DatasetSpec, path: Path, reading: Reading) -> Arrays:
    """One sub-folder per class, named after it; or train/ and test/ with such folders inside."""
    if not path.is_dir():
        raise UserError(f"dataset.path={path} is no folder.")
    if not (_folders(path / "train") and _folders(path / "test")):
        return read_listing(spec, listed(path), reading)
    train, test = (listed(path / part) for part in ("train", "test"))
    unknown = sorted(set(test.labels) - set(train.labels))
    if unknown:
        raise UserError(f"{path}/test has a class {unknown[0]} that {path}/train lacks.")
    labels, classes = encode(np.concatenate([train.labels, test.labels]), path / "train")
    names = [f"{part}/{n}" for part, listing in (("train", train), ("test", test)) for n in listing.names]
    # decoded together, so that both are grey or both colour
    items, kept, _, skipped = decoded(path, names, spec.size, reading, bool(spec.rgb))
    in_train, labels = kept < len(train.names), labels[kept]
    train_items, test_items = (take(items, np.flatnonzero(part)) for part in (in_train, ~in_train))
    return Arrays(train_items, labels[in_train], test_items, labels[~in_train], classes, skipped)


def read_csv(spec: DatasetSpec, path: Path, reading: Reading) -> Arrays:
    """The columns `path` (relative to the CSV, or absolute) and `label` (integers or words)."""
    try:
        columns, lines = read_table(path)
    except (OSError, ValueError) as error:
        raise UserError(f"dataset.path={path} cannot be read as a CSV file: {error}") from error
    for column in COLUMNS:
        if column not in columns:
            hint = did_you_mean(column, columns) if columns else "the file is empty"
            raise UserError(f"{path} has no column {column}: {hint}")
    if not lines:
        raise UserError(f"{path} has no rows.")
    names: list[str] = []
    for number, written, label, error in lines:
        if error:
            raise UserError(f"{path}, line {number}: {error}.")
        if not written.strip() or not label:
            raise UserError(f"{path}, line {number}: path or label is missing.")
        # blanks belong to the spreadsheet, unless a file is called so
        name = next((n for n in (written, written.strip()) if (path.parent / n).is_file()), None)
        if name is None:
            raise UserError(f"{path}, line {number}: {written.strip()} does not exist.")
        names.append(name)
    labels = _as_integers([line.label for line in lines])
    return read_listing(spec, Listing(path.parent, names, labels), reading, path)


def read_listing(spec: DatasetSpec, listing: Listing, reading: Reading, where: Path | None = None) -> Arrays:
    """The images of a listing, with a test set split off. What is wrong with the labels is said before anything is
    decoded; `where` names their origin."""
    where = where or listing.root
    labels, classes = encode(listing.labels, where)
    test_positions(labels, spec)
    items, kept, _, skipped = decoded(listing.root, listing.names, spec.size, reading, bool(spec.rgb))
    if skipped:  # the last of a class may be among them
        labels, classes = encode(listing.labels[kept], where)
    return split_off_test(items, labels, classes, spec, skipped)


def listed(path: Path) -> Listing:
    """Image files below the class folders, in order of class and path."""
    classes = _folders(path)
    if not classes:
        raise UserError(f"{path} has no sub-folders: it needs one per class, with the images inside.")
    names: list[str] = []
    labels: list[str] = []
    for folder in classes:
        found = image_names(folder)
        if not found:
            raise UserError(f"{folder} holds no image ({', '.join(sorted(SUFFIXES))}).")
        names += [f"{folder.name}/{name}" for name in found]
        labels += [folder.name] * len(found)
    return Listing(path, names, np.array(labels))


def image_names(folder: Path) -> list[str]:
    """Image files at or below `folder`, as sorted relative paths with forward slashes; hidden ones are left out."""
    found = []
    for file in folder.rglob("*"):
        inside = file.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if file.suffix.lower() in SUFFIXES and not hidden and file.is_file():
            found.append(inside)
    return [path.as_posix() for path in sorted(found)]


def _folders(path: Path) -> list[Path]:
    if not path.is_dir():
        return []
    return sorted(f for f in path.iterdir() if f.is_dir() and not f.name.startswith("."))


def _as_integers(words: list[str]) -> np.ndarray:
    if all(word.isdecimal() and str(int(word)) == word for word in words):  # 001 is another word than 1
        return np.array([int(word) for word in words])  # so that class 10 comes after class 9
    return np.array(words)
