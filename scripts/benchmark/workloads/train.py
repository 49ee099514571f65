"""Training of ResNet-18 with the loss prediction head, batch 128, crops and flips: two steps.

Reference: pictures decoded one by one in the main thread (PIL, torchvision), NCHW, fp32, two optimisers that step tensor by
tensor, gradients set to zero rather than freed (performance.md 3, items 5, 6 and 8).
"""

from functools import partial

import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision import transforms

from altool.data.store import Store
from altool.learners.train import train
from altool.models.loss_net import LossNet
from altool.strategies._loss_prediction import LossPrediction
from benchmark.compared import Ours, Part, Settings, Workload
from benchmark.scene import (
    CIFAR,
    MEAN,
    STD,
    STREAMS,
    Pictures,
    labels_of,
    learner_of,
    not_fused,
    random_images,
    released_network,
    request_of,
)

STEPS = 2


def workload(settings: Settings, steps: int = STEPS) -> Workload:
    batch = settings.size(128, 4)
    n = steps * batch
    images, labels = random_images(n), labels_of(n, 10)
    learner = learner_of(
        "learner=resnet18",
        "dataset=cifar10",
        f"learner.model.width={settings.size(64, 4)}",
        epochs=1,
        batch_size=batch,
    )
    request = request_of(Store(images, CIFAR, "cpu"), n, 10)
    jobs = {
        precision: learner.prepare(request, LossPrediction(), precision) for precision in ("fp32", "bf16")
    }
    with STREAMS.init("backbone"):
        model = learner.make_model((3, 32, 32), 10)
        net, ranker = released_network(model).train(), LossNet(model.tap_channels)
    optimisers = [not_fused(part.parameters(), 0.1) for part in (net, ranker)]
    transform = transforms.Compose(
        [
            transforms.RandomHorizontalFlip(),
            transforms.RandomCrop(32, padding=4),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    loader = DataLoader(Pictures(images, labels, transform), batch, shuffle=True)

    def reference() -> None:
        for pictures, classes in loader:
            for optimiser in optimisers:
                optimiser.zero_grad(set_to_none=False)
            output = net(pictures)
            losses = F.cross_entropy(output.logits, classes, reduction="none")
            predicted, known = ranker(output.taps), losses.detach()
            ahead = (predicted - predicted.flip(0))[: batch // 2]
            higher = ((known - known.flip(0))[: batch // 2] > 0).float()
            (losses.mean() + F.binary_cross_entropy_with_logits(ahead, higher)).backward()
            for optimiser in optimisers:
                optimiser.step()

    return Workload(
        reference=[Part(reference)],
        ours=[
            Ours(
                f"ResNet-18 training with loader and Ranker, {precision}",
                must,
                aim,
                [Part(partial(train, jobs[precision], lambda report: None))],
                precision,
            )
            for precision, must, aim in (("fp32", 1.15, 1.25), ("bf16", 2.2, 2.6))
        ],
        note=f"{n} images",
    )
