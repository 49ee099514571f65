"""`altool table PATH…`: mean ± std per stage, and AUBC."""

import argparse


def main(parsed: argparse.Namespace) -> int:
    from altool.analysis.table import render

    print(render(parsed.paths, parsed.format, parsed.metric, parsed.relative_to).rstrip("\n"))
    return 0
