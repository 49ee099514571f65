"""What a tracker is told, whichever it is: runs by name and key, their configuration, and numbers by name."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml

from altool.core.records import Identity
from altool.core.runfolder import read_run

NO_METRICS = ("schema", "seed", *Identity.__dataclass_fields__)
SEED_FILES = ("config.yaml", "run.json", "stages.csv", "acquired.csv", "diagnostics.csv", "run.log")


@dataclass(frozen=True)
class TrackedRun:
    """`name`, `group`: of the run and of its cell, as folders below outputs; `key`: the same when a run goes on, another
    one for rerun=true; `rows`: the stages that it had when it began; `config`: nested; `tags`: texts by name."""

    name: str
    group: str
    key: str
    folder: Path
    config: Mapping[str, Any]
    tags: Mapping[str, str]
    rows: Sequence[Mapping[str, str]] = ()


class Tracker(Protocol):
    """Made with the outputs folder. Runs come one after another; anything may be raised."""

    def begin(self, run: TrackedRun) -> None: ...

    def log(self, metrics: Mapping[str, float], n_labelled: int) -> None:
        """The numbers of one finished stage."""
        ...

    def end(self, status: str, files: Sequence[Path], figures: Sequence[Path]) -> None:
        """`status` is done, failed or stopped."""
        ...


def of_seed(folder: Path, outputs: Path, rows: Sequence[Mapping[str, str]]) -> TrackedRun:
    """The run in a seed folder, as its own files describe it."""
    run = read_run(folder) or {}
    config = yaml.safe_load((folder / "config.yaml").read_text())
    group = _below(folder.parent, outputs)
    commit = (run.get("git") or {}).get("commit")
    tags = {
        **run["identity"],
        "seed": run["seed"],
        "fingerprint": run["fingerprint"],
        "altool": run["versions"]["altool"],
        "command": run["command"],
        **({"commit": commit} if commit else {}),
    }
    return TrackedRun(
        name=f"{group}/{folder.name}",
        group=group,
        key=_key(group, run["fingerprint"], run["seed"], run["created"]),
        folder=folder,
        config={**config, "seed": run["seed"], "platform": run["platform"]},
        tags={key: str(value) for key, value in tags.items()},
        rows=rows,
    )


def of_cell(folder: Path, outputs: Path) -> TrackedRun:
    """What the seeds of a cell have in common: its figure and its table of means."""
    group = _below(folder, outputs)
    return TrackedRun(f"{group}/all_seeds", group, _key(group, "all seeds"), folder, {}, {})


def numbers(row: Mapping[str, str]) -> dict[str, float]:
    """The measures in a row of stages.csv; a list becomes name/0, name/1, …"""
    found: dict[str, float] = {}
    for column, text in row.items():
        if column in NO_METRICS or not text:
            continue
        parts = text.split(";")
        for position, part in enumerate(parts):
            value = _number(part)
            if value is not None:
                found[column if len(parts) == 1 else f"{column}/{position}"] = value
    return found


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Dotted keys with their values as text."""
    found: dict[str, str] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value if isinstance(value, str) else json.dumps(value, default=str)
    return found


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _below(folder: Path, outputs: Path) -> str:
    return (folder.relative_to(outputs) if folder.is_relative_to(outputs) else folder).as_posix()


def _key(*parts: object) -> str:
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()[:16]
