"""Cityscapes (Cordts et al. 2016) as it is distributed: leftImg8bit and gtFine, one folder per split and city.

The training images are the pool, the validation images the test set, as P1 4.4 has it; those of the test split have no
labels. Training maps are resized with their images; validation maps stay as they are, for the mean IoU at full resolution.
"""

from pathlib import Path

import numpy as np

from altool.core.errors import UserError
from altool.core.maps import IGNORED
from altool.data.bad_files import SHOWN
from altool.data.image_cache import MixedSizes, Size, decoded
from altool.data.images import image_names
from altool.data.local_sets import find_set
from altool.data.reading import Reading
from altool.data.rows import Rows
from altool.data.spec import DatasetSpec
from altool.data.task import Arrays

IMAGE, MAP = "_leftImg8bit.png", "_gtFine_labelIds.png"  # how the names of the files end
TRAIN_IDS = {  # of the 34 ids the 19 that are judged, in the order of their train ids; the others are ignored
    "road": 7,
    "sidewalk": 8,
    "building": 11,
    "wall": 12,
    "fence": 13,
    "pole": 17,
    "traffic light": 19,
    "traffic sign": 20,
    "vegetation": 21,
    "terrain": 22,
    "sky": 23,
    "person": 24,
    "rider": 25,
    "car": 26,
    "truck": 27,
    "bus": 28,
    "train": 31,
    "motorcycle": 32,
    "bicycle": 33,
}
CLASSES = tuple(TRAIN_IDS)
IDS = bytes(list(TRAIN_IDS.values()).index(i) if i in TRAIN_IDS.values() else IGNORED for i in range(256))


def read_cityscapes(spec: DatasetSpec, reading: Reading) -> Arrays:
    """Raises UserError when it is not there, for images without maps, and for files that cannot be read."""
    root = find_set(spec, reading)
    train_x, train_y, skipped = _split(root, "train", spec.size, spec.size, reading)
    test_x, test_y, more = _split(root, "val", spec.size, None, reading)
    if train_x.shape[1:3] != train_y.shape[1:3]:
        raise UserError(
            f"{root}: the images have other sizes than their maps: give one with dataset.size=[512,1024]."
        )
    return Arrays(train_x, train_y, test_x, test_y, CLASSES, skipped | more)


def _split(
    root: Path, split: str, size: Size, map_size: Size, reading: Reading
) -> tuple[Rows, Rows, dict[str, str]]:
    """Images (n, H, W, 3), their maps (n, H, W), and the files, below `root`, that cost the others because they cannot be
    read."""
    frames = _frames(root, split)
    images = decoded(root / "leftImg8bit", [f + IMAGE for f in frames], size, reading, rgb=True)
    try:
        maps = decoded(root / "gtFine", [f + MAP for f in frames], map_size, reading, classes=IDS)
    except MixedSizes as error:
        if not size:
            raise
        raise UserError(
            f"{error.found}: {split} maps are judged as they are, so all must have one size."
        ) from None
    whole = np.intersect1d(images.kept, maps.kept)
    if not len(whole):
        raise UserError(f"{root}: no image in leftImg8bit/{split} can be read together with its map.")
    of_image, of_map = np.searchsorted(images.kept, whole), np.searchsorted(maps.kept, whole)
    for frame, i, m in zip(whole, of_image, of_map, strict=True):
        (wide, high), (map_wide, map_high) = images.sizes[i], maps.sizes[m]
        if abs(wide * map_high - map_wide * high) > max(wide, high, map_wide, map_high):  # but for rounding
            raise UserError(
                f"{root}: leftImg8bit/{frames[frame]}{IMAGE} has {wide}×{high} pixels, its map {map_wide}×{map_high}: they "
                "do not show the same."
            )
    planes = maps.items.take(of_map).plane()
    # one by one: the first map ends it, unless all are wrong
    if all((planes[row] == IGNORED).all() for row in range(len(planes))):
        raise UserError(
            f"{root}: no pixel of the {split} maps has one of the {len(CLASSES)} classes: they must hold Cityscapes' ids, "
            "such as 7 for road."
        )
    skipped = {f"leftImg8bit/{name}": reason for name, reason in images.skipped.items()}
    skipped |= {f"gtFine/{name}": reason for name, reason in maps.skipped.items()}
    return images.items.take(of_image), planes, skipped


def _frames(root: Path, split: str) -> list[str]:
    """What the names of an image and its map begin with, below leftImg8bit and gtFine: split/city/city_sequence_frame."""
    found = []
    for part, ending in (("leftImg8bit", IMAGE), ("gtFine", MAP)):
        names = image_names(root / part / split) if (root / part / split).is_dir() else []
        found.append({f"{split}/{name.removesuffix(ending)}" for name in names if name.endswith(ending)})
    images, maps = found
    if not images or not maps:
        raise UserError(
            f"{root} holds no {split} images with maps: unpack leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip "
            f"there, so that leftImg8bit/{split} and gtFine/{split} lie in it."
        )
    lone = [f"leftImg8bit/{f}{IMAGE} has no gtFine/{f}{MAP}" for f in sorted(images - maps)]
    lone += [f"gtFine/{f}{MAP} has no leftImg8bit/{f}{IMAGE}" for f in sorted(maps - images)]
    if lone:
        more = [f"… and {len(lone) - SHOWN} more"] if len(lone) > SHOWN else []
        raise UserError("\n  ".join([f"{root} is not whole:", *lone[:SHOWN], *more]))
    return sorted(images)
