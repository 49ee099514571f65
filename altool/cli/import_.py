"""`altool import FILE`: checks a packed study and restores its run folders."""

import argparse
import shlex
from collections import Counter
from functools import partial

from rich.console import Console
from rich.progress import track


def main(parsed: argparse.Namespace) -> int:
    from altool.core.study_read import open_study, restore

    study = open_study(
        parsed.file, partial(track, description="checking", console=Console(stderr=True), transient=True)
    )
    written, there = restore(study, parsed.outputs)
    print(f"{len(written)} of {len(study.runs)} runs restored in {parsed.outputs}, all checked.")
    if there:
        print(f"{len(there)} were there already.")
    cells = Counter(folder.parent for folder in [*written, *there])
    for cell, n in sorted(cells.items()):
        print(f"  {cell}: {n} seed{'s' if n > 1 else ''}")
    print(f"Next: {shlex.join(['altool', 'status', str(parsed.outputs)])}")
    return 0
