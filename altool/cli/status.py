"""`altool status PATH…`: how runs stand, as a table, a live one, or JSON."""

import argparse
import json
import shlex
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean, stdev

from altool.core.errors import UserError
from altool.core.machine import short
from altool.core.states import STATES, Seen, look

REFRESH_SECONDS = 2.0
MOST_SWEEPS = 3


def main(parsed: argparse.Namespace) -> int:
    missing = [str(path) for path in parsed.paths if not path.exists()]
    if missing and len(missing) < len(parsed.paths):  # where all are missing, there are no runs: said below
        raise UserError(f"{', '.join(missing)}: there is no such folder.")
    seen = list(look(parsed.paths))
    if parsed.json:
        print(json.dumps([asdict(one) for one in seen], indent=1, default=str))
        return 0
    if not seen:
        where = ", ".join(map(str, parsed.paths))
        raise UserError(
            f"there are no runs in {where}: start one with altool run, or name the folder they are in."
        )
    if parsed.watch:
        watch(parsed.paths)
    else:
        print(render(seen, parsed.paths))
    return 0


def watch(paths: Sequence[Path]) -> None:
    """Shows the table anew every few seconds, until all is done or Ctrl-C."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(console=Console(highlight=False), auto_refresh=False) as live:
        while True:
            seen = list(look(paths))
            live.update(Text(render(seen, paths), overflow="ellipsis", no_wrap=True), refresh=True)
            if all(one.status == "done" for one in seen):
                return
            try:
                time.sleep(REFRESH_SECONDS)
            except KeyboardInterrupt:
                return


def render(seen: Sequence[Seen], paths: Sequence[Path] = (Path("outputs"),)) -> str:
    """One line per cell, status and stage; then why seeds failed, and what continues the others."""
    groups: dict[tuple[Path, int, int], list[Seen]] = defaultdict(list)
    for one in seen:
        rank = STATES.index(one.status) if one.status in STATES else len(STATES)
        groups[one.folder.absolute().parent, rank, -one.stages_done].append(one)
    rows = [("run", "status", "seeds", "stages", "accuracy", "sign of life")]
    last = None
    for (cell, _, _), members in sorted(groups.items(), key=lambda item: item[0]):
        first = members[0]
        rows.append(
            (
                "" if cell == last else str(short(cell)),
                first.status,
                ",".join(str(one.seed) for one in members),
                f"{first.stages_done}/{first.stages or '?'}",
                _spread([one.accuracy for one in members if one.accuracy is not None]),
                _ago([one.heartbeat_seconds for one in members if one.heartbeat_seconds is not None]),
            )
        )
        last = cell
    if not any(row[-1] for row in rows[1:]):
        rows = [row[:-1] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    lines += [
        f"{short(one.folder)} failed: {_last_line(one.reason)}"
        for one in seen
        if one.status == "failed" and one.reason
    ]
    lines += [f"{short(one.folder)} warns at {text}" for one in seen for text in one.warnings[-1:]]
    return "\n".join([*lines, *_next_steps(seen, paths)])


def _next_steps(seen: Sequence[Seen], paths: Sequence[Path]) -> list[str]:
    lines: list[str] = []
    stamps = Counter(one.stamp for one in seen if one.stamp)
    lines += [f"{n} of these runs: {stamp}" for stamp, n in stamps.items()]
    again = [state for state in ("failed", "stale", "stopped") if any(one.status == state for one in seen)]
    if again:
        command = shlex.join(["altool", "retry", *map(str, paths)])
        lines.append(f"{command} goes on with what is {' or '.join(again)}.")
    sweeps = list(dict.fromkeys(one.sweep for one in seen if one.sweep))
    if sweeps:
        lines.append("What never started waits for its sweep; type it again if that has ended:")
        lines += [f"  {command}" for command in sweeps[:MOST_SWEEPS]]
        if len(sweeps) > MOST_SWEEPS:
            lines.append(f"  and {len(sweeps) - MOST_SWEEPS} more (outputs/.sweeps; delete what is given up)")
    return lines


def _last_line(reason: str) -> str:
    return reason.strip().splitlines()[-1]


def _ago(ages_seconds: Sequence[float]) -> str:
    return f"{max(ages_seconds):.0f} s ago" if ages_seconds else ""


def _spread(accuracies: Sequence[float]) -> str:
    if not accuracies:
        return ""
    mean = f"{100 * fmean(accuracies):.1f} %"
    return mean if len(accuracies) == 1 else f"{mean} ± {100 * stdev(accuracies):.1f}"
