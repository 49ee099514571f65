"""`altool retry PATH…`: runs what failed, went stale or was stopped, each by the command that its run.json has."""

import argparse
import os
import shlex
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from altool.core.errors import UserError
from altool.core.runfolder import read_run
from altool.core.states import Seen, look

AGAIN = ("failed", "stale", "stopped")


class Start(NamedTuple):
    """What the cells of one launch share: where they were started, and their --config-dir words."""

    cwd: Path
    flags: tuple[str, ...]


def main(parsed: argparse.Namespace) -> int:
    from altool.run import run_again

    words = [text for text in parsed.targets if "=" in text and not Path(text).exists()]
    paths = [Path(text) for text in parsed.targets if text not in words] or [Path("outputs")]
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: there is no such folder.")
    seen = [one for one in look(paths) if one.status in AGAIN]
    if not seen:
        print("Nothing to retry: no run there has failed, gone stale or been stopped.")
        return 0
    silent = [one for one in seen if shlex.split(one.command)[:2] != ["altool", "run"]]
    for one in silent:  # a damaged run hides no other
        print(
            f"altool: {one.folder} does not say how it was started: run its command again by hand, with rerun=true "
            "where run.json is damaged.",
            file=sys.stderr,
        )
    seen = [one for one in seen if one not in silent]
    command = shlex.join(["altool", "retry", *parsed.targets])
    codes: list[int] = [UserError.exit_code] if silent else []
    here = Path.cwd()
    for start, cells in cells_of(seen, words).items():
        try:
            os.chdir(start.cwd)
            codes.append(
                run_again([*start.flags, *_launchers(words)], list(cells.values()), list(cells), command)
            )
        finally:
            os.chdir(here)
    return max(codes)


def cells_of(seen: Sequence[Seen], more: Sequence[str]) -> dict[Start, dict[Path, list[str]]]:
    """The words of each cell to run, by its folder; the seeds of a cell that need it run together.

    `more` words win over recorded ones.
    """
    from altool.config.words import as_text

    found: dict[Start, dict[Path, list[str]]] = defaultdict(dict)
    seeds: dict[Path, list[int]] = defaultdict(list)
    for one in seen:
        seeds[one.folder.absolute().parent].append(one.seed)
    for one in seen:
        cell = one.folder.absolute().parent
        typed = shlex.split(one.command)
        flags = tuple(word for word in typed[2:] if word.startswith("--"))
        fixed = {
            "outputs": f"outputs={as_text(str(cell.parents[3]))}",
            "seeds": f"seeds=[{','.join(map(str, sorted(set(seeds[cell]))))}]",
        }
        own = {_key(word): word for word in more if not _key(word).startswith("hydra")}
        recorded = [word for word in typed[2:] if not word.startswith("--")]
        kept = [word for word in recorded if _key(word) not in {*fixed, *own, "rerun"}]
        found[Start(_cwd(one.folder), flags)].setdefault(cell, [*kept, *own.values(), *fixed.values()])
    return found


def _key(word: str) -> str:
    return word.lstrip("+~").partition("=")[0]


def _launchers(words: Sequence[str]) -> list[str]:
    return [word for word in words if _key(word).startswith("hydra")]


def _cwd(folder: Path) -> Path:
    """Where the run was started, since its words may name files from there; here, where that is gone."""
    recorded = Path(str((read_run(folder) or {}).get("cwd", "")))
    return recorded if recorded.is_absolute() and recorded.is_dir() else Path.cwd()
