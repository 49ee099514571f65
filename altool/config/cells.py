"""A sweep whose cells are listed in a file, since Hydra's own are always products: one cell a row, one key a column.

Every row is composed and judged before the first one runs; a mistake names its row and column.
"""

import csv
import io
import itertools
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from altool.config.build import check_run
from altool.config.fingerprint import canonical
from altool.config.literal import as_text, literal
from altool.config.load import load
from altool.config.words import Words, check_key, checked_word
from altool.core.errors import UserError
from altool.core.naming import fingerprint

SAY_EVERY_SECONDS = 5.0
MOST_MISTAKES = 10


@dataclass(frozen=True)
class Row:
    """One cell of the file: where it stands, and its key=value words by key."""

    where: str
    words: Mapping[str, str]

    def blame(self, message: str) -> str:
        """`message` with the row, and with the column where the message begins with one."""
        named = re.match(r"[\w.]*", message)
        if named and named.group() in self.words:
            return f"{self.where}, column {named.group()}: {message}"
        words = " ".join(self.words.values())
        return f"{self.where} ({words}): {message}" if words else f"{self.where}: {message}"


def jobs_of(file: Path, shared: Sequence[str], folders: Sequence[Path] = ()) -> list[list[str]]:
    """The words of every cell that `file` lists, after the `shared` ones. `folders` are those of --config-dir.

    Raises UserError with all mistakes in the file, or for two cells that are the same run.
    """
    rows = read_cells(file, tuple(folders))
    for row in rows:
        for word in shared:
            if (key := word.partition("=")[0]) in row.words:
                raise UserError(f"{key} is a column of {file.name} and a word of the command: say it once.")
    jobs = [(row, [*words, *row.words.values()]) for row in rows for words in _combinations(shared)]
    mistakes: list[str] = []
    seen: dict[tuple[str, str, int], Row] = {}
    said = time.monotonic()
    for number, (row, words) in enumerate(jobs):
        if time.monotonic() - said > SAY_EVERY_SECONDS:
            said = time.monotonic()
            print(f"{file.name}: {number} of {len(jobs)} cells checked", file=sys.stderr)
        try:
            _check(row, words, tuple(folders), seen)
        except UserError as error:
            if (mistake := row.blame(str(error))) not in mistakes:
                mistakes.append(mistake)
    _refuse(mistakes)
    return [words for _, words in jobs]


def _combinations(shared: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The shared words without a sweep among them (-m seeds=0,1 means every row with each)."""
    overrides = OverridesParser.create().parse_overrides(list(shared))
    choices = [
        [f"{one.get_key_element()}={value}" for value in one.sweep_string_iterator()]
        if one.is_sweep_override()
        else [one.input_line or ""]
        for one in overrides
    ]
    return itertools.product(*choices)


def _check(
    row: Row, words: list[str], folders: tuple[Path, ...], seen: dict[tuple[str, str, int], Row]
) -> None:
    run, _ = load(Words((), tuple(words), False, False, folders))
    check_run(run)
    for seed in run.seeds:
        key = run.outputs, fingerprint(canonical(run)), seed
        if key in seen:
            raise UserError(
                f"the same run as {seen[key].where}, with seed {seed}: two cells may not share one."
            )
        seen[key] = row


def _refuse(mistakes: Sequence[str]) -> None:
    if mistakes:
        more = len(mistakes) - MOST_MISTAKES
        lines = [*mistakes[:MOST_MISTAKES], *([f"and {more} more"] if more > 0 else [])]
        raise UserError("\n  ".join(lines) + "\nNo cell was run.")


def read_cells(file: Path, folders: tuple[Path, ...] = ()) -> list[Row]:
    """The rows of a cells file: CSV, or a YAML list of `key: value` mappings. What is empty keeps its default.

    Raises UserError with all mistakes that can be seen in the words alone.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no UTF-8 text"
        raise UserError(f"--cells {file}: {reason}.") from None
    entries = _yaml_entries(file, text) if file.suffix in (".yaml", ".yml") else _csv_entries(file, text)
    entries = list(entries)
    for key in dict.fromkeys(key for _, values in entries for key in values):
        try:
            _check_column(key)
        except UserError as error:
            raise UserError(f"{file.name}, column {key}: {error}") from None
    rows: list[Row] = []
    mistakes: list[str] = []
    for where, values in entries:
        words: dict[str, str] = {}
        for key, value in values.items():
            try:
                words[key] = _word(key, value, folders)
            except UserError as error:
                mistakes.append(f"{where}, column {key}: {error}")
        rows.append(Row(where, words))
    _refuse(mistakes)
    if not rows:
        raise UserError(f"--cells {file}: it lists no cell.")
    return rows


def _csv_entries(file: Path, text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Rows are counted as a spreadsheet counts them: the header is row 1."""
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [key.strip() for key in next(lines, [])]
        if len(header) == 1 and ";" in header[0]:
            raise UserError(f"--cells {file}: columns are separated by commas, not by semicolons.")
        for key in header:
            if not key or header.count(key) > 1:
                what = f"column {key} stands there twice" if key else "a column has no name"
                raise UserError(f"--cells {file}: {what}.")
        for number, values in enumerate(lines, start=2):
            where = f"{file.name}, row {number}"
            if any(value.strip() for value in values[len(header) :]):
                raise UserError(
                    f"{where}: {len(values)} values for {len(header)} columns; quote what has commas."
                )
            filled = {key: value.strip() for key, value in zip(header, values, strict=False) if value.strip()}
            if filled:
                yield where, filled
    except csv.Error as error:
        raise UserError(f"--cells {file}, line {lines.line_num}: this is not CSV: {error}.") from None


def _yaml_entries(file: Path, text: str) -> Iterator[tuple[str, dict[str, str]]]:
    try:
        entries = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(f"--cells {file}{line}: this is not YAML: {error.problem}.") from None
    if not isinstance(entries, list):
        raise UserError(f"--cells {file}: give a list of mappings, such as - {{strategy: random, seeds: 0}}.")
    for number, entry in enumerate(entries, start=1):
        where = f"{file.name}, row {number}"
        if not isinstance(entry, dict):
            raise UserError(f"{where}: {entry} is no mapping of keys to values.")
        yield where, {str(key): literal(value) for key, value in entry.items()}


def _check_column(key: str) -> None:
    if key.lstrip("+~").split(".")[0].split("/")[0] in ("hydra", "outputs", "fail_fast"):
        raise UserError(f"a setting of the whole sweep: type {key}=… after --cells.")
    check_key(key, "…")


def _word(key: str, value: str, folders: tuple[Path, ...]) -> str:
    """The word for one value of the file, quoted where Hydra's grammar needs it. Raises UserError."""
    try:
        override = OverridesParser.create().parse_override(f"{key}={value}")
    except HydraException:
        return checked_word(f"{key}={as_text(value)}", False, folders)
    if override.is_sweep_override():
        instead = f"[{value}] for one run with all of them, or " if key in ("seeds", "trackers") else ""
        raise UserError(f"{value} is several values: write {instead}one row for each.")
    return checked_word(f"{key}={value}", False, folders)
