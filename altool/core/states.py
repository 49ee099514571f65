"""How runs stand, by what their folders say of themselves; nothing is asked of a process."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from altool.core.errors import RunConflict
from altool.core.lock import is_stale, read_holder
from altool.core.records import read_rows
from altool.core.runfolder import read_run
from altool.core.sweep import plans_around

STATES = ("done", "running", "stopped", "failed", "stale", "never started")


@dataclass(frozen=True)
class Seen:
    """One seed folder. `status` is run.json's; or `stale`: it says running, but nobody writes it any more; or `never
    started`: a sweep planned it. `command`: what runs its cell; `heartbeat_seconds`: since its last sign of life."""

    folder: Path
    seed: int
    status: str
    stages_done: int
    stages: int | None
    accuracy: float | None
    reason: str = ""  # why it failed
    warnings: tuple[str, ...] = ()  # what looked unhealthy, with its stage
    heartbeat_seconds: float | None = None
    command: str = ""
    stamp: str = ""  # what has to be said of a smoke run
    sweep: str = ""  # the command that planned it, where it never started


def look(paths: Sequence[Path]) -> Iterator[Seen]:
    """Every seed folder at or below `paths`, once, in order; then those that a sweep planned and that never began."""
    folders = {file.parent for path in paths for file in path.glob("**/seed_*/run.json")}
    folders |= {path for path in paths if (path / "run.json").is_file()}
    for folder in sorted(folders):
        if ".old-" not in folder.name:
            yield see(folder)
    yield from _never_started(paths)


def see(folder: Path) -> Seen:
    """How the run in a seed folder stands, also where there is none."""
    try:
        return _seen(folder, read_run(folder) or {})
    except RunConflict as error:  # one damaged folder hides no other
        return Seen(folder, _seed(folder, {}), "failed", 0, None, None, str(error))


def _seen(folder: Path, run: dict[str, Any]) -> Seen:
    status = str(run.get("status", "never started"))
    lock = folder / "lock"
    heartbeat_seconds = None
    if status == "running":
        if read_holder(lock) is None or is_stale(lock):
            status = "stale"
        else:
            heartbeat_seconds = _age_seconds(lock)
    rows = read_rows(folder / "stages.csv")
    reason = str(run.get("reason") or "")
    if status == "done" and len(rows) < int(run.get("stages", 0)):
        status = "failed"
        reason = f"run.json says done, but stages.csv has {len(rows)} of {run['stages']} stages"
    accuracy = rows[-1].get("accuracy") if rows else None
    return Seen(
        folder=folder,
        seed=_seed(folder, run),
        status=status,
        stages_done=len(rows),
        stages=run.get("stages"),
        accuracy=float(accuracy) if accuracy else None,
        reason=reason,
        warnings=tuple(f"stage {w['stage']}: {w['text']}" for w in run.get("warnings", [])),
        heartbeat_seconds=heartbeat_seconds,
        command=str(run.get("command") or ""),
        stamp=str(run.get("stamp") or ""),
    )


def _age_seconds(lock: Path) -> float | None:
    try:
        return max(0.0, time.time() - lock.stat().st_mtime)
    except FileNotFoundError:  # released a moment ago
        return None


def _seed(folder: Path, run: dict[str, Any]) -> int:
    named = folder.name.removeprefix("seed_")
    return int(named) if named.isdigit() else int(run.get("seed", 0))


def _never_started(paths: Sequence[Path]) -> Iterator[Seen]:
    places = [path.absolute() for path in paths]
    told: set[Path] = set()
    for plan in plans_around(paths):
        for cell in plan.cells:
            for folder, seed in zip(plan.seed_folders(cell), cell.seeds, strict=True):
                inside = any(folder.is_relative_to(place) for place in places)
                if inside and folder not in told and not (folder / "run.json").exists():
                    told.add(folder)
                    yield Seen(
                        folder, seed, "never started", 0, None, None, command=cell.command, sweep=plan.command
                    )
