"""Memory stays bounded however large the folder is; `scripts/image_pool_memory.py` measures a whole run on 20,000 images."""

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from altool.data.prepare import prepare
from altool.data.reading import Reading
from altool.data.spec import DatasetSpec, ImbalanceSpec

STATUS = Path("/proc/self/status")
BOUND_MIB = 40
N, SIDE = 500, 256


def anonymous_mib() -> float:
    """Memory of its own; pages of a memory map are the system's to take back."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


@pytest.mark.skipif(not STATUS.exists(), reason="reads /proc")
def test_a_pool_larger_than_the_bound(tmp_path: Path) -> None:
    for i in range(N):
        path = tmp_path / "photos" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20 + i % 3, 20), (i % 256, 0, i // 2)).save(path)
    spec = DatasetSpec("photos", "folder", path=str(tmp_path / "photos"), test=0.2, size=SIDE)
    start = peak = anonymous_mib()
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.002):
            peak = max(peak, anonymous_mib())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        task = prepare(spec, ImbalanceSpec(), 0, "cpu", Reading(tmp_path / "cache", memory_gib=0.01))
        seen = sum(len(task.store.pixels(part)) for part in np.array_split(task.members, 50))
    finally:
        done.set()
        watcher.join()
    assert seen == len(task.members) == N * 4 // 5
    (pixels,) = (tmp_path / "cache").rglob("pixels.*")
    assert pixels.stat().st_size / 2**20 > 2 * BOUND_MIB
    assert peak - start < BOUND_MIB
