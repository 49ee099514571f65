"""Frozen features: what they are, computed once, streamed or resident."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from altool.core.errors import UserError
from altool.data import features as module
from altool.data.features import embedded
from altool.data.prepare import prepare
from altool.data.reading import Reading
from altool.data.spec import DatasetSpec, ImbalanceSpec
from altool.data.task import Task
from altool.models.backbone import BACKBONES, make_backbone


def digits(root: Path, **keys: Any) -> tuple[Task, Reading]:
    spec = DatasetSpec("digits", "digits", test=0.2, val=30, mean=(0.0,), std=(1.0,), flip=True)
    reading = Reading(root, quiet=True, **keys)
    return prepare(spec, ImbalanceSpec(), 0, "cpu", reading), reading


def test_pixels_are_standardised_over_the_training_images(tmp_path: Path) -> None:
    task, reading = digits(tmp_path)
    found = embedded(task, "pixels", reading)
    raw = task.store.pixels(range(len(task.store))).numpy().reshape(len(task.store), 64) / 255
    std = np.where(raw.std(0) > 1e-6, raw.std(0), 1)
    got = found.store.images(range(len(raw))).numpy()
    assert got == pytest.approx((raw - raw.mean(0)) / std, abs=1e-4)
    test_raw = task.test.store.pixels(task.test.indices).numpy().reshape(-1, 64) / 255
    assert found.test.store.images(task.test.indices).numpy() == pytest.approx(
        (test_raw - raw.mean(0)) / std, abs=1e-4
    )
    assert found.val is not None and found.val.store is found.store
    assert (found.store.is_image, found.store.shape, found.oracle) == (False, (64,), task.oracle)
    assert found.digest != task.digest


@pytest.mark.parametrize("gib", [0.0, 1.0])
def test_they_are_computed_once_and_are_the_same_streamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gib: float
) -> None:
    task, reading = digits(tmp_path)
    first = embedded(task, "random_resnet", reading).store.images([5, 3])
    module._stores.cache_clear()
    monkeypatch.setattr(module, "make_backbone", lambda name: pytest.fail("computed again"))
    again, reading = digits(tmp_path, memory_gib=gib)
    found = embedded(again, "random_resnet", reading)
    assert torch.equal(found.store.images([5, 3]), first)
    assert first.shape == (2, 960)
    assert (found.store._items is None) == (gib == 0)


def test_a_damaged_file_is_computed_again(tmp_path: Path) -> None:
    task, reading = digits(tmp_path)
    before = embedded(task, "pixels", reading).store.images([0])
    (file,) = tmp_path.rglob("train.f32")
    file.write_bytes(file.read_bytes()[:-4])
    module._stores.cache_clear()
    assert torch.equal(embedded(task, "pixels", reading).store.images([0]), before)


def test_large_pixels_are_averaged_and_grey_is_taken_for_three_channels() -> None:
    images = torch.rand((2, 1, 40, 64), generator=torch.Generator().manual_seed(0))
    averaged = F.interpolate(images, (16, 16), mode="area").flatten(1)
    assert torch.allclose(make_backbone("pixels")(images), averaged, atol=1e-6)
    net = make_backbone("random_resnet")
    assert torch.equal(net(images), net(images.expand(-1, 3, -1, -1)))
    assert torch.equal(net(images), make_backbone("random_resnet")(images)), "the same net every time"
    assert not net.training and not any(p.requires_grad for p in net.parameters())


def test_points_and_unknown_backbones(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"learner\.backbone=resnet: did you mean random_resnet\?|known"):
        make_backbone("resnet")
    assert BACKBONES == ("pixels", "random_resnet", "imagenet")
    spec = DatasetSpec("moons", "moons", test=0.2, noise=0.1)
    task = prepare(spec, ImbalanceSpec(), 0, "cpu", tmp_path)
    with pytest.raises(UserError, match="for points type learner=mlp"):
        embedded(task, "pixels", Reading(tmp_path))
