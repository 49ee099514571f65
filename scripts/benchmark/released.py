"""TA-VAAL's released code itself beside the benchmark's loop and altool: is that loop a fair reference?

    git clone https://github.com/cubeyoung/TA-VAAL FOLDER
    python scripts/bench.py --only released --released FOLDER

Its modules are imported from the folder as they are and made to run without a GPU: `.cuda` gives back what it is called
on. The numbers of items and passes, constants of its modules, are set; pictures go through torchvision's CIFAR10 as there.
"""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import CIFAR10

from altool.core.errors import UserError
from benchmark.compared import Ours, Part, Settings, Workload
from benchmark.scene import MEAN, STD, labels_of, not_fused, random_images
from benchmark.workloads import train, vae

BATCH, STEPS, ITERATIONS = 128, 4, 2
FAIR = 0.95  # the benchmark's loop may be faster than the released code, hardly slower


class Pictures(CIFAR10):
    """Random bytes, from no disk."""

    def __init__(self, n: int, transform: Any, numbered: bool):
        self.data, self.targets = random_images(n), labels_of(n, 10).tolist()
        self.transform, self.target_transform, self.numbered = transform, None, numbered

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return (*super().__getitem__(index), index) if self.numbered else super().__getitem__(index)


@contextmanager
def without_gpu() -> Iterator[None]:
    """Inside, nothing is put on a GPU, and nothing printed."""
    with (
        patch.multiple(torch.Tensor, cuda=lambda self: self),
        patch.multiple(nn.Module, cuda=lambda self: self),
        patch.object(torch.cuda, "device", nullcontext),
        redirect_stdout(io.StringIO()),
        redirect_stderr(io.StringIO()),
    ):
        yield


def workloads(folder: Path, settings: Settings) -> list[Workload]:
    """An epoch of training, and an iteration of the game. Raises UserError where the folder lacks what is needed."""
    sys.path.insert(0, str(folder))
    try:
        names = ("train_test", "selection_methods", "models.resnet", "models.query_models")
        training, selection, resnet, networks = (import_module(name) for name in names)
    except ImportError as error:
        raise UserError(
            f"--released {folder}: {error}. It takes a clone of TA-VAAL's code, and tqdm."
        ) from error
    finally:
        sys.path.remove(str(folder))
    still = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    moved = [transforms.RandomHorizontalFlip(), transforms.RandomCrop(32, padding=4), *still]
    moving = DataLoader(Pictures(STEPS * BATCH, transforms.Compose(moved), False), BATCH, shuffle=True)
    halves = [DataLoader(Pictures(2 * BATCH, transforms.Compose(still), True), BATCH) for _ in range(2)]
    task = {"backbone": resnet.ResNet18(num_classes=10), "module": networks.LossNet()}
    game = {"vae": networks.VAE(), "discriminator": networks.Discriminator(32)}
    sgd = {name: not_fused(net.parameters(), 0.1) for name, net in task.items()}
    adam = {name: torch.optim.Adam(net.parameters(), 5e-4, foreach=False) for name, net in game.items()}

    def epoch() -> None:
        with without_gpu():
            each = nn.CrossEntropyLoss(reduction="none")
            training.train_epoch(task, "TA-VAAL", each, sgd, {"train": moving}, 0, 120)

    def iterations(n: int) -> None:
        with without_gpu(), patch.multiple(selection, ADDENDUM=0, SUBSET=BATCH, BATCH=BATCH, EPOCHV=n):
            selection.train_vaal({**task, **game}, adam, *halves, 0)

    # the first iteration asks no ranks, and is taken off
    more, first = (
        Part(lambda: iterations(1 + ITERATIONS), 1 / ITERATIONS),
        Part(lambda: iterations(1), -1 / ITERATIONS),
    )
    built = train.workload(settings, STEPS), vae.workload(settings)
    return [_beside([Part(epoch)], built[0]), _beside([more, first], built[1])]


def _beside(released: list[Part], built: Workload) -> Workload:
    loop = Ours(f"released code over the loop of: {built.ours[0].row}", FAIR, 1.0, built.reference)
    own = [Ours(f"released code over: {o.row}", o.must, o.aim, o.parts, o.precision) for o in built.ours]
    return Workload(released, [loop, *own], note=f"the code itself; {built.note}")
