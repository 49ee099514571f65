"""The learner's step against a plain loop: torch's SGD, NCHW, from equal weights on equal batches (performance.md 5.5)."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from altool.core.streams import Streams
from altool.data.store import Store, Transforms
from altool.learners.learner import FitRequest, Learner
from altool.learners.train import step
from altool.models.resnet import ResNet
from altool.strategies._loss_prediction import LossPrediction

N, BATCH = 20, 4


@pytest.mark.parametrize(("steps", "tolerance"), [(1, 1e-5), (5, 1e-3)])
def test_steps_are_those_of_a_plain_loop(steps: int, tolerance: float) -> None:
    rng = np.random.default_rng(0)
    store = Store(
        rng.integers(0, 256, (N, 16, 16, 3), dtype=np.uint8),
        Transforms((0.5,) * 3, (0.25,) * 3, 2, True),
        "cpu",
    )
    everyone = np.arange(N)
    request = FitRequest(store, everyone, rng.integers(0, 3, N), everyone[:0], everyone[:0], 3, Streams(1, 0))
    learner = Learner(
        "tiny",
        lambda shape, n: ResNet(shape, n, width=4),
        {},
        *(steps, BATCH, "sgd", 0.05),
        weight_decay=5e-4,
    )
    job = learner.prepare(request, LossPrediction(width=8), "fp32")
    net = copy.deepcopy(job.model).to(memory_format=torch.contiguous_format).train()  # type: ignore[call-overload]
    ranker = copy.deepcopy(job.extension.networks()["loss_net"])
    start = [p.detach().clone() for p in net.parameters()]
    optimisers = [
        torch.optim.SGD(part.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4) for part in (net, ranker)
    ]
    job.model.train()
    batches = [batch for epoch in range(steps) for batch in job.plan.batches(epoch)][:steps]
    for number, batch in enumerate(batches):
        ours = step(job, 0, number, batch).item()
        images, labels = job.items.gather(batch)
        output = net(images.contiguous())
        losses = F.cross_entropy(output.logits, labels, reduction="none")
        said = ranker(output.taps)
        pairs = [(i, BATCH - 1 - i) for i in range(BATCH // 2)]
        ahead = torch.stack([said[i] - said[j] for i, j in pairs])
        higher = torch.tensor([float(losses[i] > losses[j]) for i, j in pairs])
        loss = losses.mean() + F.binary_cross_entropy_with_logits(ahead, higher)
        for optimiser in optimisers:
            optimiser.zero_grad()
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
        if number == 0:
            assert ours == pytest.approx(loss.item(), rel=1e-6)
    way = torch.cat([(b - a).flatten() for a, b in zip(start, net.parameters(), strict=True)])
    apart = torch.cat(
        [(a - b).flatten() for a, b in zip(job.model.parameters(), net.parameters(), strict=True)]
    )
    assert apart.norm() <= tolerance * way.norm()
