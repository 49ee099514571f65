"""A few pictures in the folders that a set is distributed in, for smoke runs: read as the set itself would be."""

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from altool.core.streams import stream
from altool.data.cityscapes import CLASSES, IMAGE, MAP, TRAIN_IDS
from altool.data.image_sets import BACKGROUND, NEU_CODES

SCENES = {"train": 24, "val": 4}
CITIES = 2
SIZE = [32, 64]  # of scenes as runs see them; the files are twice as large
BLOCK = 16  # pixels of a side of what has one class
BANDS = ("sky", "building", "sidewalk", "road")  # from top to bottom
THINGS = 4  # blocks of a random class
UNLABELLED = 0  # an id that is ignored


def write_scenes(folder: Path) -> Path:
    """Cityscapes' leftImg8bit and gtFine in `folder`, made once; returns it."""
    return _once(folder, _write_scenes)


def write_classes(folder: Path, reader: str, images: np.ndarray, labels: np.ndarray) -> Path:
    """The pictures (N, H, W, 3) in the folders and by the names of NEU or Caltech-101, made once; returns `folder`."""

    def write(begun: Path) -> None:
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            if reader == "neu":
                path = begun / NEU_CODES[label] / f"{NEU_CODES[label]}_{i}.jpg"
            else:
                category = f"category_{label:03d}" if label else BACKGROUND
                path = begun / category / f"image_{i:04d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)

    return _once(folder, write)


def _once(folder: Path, write: Callable[[Path], None]) -> Path:
    if folder.exists():
        return folder
    begun = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    try:
        write(begun)
        begun.rename(folder)
    except OSError:
        if not folder.exists():  # else another process was first, and its pictures are the same
            raise
    finally:
        shutil.rmtree(begun, ignore_errors=True)
    return folder


def _write_scenes(begun: Path) -> None:
    rng = stream(0, "smoke", "scenes")
    ids = np.array([UNLABELLED, *TRAIN_IDS.values()])
    colours = rng.integers(30, 226, (len(ids), 3))
    columns = 2 * SIZE[1] // BLOCK
    bands = np.array([[1 + CLASSES.index(band)] * columns for band in BANDS])
    for split, n in SCENES.items():
        for i in range(n):
            blocks = bands.copy()
            blocks.flat[rng.choice(blocks.size, THINGS)] = rng.integers(0, len(ids), THINGS)
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
