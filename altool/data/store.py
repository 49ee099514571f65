"""All items of a split as uint8, gathered and augmented in batches on the device: resident there, or, where they are larger
than the memory they may take, read from their memory map as they are asked for.

Randomness is data here: offsets and flips arrive as arrays drawn by the stage plan, so CPU and GPU see the same batches.
"""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from altool.data.rows import Items


@dataclass(frozen=True)
class Transforms:
    """Of uint8 images: zero-padding `crop_pad` on every side and random crop back, random horizontal `flip`, then
    (x/255 − mean)/std per channel. Points are left alone."""

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    crop_pad: int = 0
    flip: bool = False


def moved(batch: Tensor, dy: Tensor, dx: Tensor, flip: Tensor, crop_pad: int, outside: int) -> Tensor:
    """Images (B, H, W, C) or maps of classes (B, H, W), each flipped where `flip` is true, and shifted by its own crop
    (0 ≤ dy, dx ≤ 2·crop_pad); `outside`: what comes in from beyond the rim."""
    height, width = batch.shape[1:3]
    rows = torch.arange(height, device=batch.device) + (dy.long() - crop_pad)[:, None]
    columns = torch.arange(width, device=batch.device)
    # flipped first, cropped second, as torchvision composes them in the released code (D4)
    columns = columns + (dx.long() - crop_pad)[:, None]
    outside_rows = (rows < 0) | (rows >= height)
    outside_columns = (columns < 0) | (columns >= width)
    columns = torch.where(flip[:, None], width - 1 - columns, columns)
    batch = batch[
        torch.arange(len(batch), device=batch.device)[:, None, None],
        rows.clamp(0, height - 1)[:, :, None],
        columns.clamp(0, width - 1)[:, None, :],
    ]
    beyond = outside_rows[:, :, None] | outside_columns[:, None, :]
    return batch.masked_fill(beyond.view(*beyond.shape, *[1] * (batch.ndim - 3)), outside)


class Store:
    """Items by dataset index. `items`: uint8 (P, H, W, C) images or float32 (P, D) points; not `resident`, they stay where
    they are, and only the batches that are asked for go to the device. Both give the same bytes."""

    def __init__(
        self, items: Items, transforms: Transforms, device: torch.device | str, resident: bool = True
    ):
        self.transforms = transforms
        self.device = torch.device(device)
        self.is_image = items.ndim == 4
        wanted = np.uint8 if self.is_image else np.float32
        if items.dtype != wanted or items.ndim not in (2, 4):
            raise ValueError(
                f"a store takes uint8 NHWC images or float32 points, not {items.dtype} {items.shape}"
            )
        self._host = items
        self.resident = resident
        self._items = torch.from_numpy(np.ascontiguousarray(items)).to(self.device) if resident else None
        channels = items.shape[-1] if self.is_image else 0
        mean = torch.tensor(transforms.mean or (0.0,) * channels, dtype=torch.float32)
        std = torch.tensor(transforms.std or (1.0,) * channels, dtype=torch.float32)
        if self.is_image and (len(mean) != channels or len(std) != channels):
            raise ValueError(
                f"{channels} channels need as many means and stds, not {len(mean)} and {len(std)}"
            )
        self._reader = ThreadPoolExecutor(1, "prefetch") if not resident else None
        self._ahead: deque[tuple[np.ndarray, Future[np.ndarray]]] = deque(maxlen=2)  # this batch and the next
        self._scale = (1 / (255 * std)).to(self.device)
        self._shift = (-mean / std).to(self.device)

    def __len__(self) -> int:
        return len(self._host)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one item as a network sees it: (C, H, W) or (D,)."""
        size = tuple(self._host.shape[1:])
        return (size[2], size[0], size[1]) if self.is_image else size

    def images(self, indices: Any) -> Tensor:
        """Normalised, un-augmented items, (B, C, H, W) in channels-last memory or (B, D), float32."""
        batch = self._gather(indices)
        return self._normalise(batch) if self.is_image else batch

    def augmented(self, indices: Tensor, dy: Tensor, dx: Tensor, flip: Tensor) -> Tensor:
        """Normalised items, each shifted by its own crop (0 ≤ dy, dx ≤ 2·crop_pad) and flipped where `flip` is true."""
        if not self.is_image or not (self.transforms.crop_pad or self.transforms.flip):
            return self.images(indices)
        # black before normalisation, as padding a PIL image does
        return self._normalise(moved(self._gather(indices), dy, dx, flip, self.transforms.crop_pad, 0))

    def prefetch(self, indices: Any) -> None:
        """Begins to read what will be asked for next, beside whatever computes now; nothing to do where all is resident."""
        if self._reader is not None and len(indices):
            there = _on_host(indices)
            self._ahead.append((there, self._reader.submit(self._host.__getitem__, there)))

    def pixels(self, indices: Any) -> Tensor:
        """The images as they were read, uint8 (B, H, W, C)."""
        return self._gather(indices)

    def _gather(self, indices: Any) -> Tensor:
        if self._items is None:
            return torch.from_numpy(self._read(_on_host(indices))).to(self.device)
        if isinstance(indices, Tensor):
            return self._items[indices.to(self.device, torch.int64)]
        return self._items[torch.tensor(np.asarray(indices), dtype=torch.int64, device=self.device)]

    def _read(self, indices: np.ndarray) -> np.ndarray:
        for n, (there, reading) in enumerate(self._ahead):
            if np.array_equal(there, indices):
                del self._ahead[n]
                return reading.result()
        return self._host[indices]

    def _normalise(self, batch_NHWC: Tensor) -> Tensor:
        return (batch_NHWC * self._scale + self._shift).permute(0, 3, 1, 2)


def _on_host(indices: Any) -> np.ndarray:
    return indices.cpu().numpy() if isinstance(indices, Tensor) else np.asarray(indices, np.int64)
