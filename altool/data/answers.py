"""A person's labels.csv, as any spreadsheet writes it: what each line says, and what is wrong with it, line by line."""

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from altool.core.errors import UserError, nearest
from altool.data.csv_lines import COLUMNS, Line, read_table

SKIP = "skip"  # the answer "this picture cannot, or need not, be labelled"


@dataclass(frozen=True)
class Answers:
    """`labels`: what the file says of each picture, the last line winning; SKIP for a skipped one. `unused`: pictures
    that have none but labels which are not allowed. `notes`: what the person should know, in the order of the lines."""

    labels: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unused: frozenset[str] = frozenset()


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
    composed = {_composed(name): name for name in known}
    labels: dict[str, str] = {}
    lines: dict[str, int] = {}
    unused: set[str] = set()
    useless: dict[
        str, int
    ] = {}  # where in `notes` the last line without a label that can be used is spoken of
    notes: list[tuple[int, str]] = []
    fresh = {label for label in remembered.values() if label != SKIP}
    for number, written, label, error in _lines(path):
        if error:
            notes.append((number, f"{error}: this line is not used"))
            continue
        label = _composed(label)
        name = _match(written, known, path.parent, folder) or composed.get(_composed(_tidy(written)))
        if name is None:
            near = by_file_name.get(PurePosixPath(_tidy(written)).name)
            advice = f": did you mean {near}?" if near else ""
            notes.append((number, f"{written.strip() or 'no path'} is not among the pictures{advice}"))
            continue
        if not label:
            useless[name] = len(notes)
            notes.append((number, f"{name} has no label yet"))
            continue
        if label.lower() == SKIP:
            label = SKIP
        elif classes and label not in classes:
            near = nearest(label, classes)
            advice = f"did you mean {near}?" if near else f"classes={','.join(classes)}"
            useless[name] = len(notes)
            notes.append((number, f"{name}: label {label} is not used: {advice}"))
            unused.add(name)
            continue
        elif label not in fresh:
            near = nearest(label, fresh) if not classes else None
            if near:
                notes.append((number, f"{name}: {label} is a new class; did you mean {near}?"))
            fresh.add(label)
        if name in lines:
            what = "again" if labels[name] == label else f"was {labels[name]}, {label} is used"
            notes.append((number, f"{name} stands in line {lines[name]} too: {what}"))
        labels[name], lines[name] = label, number
    for name, label in labels.items():  # once the last line of each has spoken
        if remembered.get(name, label) != label:
            notes.append((lines[name], f"{name} was {remembered[name]} before, {label} is used now"))
    kept = {
        name: label
        for name, label in remembered.items()
        if name not in labels and name in known and (label == SKIP or not classes or label in classes)
    }
    for name in kept.keys() & useless.keys():
        number, note = notes[useless[name]]
        notes[useless[name]] = (number, f"{note}; {kept[name]}, answered before, is kept")
    said = [f"line {number}: {note}" for number, note in sorted(notes, key=lambda note: note[0])]
    said += [
        f"{name} was answered before ({label}) and is not in {path.name} now: the answer is kept"
        for name, label in kept.items()
        if name not in useless
    ]
    return Answers(labels, said, frozenset(unused - labels.keys()))


def _lines(path: Path) -> list[Line]:
    """The lines of the file. Raises UserError when it has no such columns."""
    try:
        columns, lines = read_table(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', error)}.") from error
    if not set(COLUMNS) <= set(columns):
        found = f"its first line has {', '.join(columns)}" if columns else "it is empty"
        raise UserError(f"{path} needs a first line path,label: {found}.")
    return lines


def _match(written: str, known: Mapping[str, object], beside: Path, folder: Path) -> str | None:
    """The picture that a path means: as it is written, else relative to the folder, to labels.csv or to where one stands, or
    absolute."""
    if written in known:
        return written
    tidy = _tidy(written)
    if tidy in known:
        return tidy
    if not written.strip():
        return None
    for base in (beside, Path.cwd()):
        try:
            inside = (base / tidy).resolve().relative_to(folder.resolve()).as_posix()
        except (ValueError, OSError):
            continue
        if inside in known:
            return inside
    return None


def _tidy(written: str) -> str:
    return PurePosixPath(written.strip().replace("\\", "/")).as_posix()


def _composed(text: str) -> str:
    """With one sign for ä, as most programs write it, where file names of a Mac have two."""
    return unicodedata.normalize("NFC", text)


def _by_file_name(known: Mapping[str, object]) -> dict[str, str]:
    """File names that one picture alone has."""
    found: dict[str, str | None] = {}
    for name in known:
        short = name.rpartition("/")[2]
        found[short] = None if short in found else name
    return {short: name for short, name in found.items() if name}
