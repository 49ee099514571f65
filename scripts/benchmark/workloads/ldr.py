"""LDR's query with five power iterations (P3): virtual adversarial perturbations of all candidates.

Reference: pictures decoded one by one, NCHW, and gradients that go to all parameters, too (performance.md 4.1, item 11).
"""

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision import transforms

from altool.data.store import Store, Transforms
from altool.strategies.ldr import LDR
from benchmark.compared import Ours, Part, Settings, Workload
from benchmark.scene import (
    MEAN,
    STD,
    Pictures,
    context_of,
    labels_of,
    learner_of,
    random_images,
    released_network,
    request_of,
    untrained,
)

POWER_ITERATIONS, XI = 5, 1e-2


def resnet(settings: Settings) -> Workload:
    return _workload(settings, "resnet18", settings.size(64, 4))


def cnn(settings: Settings) -> Workload:
    """P3's own learner."""
    return _workload(settings, "cnn", settings.size(256, 8))


def _workload(settings: Settings, name: str, n: int) -> Workload:
    grey = name == "cnn"
    side, channels = (28, 1) if grey else (32, 3)
    mean, std = ((0.1307,), (0.3081,)) if grey else (MEAN, STD)
    images = random_images(n + 2, side, channels)
    store = Store(images, Transforms(mean, std), "cpu")
    narrow = [f"learner.model.width={settings.size(64, 4)}"] if not grey else []
    learner = learner_of(f"learner={name}", f"dataset={'mnist' if grey else 'cifar10'}", *narrow)
    strategy = LDR(power_iterations=POWER_ITERATIONS)
    context = context_of(
        strategy, untrained(learner, store, 10), request_of(store, 2, 10), chunk=learner.eval_batch
    )
    net = released_network(learner.make_model((channels, side, side), 10)).eval()
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(mean, std)])
    loader = DataLoader(Pictures(images[2:], labels_of(n, 10), transform), 128)
    epsilon = strategy.perturbation.radius(images[0].size)

    def reference() -> None:
        for pictures, _ in loader:
            with torch.no_grad():
                clean = net(pictures).logits.softmax(1)
            direction = _unit(torch.randn(pictures.shape))
            for _ in range(POWER_ITERATIONS):
                r = (XI * direction).requires_grad_(True)
                moved = net(pictures + r).logits.log_softmax(1)
                F.kl_div(moved, clean, reduction="batchmean").backward()
                assert r.grad is not None
                direction = _unit(r.grad)
                net.zero_grad(set_to_none=False)
            with torch.no_grad():
                moved = net(pictures + epsilon * direction).logits.log_softmax(1)
                F.kl_div(moved, clean, reduction="none").sum(1)

    return Workload(
        reference=[Part(reference)],
        ours=[
            Ours(
                f"LDR, {learner.name}", 3, 3.3, [Part(lambda: strategy.score(context, strategy.fit(context)))]
            )
        ],
        note=f"{n} images",
    )


def _unit(batch: torch.Tensor) -> torch.Tensor:
    return batch / batch.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
