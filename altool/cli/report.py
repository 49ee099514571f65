"""`altool report PATH…`: everything on disk as one page, beside what was published."""

import argparse
from collections.abc import Iterable

from rich.console import Console
from rich.progress import track


def main(parsed: argparse.Namespace) -> int:
    from altool.report.page import write

    out, sections = write(parsed.paths, parsed.out, _watch)
    smoke = sum(s.generated for s in sections)
    said = f"{len(sections)} sections" + (f", {smoke} of them smoke runs" if smoke else "")
    print(f"{out}: {said}, {out.stat().st_size / 2**20:.1f} MiB")
    return 0


def _watch(names: Iterable[str], doing: str) -> Iterable[str]:
    return track(list(names), doing, console=Console(stderr=True), transient=True)
