"""Out of memory: chunks are halved, activations recomputed, batches split; a budget of items plays the device's memory."""

import logging
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from altool.core.errors import RunFailed
from altool.core.streams import init_scope
from altool.learners import train as training
from altool.learners.memory import Frugality
from altool.learners.recompute import blocks, recomputing
from altool.models.dropout import seed_dropout
from altool.models.resnet import BasicBlock, ResNet
from altool.strategies._perturbation import Perturbation
from altool.strategies._vat import VAT


def small_resnet(shape: Any = (2, 8, 8), n_classes: int = 3, dropout: float = 0.3) -> ResNet:
    with init_scope(0, "net"):
        return ResNet(shape, n_classes, blocks=(1, 1), width=4, dropout=dropout)


class Device:
    """Raises OutOfMemoryError for forward passes of more than `room` items, twice as many where activations are not kept."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int):
        self.room, self.sizes = room, []
        real = ResNet.forward

        def forward(net: ResNet, x: torch.Tensor) -> Any:
            kept = 1 if any("forward" in vars(block) for block in blocks(net)) else 2
            self.sizes.append(len(x))
            if len(x) * (kept if net.training else 1) > self.room:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore")
            return real(net, x)

        monkeypatch.setattr(ResNet, "forward", forward)


@pytest.fixture
def learner(make_learner: Any) -> Any:
    return replace(make_learner(epochs=2, batch_size=8, eval_batch=16), make_model=small_resnet)


def state_of(fitted: Any) -> dict[str, torch.Tensor]:
    return fitted.model.state_dict()


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_recomputing_is_exact_and_moves_statistics_once() -> None:
    x = torch.randn((6, 2, 8, 8), generator=torch.Generator().manual_seed(0))
    states, gradients = [], []
    for recompute in (False, True):
        net = small_resnet()
        generator = torch.Generator().manual_seed(1)
        seed_dropout(net, generator)
        with recomputing(net) if recompute else nullcontext():
            net(x).logits.square().sum().backward()
        states.append({**net.state_dict(), "generator": generator.get_state()})
        gradients.append({name: p.grad for name, p in net.named_parameters()})
        assert not any("forward" in vars(module) for module in net.modules())
    assert equal(states[0], states[1])
    assert equal(gradients[0], gradients[1])
    assert states[1]["stages.0.0.bn1.num_batches_tracked"] == 1


def test_recomputing_keeps_fewer_activations() -> None:
    x = torch.randn((6, 2, 8, 8), generator=torch.Generator().manual_seed(0))
    n_bytes = []
    for recompute in (False, True):
        net, kept = small_resnet(dropout=0.0), []
        hooks = torch.autograd.graph.saved_tensors_hooks(
            lambda t, k=kept: (k.append(t.nbytes), t)[1], lambda t: t
        )
        with hooks, recomputing(net) if recompute else nullcontext():
            net(x)
        n_bytes.append(sum(kept))
    assert n_bytes[1] < n_bytes[0] / 2


def test_blocks_are_the_residual_blocks() -> None:
    with torch.device("meta"):
        net = ResNet((3, 32, 32), 10, (3, 4, 6, 3))
    found = list(blocks(net))
    assert len(found) == 16 and all(isinstance(block, BasicBlock) for block in found)
    assert list(blocks(nn.Linear(2, 2))) == []


def test_a_fit_that_only_recomputes_is_the_same_fit(
    images: Any,
    make_request: Any,
    learner: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    request = make_request(images, n=20)
    plain = learner.fit(request, None)
    Device(monkeypatch, room=8)
    with caplog.at_level(logging.WARNING, "altool"):
        frugal = learner.fit(request, None)
    assert frugal.micro_batch is None
    assert equal(state_of(plain), state_of(frugal))
    assert [r.getMessage() for r in caplog.records] == [
        "out of memory in training; beginning the fit again: activations are computed twice, results stay the same"
    ]


def test_batches_are_split_only_then_and_it_is_said(
    images: Any,
    make_request: Any,
    learner: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    request = make_request(images, n=20)
    device = Device(monkeypatch, room=2)
    with caplog.at_level(logging.WARNING, "altool"):
        fitted = learner.fit(request, None)
    assert fitted.micro_batch == 2
    assert device.sizes[:3] == [8, 8, 4] and set(device.sizes[3:]) == {2}
    assert "2 items at a time: batch norm" in caplog.records[-1].getMessage()
    Device(monkeypatch, room=1)
    with pytest.raises(RunFailed, match=r"out of memory with 2 items at a time \(CUDA out of memory"):
        learner.fit(request, None)


@pytest.mark.parametrize("size", [2, 3, 5, 8])
def test_split_batches_add_up_to_the_whole_gradient(
    images: Any, make_request: Any, make_learner: Any, size: int
) -> None:
    """Without batch norm and dropout nothing compares items, so the sum of the parts is the whole."""
    learner = make_learner("cnn_without_dropout", epochs=1, batch_size=8)
    request = make_request(images, n=8)
    jobs = [learner.prepare(request, None, "fp32", Frugality(micro_batch=m)) for m in (None, size)]
    losses = [training.step(job, 0, 0, next(job.plan.batches(0))) for job in jobs]
    assert losses[1] == pytest.approx(losses[0].item(), rel=1e-5)
    for a, b in zip(jobs[0].model.parameters(), jobs[1].model.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("size", [2, 4])
def test_vat_draws_once_for_all_parts_of_a_batch(
    images: Any, make_request: Any, make_learner: Any, size: int
) -> None:
    """Parts see their shares of the same unlabelled images and directions, so that they add up here too."""
    learner = make_learner("cnn_without_dropout", epochs=1, batch_size=8)
    request = make_request(images, n=16)
    vat = VAT(Perturbation(iterations=1), batch_size=16)
    jobs = [learner.prepare(request, vat, "fp32", Frugality(micro_batch=m)) for m in (None, size)]
    for number in range(2):
        batches = [list(job.plan.batches(0))[number] for job in jobs]
        losses = [training.step(job, 0, number, batch) for job, batch in zip(jobs, batches, strict=True)]
        assert losses[1] == pytest.approx(losses[0].item(), rel=1e-4)
    for a, b in zip(jobs[0].model.parameters(), jobs[1].model.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)
    unlabelled = [job.extension.unlabelled.tolist() for job in jobs]
    assert unlabelled[0] == unlabelled[1] and len(unlabelled[0]) == 8  # what 16 left of 24


@pytest.mark.parametrize(
    ("n", "size", "sizes"), [(8, None, [8]), (8, 4, [4, 4]), (9, 4, [3, 3, 3]), (3, 2, [3]), (5, 2, [3, 2])]
)
def test_parts_of_a_batch(
    images: Any, make_request: Any, make_learner: Any, n: int, size: int | None, sizes: list[int]
) -> None:
    plan = make_learner(epochs=1, batch_size=n).prepare(make_request(images, n=n), None, "fp32").plan
    batch = next(plan.batches(0))
    parts = batch.split(size)
    assert [len(part) for part in parts] == sizes
    assert torch.equal(torch.cat([part.positions for part in parts]), batch.positions)
    assert torch.equal(torch.cat([part.flip for part in parts]), batch.flip)


def test_scoring_chunks_are_halved_and_stay_halved(
    images: Any, make_request: Any, learner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = make_request(images, n=10)
    fitted = learner.fit(request, None)
    wants = ["logits", "embedding", "taps", "mc_logits"]
    whole = fitted.probe(request.unlabelled, wants, draws=2)
    device = Device(monkeypatch, room=5)
    halved = fitted.probe(request.unlabelled, wants, draws=2)
    assert device.sizes[:2] == [16, 8] and max(device.sizes[2:]) == 4
    for key, values in whole.items():
        assert torch.allclose(halved[key], values, atol=1e-5), key
    device.sizes.clear()
    assert torch.allclose(fitted.predict(images, request.unlabelled), whole["logits"], atol=1e-5)
    assert max(device.sizes) == 4
    device.room = 0
    with pytest.raises(torch.OutOfMemoryError):
        fitted.predict(images, request.unlabelled)
