"""Finds run folders and reads their stages.csv into one table; all of analysis starts here."""

import json
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pandas as pd

from altool.core.errors import UserError, did_you_mean
from altool.core.records import SCHEMA, read_rows
from altool.core.runfolder import read_run

log = logging.getLogger(__name__)

SEED_FOLDER = re.compile(r"seed_\d+")  # so that seed_003.old-1, moved aside by rerun=true, is none
BUDGET_FOLDER = re.compile(r"(?P<budget>(?P<start>\d+)\+(?P<step>\d+)x(?P<queries>\d+))(-|$)")
TEXT_COLUMNS = ("dataset", "imbalance", "learner", "strategy", "compat", "device", "class_counts")
NEEDED_COLUMNS = ("dataset", "imbalance", "learner", "strategy", "seed", "stage", "n_labelled")


def find_seed_folders(paths: Iterable[Path]) -> list[Path]:
    """The seed folders at or below `paths`, sorted, each once; UserError on a missing path."""
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
            hint = did_you_mean(path.name, siblings) if siblings else "check the path."
            raise UserError(f"{path}: there is no such folder; {hint}")
        start = path if path.is_dir() else path.parent
        for folder in _walk(start):
            found.setdefault(folder.resolve(), folder)
    return [found[key] for key in sorted(found)]


def _walk(start: Path) -> Iterator[Path]:
    for name, folders, _ in os.walk(start):
        folder = Path(name)
        if SEED_FOLDER.fullmatch(folder.resolve().name):
            folders.clear()
            yield folder
        folders[:] = sorted(f for f in folders if not f.startswith(".") and ".old-" not in f)


def planned_labels(cell_folder: Path) -> list[int]:
    """Labelled items at every stage that the cell's name plans; [] where it does not say."""
    name = BUDGET_FOLDER.match(cell_folder.name)
    if name is None:
        return []
    start, step, queries = int(name["start"]), int(name["step"]), int(name["queries"])
    return [start + step * stage for stage in range(queries + 1)]


def read_stages(paths: Iterable[Path]) -> pd.DataFrame:
    """One row per finished stage of every run at or below `paths`, done or not.

    The columns of stages.csv, and: folder, cell (the seed folder and its parent), run (equal for
    the seeds of one configuration, wherever they lie), status, finished, overrides (JSON of what
    differs from the defaults), budget (start+step×queries, "" where the cell's name does not say),
    stamp (what has to be said of a smoke run, else ""). Where the same run lies in several places,
    the longest counts. Smoke runs below a path that also holds others are left out, with a warning.
    Raises UserError when there is no finished stage.
    """
    paths = list(paths)
    folders = find_seed_folders(paths)
    tables = {folder.resolve(): _rows(folder) for folder in folders}
    smoke = any(rows and rows[0]["stamp"] for rows in tables.values())
    kept = {key for path in paths for key in _results(path, tables)} if smoke else {*tables}
    runs: dict[tuple[str, str], list[dict[str, str]]] = {}
    for rows in (tables[key] for key in sorted(kept)):
        key = (rows[0]["run"], rows[0]["seed"]) if rows else ("", "")
        if len(rows) > len(runs.get(key, [])):
            runs[key] = rows
    if not runs:
        where = ", ".join(str(p) for p in paths) or "no path"
        if folders:
            raise UserError(f"{where}: {len(folders)} run(s), none with a finished stage yet.")
        raise UserError(f"{where}: no run here; give a folder that `altool run` wrote, e.g. outputs.")
    frame = pd.DataFrame([row for rows in runs.values() for row in rows])
    return _typed(frame).sort_values(["cell", "seed", "stage"], ignore_index=True)


def _results(path: Path, tables: Mapping[Path, list[dict[str, str]]]) -> list[Path]:
    """The run folders at or below `path`, as `tables` names them: of results and smoke runs the results alone."""
    place = (path if path.is_dir() else path.parent).resolve()
    below = [key for key, rows in tables.items() if rows and key.is_relative_to(place)]
    smoke = [key for key in below if tables[key][0]["stamp"]]
    if not smoke or len(smoke) == len(below):
        return below
    named = path / os.path.relpath(os.path.commonpath(smoke), place)
    runs = "1 smoke run is" if len(smoke) == 1 else f"{len(smoke)} smoke runs are"
    log.warning("%s: %s left out, being no results; give %s alone to see them", path, runs, named)
    return [key for key in below if key not in smoke]


def _rows(folder: Path) -> list[dict[str, str]]:
    """The rows of one seed folder as text, with what run.json and the path say about them."""
    path = folder / "stages.csv"
    rows = read_rows(path)
    if not rows:
        return []
    missing = [column for column in NEEDED_COLUMNS if not rows[0].get(column)]
    if missing:
        raise UserError(f"{path}: not a table of altool, it lacks {', '.join(missing)}.")
    if not rows[0].get("schema", "").isdigit() or int(rows[0]["schema"]) > SCHEMA:
        raise UserError(f"{path}: written by another altool (schema {rows[0].get('schema')}); update.")
    if len({row["stage"] for row in rows}) < len(rows):
        raise UserError(f"{path}: a stage stands there twice; the file was edited by hand.")
    try:
        run = read_run(folder) or {}
    except json.JSONDecodeError as error:
        raise UserError(f"{folder / 'run.json'}: not readable ({error}).") from None
    name = BUDGET_FOLDER.match(folder.resolve().parent.name)
    status = str(run.get("status", "unknown"))
    complete = name is not None and len(rows) > int(name["queries"])
    about = {
        "folder": str(folder),
        "cell": str(folder.parent),
        "run": str(run.get("fingerprint") or folder.resolve().parent),
        "status": status,
        "finished": "1" if status == "done" or complete else "0",
        "overrides": json.dumps(run.get("overrides") or {}, sort_keys=True),
        "budget": name["budget"].replace("x", "×") if name else "",
        "stamp": str(run.get("stamp") or ""),
    }
    return [{**row, **about} for row in rows]


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    text = {*TEXT_COLUMNS, "folder", "cell", "run", "status", "overrides", "budget", "stamp"}
    for column in frame.columns:
        if column in text or column.endswith("_per_class"):
            frame[column] = frame[column].fillna("")
            continue
        try:
            frame[column] = pd.to_numeric(frame[column])
        except ValueError as error:
            raise UserError(f"stages.csv: column {column} holds no numbers ({error}).") from None
    frame["finished"] = frame["finished"].astype(bool)
    return frame
