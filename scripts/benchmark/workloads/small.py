"""A whole fit of the small learners: digits (altool's default), moons (P1's perceptron), MNIST-sized images (P3's CNN).

Reference: a plain loop over a DataLoader of pictures with torchvision's transforms, or of a TensorDataset of points.
Both sides have as many threads as the learner's YAML gives it: one where a net is too small to share.
"""

from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits, make_moons
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision import transforms

from altool.data.store import Store, Transforms
from altool.models.dropout import seed_dropout
from benchmark.compared import Ours, Part, Settings, Workload
from benchmark.scene import STREAMS, Pictures, learner_of, random_images, request_of, threads_of

MOST_STEPS = 50


def digits(settings: Settings) -> Workload:
    levels = np.asarray(load_digits().data)[:60]  # type: ignore[attr-defined]
    images = np.rint(levels * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
    return _workload("dataset=digits", images, ((0.0,), (1.0,)), 10, settings)


def moons(settings: Settings) -> Workload:
    points = np.asarray(make_moons(100, noise=0.1, random_state=0)[0], np.float32)
    return _workload("dataset=moons", points, ((), ()), 2, settings)


def mnist(settings: Settings) -> Workload:
    return _workload("dataset=mnist", random_images(200, 28, 1), ((0.1307,), (0.3081,)), 10, settings)


def _workload(
    dataset: str,
    items: np.ndarray,
    scale: tuple[tuple[float, ...], tuple[float, ...]],
    n_classes: int,
    settings: Settings,
) -> Workload:
    full, threads = learner_of(dataset), threads_of(dataset)
    n_steps = full.epochs_for(len(items)) * -(-len(items) // full.batch_size)
    epochs = 2 if settings.tiny else max(2, full.epochs_for(len(items)) * min(MOST_STEPS, n_steps) // n_steps)
    learner = learner_of(dataset, epochs=epochs, min_steps=0)
    store = Store(items, Transforms(*scale), "cpu")
    request = request_of(store, len(items), n_classes)
    data: Dataset[tuple[torch.Tensor, ...]]
    if store.is_image:
        transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(*scale)])
        data = Pictures(items, request.labels, transform)  # type: ignore[assignment]
    else:
        data = TensorDataset(torch.from_numpy(items), torch.from_numpy(request.labels))
    loader = DataLoader(data, learner.batch_size, shuffle=True)

    def reference() -> None:
        with STREAMS.init("backbone"):
            net = learner.make_model(store.shape, n_classes).train()
        seed_dropout(net, STREAMS.torch("dropout"))
        if learner.optimiser == "adam":
            optimiser: torch.optim.Optimizer = torch.optim.Adam(
                net.parameters(), lr=learner.lr, weight_decay=learner.weight_decay, foreach=False
            )
        else:
            optimiser = torch.optim.SGD(
                net.parameters(),
                lr=learner.lr,
                momentum=learner.momentum,
                weight_decay=learner.weight_decay,
                foreach=False,
            )
        for _ in range(epochs):
            for batch, classes in loader:
                optimiser.zero_grad()
                F.cross_entropy(net(batch).logits, classes).backward()
                optimiser.step()

    return Workload(
        reference=[Part(reference)],
        ours=[
            Ours(
                f"small learner: {learner.name} on {dataset.removeprefix('dataset=')}, {precision}",
                3,
                10,
                [Part(partial(learner.fit, request, None, precision=precision))],
                precision,
            )
            for precision in ("fp32", "bf16")
        ],
        note=f"{len(items)} labels, {epochs} epochs, {threads} thread{'s' * (threads > 1)}",
        threads=threads,
    )
