"""A person's CSV file of paths and labels, line by line: a damaged line costs itself, never what stands after it."""

import csv
import io
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

COLUMNS = ("path", "label")
DELIMITERS = ",;\t"


class Line(NamedTuple):
    """`number`: the line in the file, from 1; `path` as it is written; `label` without blanks around it; `error`: why there
    is neither, empty where there is."""

    number: int
    path: str
    label: str
    error: str = ""


class Table(NamedTuple):
    """`columns`: the header, in small letters, [] where the file is empty; `lines`: [] where path or label is not among
    them."""

    columns: list[str]
    lines: list[Line]


def read_table(path: Path) -> Table:
    """The file as any spreadsheet writes it, whatever stands between its cells. Raises OSError, and ValueError where it is
    no text."""
    text = _text(path.read_bytes())
    if "\0" in text:
        raise ValueError("it is no text")
    header = next((line for line in text.splitlines() if line.strip()), "")
    return read_lines(text, max(DELIMITERS, key=header.count))


def _text(contents: bytes) -> str:
    """UTF-8 with or without a mark, UTF-16 with one, else what Windows' spreadsheets write."""
    if contents[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return contents.decode("utf-16", errors="replace")
    try:
        return contents.decode("utf-8-sig")
    except UnicodeDecodeError:
        return contents.decode("cp1252", errors="replace")


def read_lines(text: str, delimiter: str = ",") -> Table:
    """All lines that are not blank. A quote that is not closed would swallow the lines up to the next quote: where quotes do
    not add up, or a path or label runs over a line's end, that line is given up and reading goes on with the next."""
    lines = list(io.StringIO(text, newline=""))  # ends where csv sees ends, not at all that Unicode has
    columns: list[str] = []
    found: list[Line] = []
    start = 0
    while start < len(lines):
        number, (cells, height, error) = start + 1, _record(lines, start, delimiter)
        start += height
        if not error and not any(map(str.strip, cells)):
            continue
        if not columns and cells and cells[0].lower().startswith("sep="):  # what tells Excel the separator
            continue
        if not columns:
            columns = [cell.strip().lower() for cell in cells or [lines[number - 1]]]
            if error or not set(COLUMNS) <= set(columns):
                break
            continue
        cells += [""] * (len(columns) - len(cells))
        path, label = (cells[columns.index(name)] for name in COLUMNS)
        if any(end in path + label for end in "\r\n"):
            start, error = number, "a quote is not closed"
        found.append(Line(number, "", "", error) if error else Line(number, path, label.strip()))
    return Table(columns, found)


def _record(lines: Sequence[str], start: int, delimiter: str) -> tuple[list[str], int, str]:
    """The cells of the record that begins at `start`, how many lines it has, and what is wrong with it."""
    reader = csv.reader(islice(lines, start, None), delimiter=delimiter, strict=True)
    try:
        return next(reader), reader.line_num, ""
    except csv.Error as error:
        is_open = reader.line_num > 1 or "unexpected end" in str(error) or "field limit" in str(error)
        return [], 1, "a quote is not closed" if is_open else f"its quotes do not add up: {error}"
