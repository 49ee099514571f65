"""altool's speed beside loops as the released code has them: the table of docs/performance.md.

    python scripts/bench.py --csv bench.csv --markdown bench.md --figure bench.png
    python scripts/bench.py --only kcenter,vae --rounds 3

Rows: train, vae, kcenter, gcn, vab_al, ldr, deepfool, small, default, growth, streamed, precision, gpu. Without --only all
of them but `precision`, which trains for minutes; `gpu` says so where there is no CUDA device. `released` is a row
where --released names a clone of TA-VAAL's code.
"""

import argparse
import os
import sys
from pathlib import Path

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="rows to measure, separated by commas")
    parser.add_argument("--rounds", type=int, default=5, help="of a comparison; 3 where a round is long")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--csv", type=Path, help="where the table goes, with every round")
    parser.add_argument("--markdown", type=Path, help="where the table goes as Markdown")
    parser.add_argument("--figure", type=Path, help="where the picture of achieved against possible goes")
    parser.add_argument("--released", type=Path, help="a clone of TA-VAAL's code, to be run beside ours")
    parser.add_argument("--tiny", action="store_true", help="tiny sizes, to try the paths out")
    options = parser.parse_args()
    if options.rounds < 1 or options.threads < 1:
        parser.error("--rounds and --threads must be at least 1")
    for name in THREAD_VARIABLES:  # read once, when the libraries are loaded
        os.environ[name] = str(options.threads)
    from benchmark.table import bench

    return bench(options)


if __name__ == "__main__":
    sys.exit(main())
