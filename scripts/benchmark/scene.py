"""What altool's side works on: real learners from their YAML files, stores of random bytes (never zeros), contexts."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import Dataset

from altool.config.build import build_learner
from altool.config.load import load
from altool.config.words import parse
from altool.core.strategy import Context, Diagnostics, ExtensionRun, Strategy
from altool.core.streams import Streams, stream
from altool.data.store import Store, Transforms
from altool.engine.query import make_context
from altool.learners.fitted import FittedModel
from altool.learners.learner import FitRequest, Learner
from altool.models.first_conv import FirstConv2d

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
CIFAR = Transforms(MEAN, STD, crop_pad=4, flip=True)
STREAMS = Streams(0, 1)


def learner_of(*words: str, **changes: Any) -> Learner:
    """The learner that the words of `altool run` mean."""
    return replace(build_learner(load(parse([*words, "device=cpu"]))[0]), **changes)


def threads_of(*words: str) -> int:
    """The threads that `altool run` with these words takes on a processor."""
    return load(parse([*words, "device=cpu"]))[0].threads


def random_images(n: int, side: int = 32, channels: int = 3) -> np.ndarray:
    """uint8 (n, side, side, channels)."""
    return stream(0, "benchmark", "images").integers(1, 256, (n, side, side, channels), dtype=np.uint8)


def labels_of(n: int, n_classes: int) -> np.ndarray:
    return stream(0, "benchmark", "labels").integers(0, n_classes, n)


def features_of(n: int, d: int) -> Tensor:
    """What a ReLU net's penultimate layer gives: non-negative, ten clusters, radii that differ, (n, d) float32."""
    rng = stream(0, "benchmark", "features")
    middles = rng.normal(size=(10, d)).astype(np.float32)
    noise = rng.standard_normal((n, d), dtype=np.float32)
    radius = np.exp(0.3 * rng.standard_normal((n, 1), dtype=np.float32))
    return torch.from_numpy(np.maximum((middles[rng.integers(0, 10, n)] + noise) * radius, 0))


class Pictures(Dataset[tuple[Tensor, int]]):
    """Decoded and transformed one by one, as torchvision's datasets do."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, transform: Callable[[Any], Tensor]):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        pixels = self.images[index]
        picture = Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0])
        return self.transform(picture), int(self.labels[index])


def untrained(learner: Learner, store: Store, n_classes: int, precision: str = "fp32") -> FittedModel:
    """A model with its initial weights: as fast as a trained one."""
    with STREAMS.init("backbone"):
        model = learner.make_model(store.shape, n_classes)
    if store.is_image:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return FittedModel(model, ExtensionRun(), store, STREAMS, precision, learner.eval_batch)


def request_of(store: Store, n_labelled: int, n_classes: int, n_candidates: int | None = None) -> FitRequest:
    """The first items are labelled, the next ones candidates."""
    unlabelled = np.arange(n_labelled, len(store))
    return FitRequest(
        store=store,
        labelled=np.arange(n_labelled),
        labels=labels_of(n_labelled, n_classes),
        unlabelled=unlabelled,
        candidates=unlabelled[:n_candidates],
        n_classes=n_classes,
        streams=STREAMS,
    )


def context_of(
    strategy: Strategy, fitted: FittedModel, request: FitRequest, precision: str = "fp32", chunk: int = 512
) -> Context:
    return make_context(
        strategy, fitted, request, STREAMS, precision, chunk, Diagnostics(), lambda done, of: None
    )


def feature_context(features_P_D: Tensor, n_labelled: int, strategy: Strategy) -> Context:
    """One in which the model's embedding is known beforehand: the first items are labelled, all others candidates."""
    points = np.zeros((len(features_P_D), 1), np.float32)
    store = Store(points, Transforms(), "cpu")
    fitted = untrained(learner_of("learner=mlp", "dataset=moons"), store, 2)
    context = context_of(strategy, fitted, request_of(store, n_labelled, 2))
    return replace(
        context, probe=lambda indices, wants: {"embedding": features_P_D[torch.from_numpy(indices.copy())]}
    )


def not_fused(parameters: Any, lr: float) -> torch.optim.SGD:
    """One tensor after the other, as torch had it when the released code was written."""
    return torch.optim.SGD(parameters, lr=lr, momentum=0.9, weight_decay=5e-4, foreach=False)


def released_network(net: nn.Module) -> nn.Module:
    """A copy in NCHW, all parameters asking for gradients, and torch's own gradients by pictures."""
    net = deepcopy(net).requires_grad_(True)
    for module in net.modules():
        if isinstance(module, FirstConv2d):
            module.short_way = False
    return net.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
