"""`altool compare PATH…`: paired differences, labels saved, and who beats whom."""

import argparse


def main(parsed: argparse.Namespace) -> int:
    from altool.analysis.compare import render

    text = render(parsed.paths, parsed.part, parsed.format, parsed.metric, parsed.relative_to)
    print(text.rstrip("\n"))
    return 0
