"""`altool status PATH…`: what the run folders say of themselves; nothing is asked of a process."""

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from altool.core.errors import RunConflict, UserError
from altool.core.lock import is_stale, read_holder
from altool.core.records import read_rows
from altool.core.runfolder import read_run

ORDER = ("done", "running", "stopped", "failed", "stale")


@dataclass(frozen=True)
class Seen:
    """One seed folder. `status` is run.json's, or `stale`: it says running, but nobody writes it any more."""

    folder: Path
    seed: int
    status: str
    stages_done: int
    stages: int | None
    accuracy: float | None
    reason: str  # why it failed
    warnings: tuple[str, ...] = ()  # what looked unhealthy, with its stage


def main(parsed: argparse.Namespace) -> int:
    seen = list(look(parsed.paths))
    if not seen:
        where = ", ".join(map(str, parsed.paths))
        raise UserError(
            f"there are no runs in {where}: start one with altool run, or name the folder they are in."
        )
    print(render(seen))
    return 0


def look(paths: Sequence[Path]) -> Iterator[Seen]:
    """Every seed folder at or below `paths`, once, in order."""
    folders = {file.parent for path in paths for file in path.glob("**/seed_*/run.json")}
    folders |= {path for path in paths if (path / "run.json").is_file()}
    for folder in sorted(folders):
        if ".old-" in folder.name:
            continue
        try:
            yield _seen(folder, read_run(folder) or {})
        except RunConflict as error:  # one damaged folder hides no other
            yield Seen(folder, _seed(folder, {}), "failed", 0, None, None, str(error))


def _seen(folder: Path, run: dict[str, Any]) -> Seen:
    status = str(run.get("status", "?"))
    lock = folder / "lock"
    if status == "running" and (read_holder(lock) is None or is_stale(lock)):
        status = "stale"
    rows = read_rows(folder / "stages.csv")
    accuracy = rows[-1].get("accuracy") if rows else None
    return Seen(
        folder=folder,
        seed=_seed(folder, run),
        status=status,
        stages_done=len(rows),
        stages=run.get("stages"),
        accuracy=float(accuracy) if accuracy else None,
        reason=str(run.get("reason") or ""),
        warnings=tuple(f"stage {w['stage']}: {w['text']}" for w in run.get("warnings", [])),
    )


def _seed(folder: Path, run: dict[str, Any]) -> int:
    named = folder.name.removeprefix("seed_")
    return int(named) if named.isdigit() else int(run.get("seed", 0))


def render(seen: Sequence[Seen]) -> str:
    """One line per cell, status and stage; then why seeds failed, and what continues the others."""
    groups: dict[tuple[Path, int, int], list[Seen]] = defaultdict(list)
    for one in seen:
        rank = ORDER.index(one.status) if one.status in ORDER else len(ORDER)
        groups[one.folder.parent, rank, -one.stages_done].append(one)
    rows = [("run", "status", "seeds", "stages", "accuracy")]
    last = None
    for (cell, _, _), members in sorted(groups.items(), key=lambda item: item[0]):
        first = members[0]
        rows.append(
            (
                "" if cell == last else str(_short(cell)),
                first.status,
                ",".join(str(one.seed) for one in members),
                f"{first.stages_done}/{first.stages or '?'}",
                _spread([one.accuracy for one in members if one.accuracy is not None]),
            )
        )
        last = cell
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    lines += [
        f"{_short(one.folder)} failed: {one.reason}" for one in seen if one.status == "failed" and one.reason
    ]
    lines += [f"{_short(one.folder)} warns at {text}" for one in seen for text in one.warnings[-1:]]
    if any(one.status in ("stale", "stopped") for one in seen):
        lines.append("The command that started a stopped or stale run (run.json has it) continues it.")
    return "\n".join(lines)


def _short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _spread(accuracies: Sequence[float]) -> str:
    if not accuracies:
        return ""
    mean = f"{100 * fmean(accuracies):.1f} %"
    return mean if len(accuracies) == 1 else f"{mean} ± {100 * stdev(accuracies):.1f}"
