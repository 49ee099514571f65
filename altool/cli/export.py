"""`altool export PATH… --out FILE`: many run folders as one file that others can read, check and go on with."""

import argparse
import hashlib
from collections import Counter
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import track

from altool.core.errors import UserError


def main(parsed: argparse.Namespace) -> int:
    from altool.analysis.read import find_seed_folders
    from altool.analysis.tidy import check_format, tables
    from altool.core.study_write import pack

    check_format(parsed.format)
    folders = [folder for folder in find_seed_folders(parsed.paths) if (folder / "run.json").is_file()]
    if not folders:
        raise UserError(
            f"{', '.join(map(str, parsed.paths))}: no run here; altool status shows where runs are."
        )
    watched = track(folders, "packing", console=Console(stderr=True), transient=True)
    packed = pack(watched, parsed.out, partial(tables, format=parsed.format), parsed.everything)
    statuses = Counter("stale or running" if run["status"] == "running" else run["status"] for run in packed)
    said = ", ".join(f"{n} {status}" for status, n in statuses.items())
    print(f"{len(packed)} run{'s' if len(packed) > 1 else ''} ({said}) in {parsed.out}")
    if parsed.out.is_file():
        print(f"{_size(parsed.out)}, sha256 {hashlib.sha256(parsed.out.read_bytes()).hexdigest()}")
    print(
        f"Next: altool import {parsed.out} --outputs DIR restores them anywhere; altool replay takes a cell of them."
    )
    return 0


def _size(path: Path) -> str:
    n = path.stat().st_size
    return f"{n / 2**20:.1f} MiB" if n >= 2**20 else f"{max(1, n // 2**10)} KiB"
