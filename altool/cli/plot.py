"""`altool plot PATH…`: figures from run folders."""

import argparse


def main(parsed: argparse.Namespace) -> int:
    from altool.analysis.plot import main_plot

    formats = tuple(parsed.format or ("png",))
    for path in main_plot(parsed.paths, parsed.relative_to, parsed.out, formats, parsed.metric):
        print(path)
    return 0
