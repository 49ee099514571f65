"""A person's CSV file of paths and labels, line by line: a damaged line costs itself, never what stands after it."""

import csv
import io
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

COLUMNS = ("path", "label")


class Line(NamedTuple):
    """`number`: the line in the file, from 1; `path` as it is written; `label` without blanks around it; `error`: why there
    is neither, empty where there is."""

    number: int
    path: str
    label: str
    error: str = ""


class Table(NamedTuple):
    """`columns`: the header, in small letters; `lines`: [] where path or label is not among them."""

    columns: list[str]
    lines: list[Line]


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
            columns = [cell.strip().lower() for cell in cells]
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
