"""The folder of one seed: what is in it, who may write it, and where a run goes on.

The order of writing is the whole trick of resuming: carry and acquired.csv first, stages.csv last. A stage exists when its
row does; whatever lies beyond the last row is dropped and made again, from streams that depend on nothing but names.
"""

import contextlib
import csv
import io
import json
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from altool.core.atomic import write_atomic, write_text_atomic
from altool.core.errors import RunConflict, RunFailed
from altool.core.lock import Lock
from altool.core.records import (
    Purchase,
    StageRecord,
    cell,
    read_purchases,
    read_rows,
    write_purchases,
)

STATUSES = ("running", "done", "failed", "stopped")


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_run(folder: Path) -> dict[str, Any] | None:
    """run.json of a seed folder, None where there is none. Raises RunConflict when it cannot be read."""
    path = folder / "run.json"
    try:
        run = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        run = None
    if not isinstance(run, dict):
        raise RunConflict(f"{path} is damaged. Add rerun=true to move its folder aside and begin again.")
    return run


def differing_keys(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    """The dotted keys whose values differ, as `key: old → new`."""
    lines: list[str] = []
    for key in sorted(old.keys() | new.keys(), key=str):
        a, b = old.get(key), new.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            lines += differing_keys(a, b, f"{prefix}{key}.")
        elif a != b:
            lines.append(f"{prefix}{key}: {a} → {b}")
    return lines


@dataclass
class RunFolder:
    """An opened, locked seed folder."""

    path: Path
    lock: Lock
    run: dict[str, Any]
    finished: bool = False
    rows: list[dict[str, str]] = field(default_factory=list)
    purchases: list[Purchase] = field(default_factory=list)

    @staticmethod
    def open(
        path: Path,
        *,
        config: dict[str, Any],
        run: dict[str, Any],
        stages: int,
        rerun: bool = False,
        allow_platform_change: bool = False,
    ) -> "RunFolder":
        """Opens `path` for writing. In order:

        1. no folder: fresh; 2. a live writer has it: LockHeld; 3. `rerun`: the old one is moved aside;
        4. another configuration lies there: RunConflict with the differing keys;
        5. all stages done: `finished` is True; 6. otherwise: go on after the last complete stage, on the same platform
        unless `allow_platform_change`.
        """
        lock = Lock(path / "lock")
        try:
            for half_written in path.rglob(".*.tmp"):  # by a killed process: nobody else writes here now
                half_written.unlink()
            if rerun and (path / "run.json").exists():
                lock = _move_aside(path, lock)
            old = read_run(path)
            if old is None:
                write_text_atomic(path / "config.yaml", yaml.safe_dump(config, sort_keys=True))
                folder = RunFolder(path, lock, {**run, "created": now()})
            else:
                _refuse_other_configuration(path, old, config, run)
                refuse_other_data(path, old, run.get("data"))
                folder = RunFolder(path, lock, {**old, **run})
                folder._load()
                folder.finished = len(folder.rows) >= stages
                if not folder.finished and not allow_platform_change:
                    _refuse_other_platform(path, old, run)
            if not folder.finished:
                folder.set_status("running", stage=len(folder.rows), reason=None)
            return folder
        except BaseException:
            lock.release()
            raise

    def _load(self) -> None:
        self.rows = read_rows(self.path / "stages.csv")
        self.purchases = [p for p in read_purchases(self.path / "acquired.csv") if p.stage <= len(self.rows)]

    @property
    def next_stage(self) -> int:
        return len(self.rows)

    def set_status(self, status: str, **more: object) -> None:
        self.lock.check()
        self.run.update(status=status, updated=now(), host=socket.gethostname(), **more)
        write_text_atomic(self.path / "run.json", json.dumps(self.run, indent=1, default=str) + "\n")

    def add_purchases(self, purchases: list[Purchase]) -> None:
        """Writes acquired.csv with `purchases` at the end."""
        self.lock.check()
        self.purchases = [*self.purchases, *purchases]
        write_purchases(self.path / "acquired.csv", self.purchases)

    def write_carry(self, stage: int, carry: dict[str, np.ndarray] | None) -> None:
        """Stores what the strategy hands to `stage`; it counts once the row of the stage before is there."""
        if carry:
            write_atomic(self.path / "carry" / f"stage_{stage:03d}.npz", lambda f: np.savez(f, **carry))  # type: ignore[arg-type]

    def read_carry(self, stage: int) -> dict[str, np.ndarray]:
        path = self.path / "carry" / f"stage_{stage:03d}.npz"
        if not path.exists():
            return {}
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {key: stored[key] for key in stored.files}

    def write_diagnostics(self, stage: int, arrays: dict[str, np.ndarray]) -> None:
        if arrays:
            path = self.path / "diagnostics" / f"stage_{stage:03d}.npz"
            write_atomic(path, lambda f: np.savez_compressed(f, **arrays))  # type: ignore[arg-type]

    def append_table(self, name: str, stage: int, rows: list[dict[str, object]]) -> None:
        """Rows of `stage` in a side table such as epochs.csv; what a killed attempt at the stage left is replaced."""
        path = self.path / name
        kept = [row for row in read_rows(path) if int(row["stage"]) < stage]
        write_text_atomic(path, _merge(kept, [{"stage": stage, **row} for row in rows]))

    def warn(self, stage: int, messages: list[str]) -> None:
        """Keeps what is unhealthy about `stage` in run.json, for `altool status`."""
        earlier = [w for w in self.run.get("warnings", []) if w["stage"] < stage]
        self.run["warnings"] = [*earlier, *({"stage": stage, "text": text} for text in messages)]

    def commit_stage(self, record: StageRecord) -> None:
        """Writes the row of a finished stage: from now on the stage exists."""
        self.lock.check()
        row = {key: cell(value) for key, value in record.row().items()}
        self.rows = [*self.rows, row]
        write_text_atomic(self.path / "stages.csv", _merge(self.rows, []))
        self.set_status("running", stage=len(self.rows))

    def close(self, status: str | None = None, **more: object) -> None:
        if status is not None:
            with contextlib.suppress(
                RunFailed
            ):  # another process took the folder over: it is not ours to mark
                self.set_status(status, **more)
        self.lock.release()


def _merge(old: list[dict[str, str]], new: list[dict[str, object]]) -> str:
    rows = [*old, *({k: cell(v) for k, v in row.items()} for row in new)]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _move_aside(path: Path, old: Lock) -> Lock:
    """Renames the folder, lock and all, so that nobody gets in between; returns the lock of the new one."""
    n = 1
    while (aside := path.with_name(f"{path.name}.old-{n}")).exists():
        n += 1
    path.rename(aside)
    (aside / "lock").unlink()
    old.release()
    return Lock(path / "lock")


def _refuse_other_configuration(
    path: Path, old: dict[str, Any], config: dict[str, Any], run: dict[str, Any]
) -> None:
    if old.get("fingerprint") == run["fingerprint"]:
        return
    stored = yaml.safe_load((path / "config.yaml").read_text()) or {}
    lines = differing_keys(stored, config) or ["(the stored configuration was edited)"]
    raise RunConflict(
        f"{path} holds another configuration:\n  "
        + "\n  ".join(lines)
        + "\nAdd rerun=true to move the old folder aside, or outputs=… to write elsewhere."
    )


def refuse_other_data(path: Path, old: dict[str, Any], digest: str | None) -> None:
    """Raises RunConflict when the run at `path` was made of other images or labels."""
    if old.get("data") != digest:
        raise RunConflict(
            f"{path} was begun on other data: the images or labels changed since. "
            "Add rerun=true to begin again beside it."
        )


def _refuse_other_platform(path: Path, old: dict[str, Any], run: dict[str, Any]) -> None:
    lines = differing_keys(old.get("platform", {}), run.get("platform", {}))
    if lines:
        raise RunConflict(
            f"{path} was begun on another platform, so its bytes would mix:\n  "
            + "\n  ".join(lines)
            + "\nAdd allow_platform_change=true to go on all the same."
        )
