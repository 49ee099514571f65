"""A folder of pictures without labels: decoded, named, and ready for a learner."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from altool.core.errors import UserError
from altool.data.decode import Unreadable, read_header
from altool.data.features import pool_features
from altool.data.image_cache import MixedSizes, decoded
from altool.data.images import SUFFIXES, image_names
from altool.data.prepare import digest_of_items, transforms_of
from altool.data.reading import Reading
from altool.data.rows import Rows
from altool.data.spec import DatasetSpec
from altool.data.store import Store

NATIVE_SIDE = 256  # pictures of one size up to this are taken as they are
SIDE, IMAGENET_SIDE = 64, 224  # what others are resized to; what ImageNet's nets are used to


@dataclass(frozen=True)
class Pictures:
    """`names`: paths below `folder`, sorted; the position is the dataset index. `store`: what the learner sees, images or
    the features of `backbone`."""

    folder: Path
    names: list[str]
    items: Rows
    images: Store
    backbone: str | None
    reading: Reading
    skipped: dict[str, str] = field(default_factory=dict)

    @cached_property
    def index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    @cached_property
    def digest(self) -> str:
        return digest_of_items(self.items)

    @cached_property
    def store(self) -> Store:
        return self.features()[0] if self.backbone else self.images

    @property
    def seen_as(self) -> str:
        if self.backbone:
            return _in_words(self.backbone)
        _, height, width = self.images.shape
        return f"images of {width}×{height}"

    def features(self) -> tuple[Store, str]:
        """Frozen features of all pictures, and what they are in words: pixels where no backbone was chosen."""
        backbone = self.backbone or "pixels"
        return pool_features(self.images, self.digest, backbone, self.reading), _in_words(backbone)

    def indices(self, names: Iterable[str]) -> np.ndarray:
        return np.array([self.index[name] for name in names], np.int64)


def read_pictures(
    spec: DatasetSpec,
    folder: Path,
    out: Path,
    backbone: str | None,
    is_large: bool,
    device: torch.device,
    reading: Reading,
) -> Pictures:
    """All pictures at or below `folder`, but for those in `out`. `spec.size` None: as they are where they are small and of
    one size, else 64×64 pixels, 224×224 where `is_large`. Raises UserError as `decoded` does, and for an empty folder."""
    if not folder.is_dir():
        raise UserError(f"data={folder} is no folder.")
    inside = out.resolve().relative_to(folder.resolve()).as_posix() if _is_inside(out, folder) else None
    names = [n for n in image_names(folder) if inside is None or not n.startswith(f"{inside}/")]
    if not names:
        raise UserError(f"data={folder} holds no picture ({', '.join(sorted(SUFFIXES))}).")
    fallback = IMAGENET_SIDE if is_large else SIDE
    size = spec.size or (None if _is_small(folder / names[0]) and not is_large else fallback)
    try:
        found = decoded(folder, names, size, reading, bool(spec.rgb))
    except MixedSizes:
        found = decoded(folder, names, fallback, reading, bool(spec.rgb))
    store = Store(
        found.items, transforms_of(spec, found.items), device, reading.is_resident(found.items.nbytes)
    )
    kept = [names[i] for i in found.kept]
    return Pictures(folder, kept, found.items, store, backbone, reading, found.skipped)


def _in_words(backbone: str) -> str:
    return backbone if backbone == "pixels" else f"{backbone} features"


def _is_inside(path: Path, folder: Path) -> bool:
    return path.resolve() != folder.resolve() and path.resolve().is_relative_to(folder.resolve())


def _is_small(file: Path) -> bool:
    try:
        header = read_header(file)
        return max(header.width, header.height) <= NATIVE_SIDE
    except (Unreadable, OSError, MemoryError):  # said by name once all are read
        return True
