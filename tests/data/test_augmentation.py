"""The store's crop and flip against torchvision's, draw by draw."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms
from torchvision.transforms import functional

from altool.data.store import Store, Transforms

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)


def noise_images(n: int, height: int, width: int, channels: int) -> np.ndarray:
    shape = (n, height, width, channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def as_pil(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)


@pytest.mark.parametrize(
    ("height", "width", "channels", "pad"),
    [(32, 32, 3, 4), (32, 32, 3, 2), (28, 28, 1, 4), (12, 20, 3, 3)],
)
def test_every_crop_and_flip_equals_torchvisions(height: int, width: int, channels: int, pad: int) -> None:
    items = noise_images(3, height, width, channels)
    mean, std = MEAN[:channels], STD[:channels]
    store = Store(items, Transforms(mean, std, crop_pad=pad, flip=True), "cpu")
    draws = list(itertools.product(range(2 * pad + 1), range(2 * pad + 1), (False, True)))
    index = torch.arange(len(draws)) % 3
    dy, dx, flip = (torch.tensor(column) for column in zip(*draws, strict=True))
    got = store.augmented(index, dy, dx, flip)
    assert got.shape == (len(draws), channels, height, width)
    for row, (top, left, mirrored) in enumerate(draws):
        image: Any = as_pil(items[row % 3])
        if mirrored:
            image = functional.hflip(image)
        image = functional.crop(functional.pad(image, [pad]), top, left, height, width)
        wanted = functional.normalize(functional.to_tensor(image), list(mean), list(std))
        torch.testing.assert_close(got[row], wanted, rtol=1e-5, atol=2e-6)


def test_torchvisions_own_draws_give_the_same_image() -> None:
    """So offsets uniform on 0 to 2·pad and fair flips make the released pipeline's distribution."""
    items = noise_images(20, 32, 32, 3)
    store = Store(items, Transforms(MEAN, STD, crop_pad=4, flip=True), "cpu")
    pipeline = transforms.Compose(
        [
            transforms.RandomHorizontalFlip(),
            transforms.RandomCrop(32, padding=4),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    with torch.random.fork_rng(devices=[]):
        for i in range(20):
            torch.default_generator.manual_seed(i)
            wanted = pipeline(as_pil(items[i]))
            torch.default_generator.manual_seed(i)
            flip = torch.rand(1) < 0.5
            dy, dx = torch.randint(0, 9, (1,)), torch.randint(0, 9, (1,))
            got = store.augmented(torch.tensor([i]), dy, dx, flip)[0]
            torch.testing.assert_close(got, wanted, rtol=1e-5, atol=2e-6)


def test_the_middle_crop_unflipped_is_the_plain_image() -> None:
    items = noise_images(5, 32, 32, 3)
    store = Store(items, Transforms(MEAN, STD, crop_pad=4, flip=True), "cpu")
    four, never = torch.full((5,), 4), torch.zeros(5, dtype=torch.bool)
    augmented = store.augmented(torch.arange(5), four, four, never)
    assert torch.equal(augmented, store.images(np.arange(5)))


def test_plain_images_are_normalised_as_torchvision_does() -> None:
    items = noise_images(4, 8, 8, 3)
    store = Store(items, Transforms(MEAN, STD), "cpu")
    for row, got in enumerate(store.images([3, 1])):
        wanted = functional.to_tensor(as_pil(items[[3, 1][row]]))
        wanted = functional.normalize(wanted, list(MEAN), list(STD))
        torch.testing.assert_close(got, wanted, rtol=1e-5, atol=2e-6)
    assert store.shape == (3, 8, 8)


def test_points_are_left_alone() -> None:
    points = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    store = Store(points, Transforms(), "cpu")
    assert np.array_equal(store.images([5, 0]).numpy(), points[[5, 0]])
    assert store.shape == (2,)
