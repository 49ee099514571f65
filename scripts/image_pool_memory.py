"""How much memory a large folder of images takes: decodes a generated one and runs two stages on it, streamed.

    python scripts/image_pool_memory.py --images 20000 --folder /tmp/pool

The bound that it holds itself to, beside what Python and torch take before any data is opened: BOUND_MIB of memory of its
own (pages of the memory map, which the system takes back as it likes, are told apart). Linux only: reads /proc.
"""

import argparse
import shutil
import sys
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

from altool.run import run

BOUND_MIB = 512
MODES = ("RGB", "L", "RGBA", "P", "I;16")
STATUS = Path("/proc/self/status")


class Peak(threading.Thread):
    """The most memory of its own (RssAnon, MiB) that the process had while inside `with`."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.start_mib = self.mib = anonymous_mib()
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(0.01):
            self.mib = max(self.mib, anonymous_mib())

    def __enter__(self) -> "Peak":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()


def anonymous_mib() -> float:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


def make_pool(folder: Path, n: int) -> None:
    """`n` images of mixed sizes and modes in two classes, as PNG and JPEG."""
    rng = np.random.default_rng(0)
    for i in range(n):
        path = folder / ("light", "dark")[i % 2] / f"{i:06d}"
        path.parent.mkdir(parents=True, exist_ok=True)
        side = 48 + 8 * (i % 7)
        grey = rng.integers(0, 128, (side, side + 16), dtype=np.uint8) + np.uint8(127 * (i % 2))
        mode = MODES[i % len(MODES)]
        if mode == "I;16":
            Image.fromarray(grey.astype(np.uint16) * 257).save(path.with_suffix(".png"))
        else:
            suffix = ".jpg" if mode in ("RGB", "L") and i % 2 else ".png"
            Image.fromarray(grey).convert(mode).save(path.with_suffix(suffix))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument(
        "--folder", type=Path, required=True, help="where the images and what is made of them go"
    )
    parser.add_argument("--side", type=int, default=64)
    options = parser.parse_args()
    if not STATUS.exists():
        print("this script reads /proc: it runs on Linux only")
        return 0
    pool = options.folder / "images"
    if not pool.exists():
        make_pool(pool, options.images)
    for made in ("data_root", "outputs"):
        shutil.rmtree(options.folder / made, ignore_errors=True)
    words = [
        *("dataset=folder", f"dataset.path={pool}", f"dataset.size={options.side}", "learner=cnn_small"),
        *(
            "learner.epochs=1",
            "learner.eval_batch=128",
            "budget.stages=2",
            "budget.candidates=all",
            "strategy=entropy",
            "seeds=0",
        ),
        *(f"data_root={options.folder / 'data_root'}", f"outputs={options.folder / 'outputs'}"),
        *("memory_gib=0", "progress=quiet", "device=cpu", "diagnostics.arrays=false"),
    ]
    import altool.analysis.summary
    import altool.config.build
    import altool.session  # noqa: F401  # what a run imports is not what its data takes

    begin = time.perf_counter()
    with Peak() as peak:
        code = run(words)
    took = peak.mib - peak.start_mib
    pixels = sum(f.stat().st_size for f in (options.folder / "data_root").rglob("pixels.*")) / 2**20
    print(
        f"{options.images} images, {pixels:.0f} MiB of pixels, {time.perf_counter() - begin:.0f} s: "
        f"{took:.0f} MiB above the {peak.start_mib:.0f} MiB of the start; the bound is {BOUND_MIB} MiB"
    )
    return code or int(took > BOUND_MIB)


if __name__ == "__main__":
    sys.exit(main())
