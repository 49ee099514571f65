"""Curves and tables of finished runs from Python: what `altool plot` and `altool table` do.

    python scripts/plot_figures.py outputs/cifar10-step100 outputs/cifar10-none

Writes every figure as PNG, PDF and SVG: the absolute curves, and the improvement over the paired
random runs where there are some.
"""

import sys
from pathlib import Path

from altool.analysis.plot import main_plot
from altool.analysis.table import render
from altool.core.errors import UserError

FORMATS = ("png", "pdf", "svg")


def main(paths: list[Path]) -> int:
    try:
        files = main_plot(paths, formats=FORMATS)
        print(render(paths, "text"))
    except UserError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    try:
        files += main_plot(paths, relative_to="random", formats=FORMATS)
    except UserError as error:
        print(f"no figure of improvements: {error}", file=sys.stderr)
    print("\n".join(str(file) for file in files))
    return 0


if __name__ == "__main__":
    sys.exit(main([Path(word) for word in sys.argv[1:]] or [Path("outputs")]))
