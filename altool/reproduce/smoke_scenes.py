"""A few street scenes in the format of Cityscapes, for smoke runs: real enough to be read and learnt, and nothing more."""

import os
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from altool.core.streams import stream
from altool.data.cityscapes import IMAGE, MAP, TRAIN_IDS

SCENES = {"train": 24, "val": 4}
CITIES = 2
SIZE = [32, 64]  # what runs see; the files are twice as large
BLOCK = 16  # pixels of a side of what has one class
UNLABELLED = 0  # an id that is ignored


def write_scenes(folder: Path) -> Path:
    """leftImg8bit and gtFine in `folder`, made once; returns it."""
    if folder.exists():
        return folder
    begun = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(begun, ignore_errors=True)
    rng = stream(0, "smoke", "scenes")
    ids = np.array([UNLABELLED, *TRAIN_IDS.values()])
    colours = rng.integers(30, 226, (len(ids), 3))
    rows, columns = (2 * side // BLOCK for side in SIZE)
    for split, n in SCENES.items():
        for i in range(n):
            blocks = rng.integers(0, len(ids), (rows, columns))
            scene = blocks.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)
            picture = colours[scene] + rng.normal(0, 20, (*scene.shape, 3))
            city = f"city{i % CITIES}"
            frame = f"{split}/{city}/{city}_{i:06d}_000019"
            for path, pixels in (
                (begun / "leftImg8bit" / (frame + IMAGE), picture.clip(0, 255)),
                (begun / "gtFine" / (frame + MAP), ids[scene]),
            ):
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels.astype(np.uint8)).save(path)
    begun.rename(folder)
    return folder
