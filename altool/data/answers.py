"""A person's labels.csv, as any spreadsheet writes it: what each line says, and what is wrong with it, line by line."""

import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from altool.core.errors import UserError, nearest
from altool.core.records import table_text
from altool.data.csv_lines import COLUMNS, Table, read_table

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
    past: Collection[str] = (),
) -> Answers:
    """The answers in the CSV at `path` about the pictures `known`, which are named relative to `folder`.

    `remembered`: answers taken from it before; `classes`: the only labels allowed, any where empty; `past`: labels that are
    no new classes, though none has them now. Raises UserError when the file has no columns path and label.
    """
    n = len(remembered)
    still = f"; {n:,} answer{'s' * (n > 1)} taken before {'are' if n > 1 else 'is'} kept" if n else ""
    if not path.exists():
        return Answers(notes=[f"{path} {'is gone, or mistyped' if n else 'is not there yet'}{still}"])
    columns, table = _table(path, known, [*classes, *remembered.values()])
    if not columns:
        advice = "write path,label as its first line, and a line for each picture below it"
        return Answers(notes=[f"{path.name} is empty: {advice}{still}"])
    look_alike = _look_alikes(known)
    composed = {_composed(name): name for name in known}
    labels: dict[str, str] = {}
    lines: dict[str, int] = {}
    unused: set[str] = set()
    blank: dict[str, int] = {}  # lines without a label, of pictures that may get one further down
    useless: dict[str, int] = {}  # where in `notes` it is said that a picture got no label that can be used
    notes: list[tuple[int, str]] = []
    current = {label for label in remembered.values() if label != SKIP}
    for number, written, label, error in table:
        if error:
            notes.append((number, f"{error}: this line is not used"))
            continue
        label = _composed(label)
        name = _match(written, known, path.parent, folder) or composed.get(_composed(_tidy(written)))
        if name is None:
            near = look_alike(_tidy(written))
            advice = f": did you mean {near}?" if near else ""
            notes.append((number, f"{written.strip() or 'no path'} is not among the pictures{advice}"))
            continue
        if not label:
            if name in lines:
                notes.append(
                    (number, f"{name} has no label here: {labels[name]} of line {lines[name]} is used")
                )
            else:
                blank[name] = number
            continue
        blank.pop(name, None)
        if label.lower() == SKIP:
            label = SKIP
        elif classes and label not in classes:
            near = _nearest(label, classes)
            advice = f"did you mean {near}?" if near else f"classes={','.join(classes)}"
            useless[name] = len(notes)
            notes.append((number, f"{name}: label {label} is not used: {advice}"))
            unused.add(name)
            continue
        elif label not in current:
            near = _nearest(label, current) if not classes and label not in past else None
            if near:
                notes.append((number, f"{name}: {label} is a new class; did you mean {near}?"))
            current.add(label)
        if name in lines:
            what = "again" if labels[name] == label else f"was {labels[name]}, {label} is used"
            notes.append((number, f"{name} stands in line {lines[name]} too: {what}"))
        labels[name], lines[name] = label, number
    for name, number in blank.items():
        useless[name] = len(notes)
        notes.append((number, f"{name} has no label yet"))
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


def _table(path: Path, known: Mapping[str, object], labels: Collection[str]) -> Table:
    """The lines of the file. Raises UserError where it has other columns, with two lines as they could stand there."""
    try:
        table = read_table(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', error)}.") from error
    if table.columns and not set(COLUMNS) <= set(table.columns):
        example = table_text([{"path": next(iter(known)), "label": next(iter(labels), "cat")}], COLUMNS)
        found = ", ".join(table.columns)
        raise UserError(
            f"{path} needs a first line path,label: its first line has {found}. Begin it like this:\n{example.strip()}"
        )
    return table


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


def _nearest(label: str, known: Collection[str]) -> str | None:
    """The known label that may be meant. Numbers look alike whatever they mean: of them the same number alone."""
    if not label.isdecimal():
        return nearest(label, known)
    return next((other for other in known if other.isdecimal() and int(other) == int(label)), None)


def _look_alikes(known: Collection[str]) -> Callable[[str], str | None]:
    """What finds the one picture that has a path but for large and small letters, or else the same file name."""
    by: tuple[dict[str, list[str]], ...] = ({}, {}, {})
    for name in known:
        for found, key in zip(by, _keys(name), strict=True):
            found.setdefault(key, []).append(name)

    def find(path: str) -> str | None:
        hits = [found.get(key, []) for found, key in zip(by, _keys(path), strict=True)]
        return next((names[0] for names in hits if len(names) == 1), None)

    return find


def _keys(path: str) -> tuple[str, str, str]:
    """What a path is compared by, the closest first."""
    path = _composed(path)
    file = path.rpartition("/")[2]
    return path.casefold(), file, file.casefold()
