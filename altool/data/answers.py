"""A person's labels.csv, as any spreadsheet writes it: what each line says, and what is wrong with it, line by line."""

import csv
import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from altool.core.errors import UserError, nearest

SKIP = "skip"  # the answer "this picture cannot, or need not, be labelled"
DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Answers:
    """`labels`: what the file says of each picture, the last line winning; SKIP for a skipped one. `notes`: what the
    person should know, in the order of the lines."""

    labels: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_answers(
    path: Path,
    known: Mapping[str, object],
    folder: Path,
    remembered: Mapping[str, str],
    classes: Collection[str] = (),
) -> Answers:
    """The answers in the CSV at `path` about the pictures `known`, which are named relative to `folder`.

    `remembered`: answers taken from it before; `classes`: the only labels allowed, any where empty. Raises UserError when
    the file has no columns path and label.
    """
    if not path.exists():
        return Answers(notes=[f"{path} is not there yet"])
    by_file_name = _by_file_name(known)
    labels: dict[str, str] = {}
    lines: dict[str, int] = {}
    notes: list[str] = []
    fresh = {label for label in remembered.values() if label != SKIP}
    for number, written, label in _rows(path):
        name = _match(written, known, path.parent, folder)
        if name is None:
            near = by_file_name.get(PurePosixPath(written.replace("\\", "/")).name)
            advice = f": did you mean {near}?" if near else ""
            notes.append(f"line {number}: {written or 'no path'} is not among the pictures{advice}")
            continue
        if not label:
            notes.append(f"line {number}: {name} has no label yet")
            continue
        if label.lower() == SKIP:
            label = SKIP
        elif classes and label not in classes:
            near = nearest(label, classes)
            advice = f"did you mean {near}?" if near else f"classes={','.join(classes)}"
            notes.append(f"line {number}: {name}: label {label} is not used: {advice}")
            continue
        elif label not in fresh:
            near = nearest(label, fresh) if not classes else None
            if near:
                notes.append(f"line {number}: {name}: {label} is a new class; did you mean {near}?")
            fresh.add(label)
        if name in lines:
            what = "again" if labels[name] == label else f"was {labels[name]}, {label} is used"
            notes.append(f"line {number}: {name} stands in line {lines[name]} too: {what}")
        elif remembered.get(name, label) != label:
            notes.append(f"line {number}: {name} was {remembered[name]} before, {label} is used now")
        labels[name], lines[name] = label, number
    notes += [
        f"{name} was answered before ({label}) and is not in {path.name} now: the answer is kept"
        for name, label in remembered.items()
        if name not in labels and name in known
    ]
    return Answers(labels, notes)


def _rows(path: Path) -> list[tuple[int, str, str]]:
    """(line number, path, label) of every line that is not empty."""
    text = _text(path)
    header = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(DELIMITERS, key=header.count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        rows = [
            (reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))
        ]
    except csv.Error as error:
        raise UserError(f"{path} cannot be read as a CSV file: {error}") from error
    columns = [name.lower() for name in rows[0][1]] if rows else []
    for column in ("path", "label"):
        if column not in columns:
            found = f"its first line has {', '.join(columns)}" if columns else "it is empty"
            raise UserError(f"{path} needs a first line path,label: {found}.")
    at_path, at_label = columns.index("path"), columns.index("label")
    padded = ((number, row + [""] * len(columns)) for number, row in rows[1:])
    return [(number, row[at_path], row[at_label]) for number, row in padded]


def _text(path: Path) -> str:
    """UTF-8 with or without a mark, UTF-16 with one, else what Windows' spreadsheets write."""
    try:
        contents = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    if contents[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return contents.decode("utf-16", errors="replace")
    try:
        return contents.decode("utf-8-sig")
    except UnicodeDecodeError:
        return contents.decode("cp1252", errors="replace")


def _match(written: str, known: Mapping[str, object], beside: Path, folder: Path) -> str | None:
    """The picture that a path means: relative to the folder, to labels.csv or to where one stands, or absolute."""
    tidy = PurePosixPath(written.replace("\\", "/")).as_posix()
    if tidy in known:
        return tidy
    if not written:
        return None
    for base in (beside, Path.cwd()):
        try:
            inside = (base / tidy).resolve().relative_to(folder.resolve()).as_posix()
        except (ValueError, OSError):
            continue
        if inside in known:
            return inside
    return None


def _by_file_name(known: Mapping[str, object]) -> dict[str, str]:
    """File names that one picture alone has."""
    found: dict[str, str | None] = {}
    for name in known:
        short = name.rpartition("/")[2]
        found[short] = None if short in found else name
    return {short: name for short, name in found.items() if name}
