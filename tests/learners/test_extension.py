"""What a strategy may add to training: hooks in order, gradients stopped where asked, added samples, rates shared."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from altool.core.strategy import Extension, ExtensionRun
from altool.learners.train import step, train
from altool.strategies._loss_prediction import LossPrediction


class Recorder(Extension, ExtensionRun):
    """Notes every hook with the learner's first weight at that time; trains a number of its own beside the model."""

    def __init__(self):
        self.calls: list[tuple] = []
        self.seen: list[tuple[float, float]] = []
        self.own = nn.Linear(1, 1, bias=False)
        self.apart = nn.Linear(1, 1)

    def begin(self, training):
        self.training, self.model = training, training.model
        self.calls.append(("begin",))
        return self

    def weight(self) -> float:
        return self.model.get_parameter("head.weight")[0, 0].item()

    def optimised(self) -> dict[str, nn.Module]:
        return {"own": self.own}

    def networks(self) -> dict[str, nn.Module]:
        return {"own": self.own, "apart": self.apart}

    def optimised_now(self, epoch):
        self.calls.append(("optimised_now", epoch))
        return epoch == 0

    def loss(self, step):
        assert self.model.training and self.own.training and self.apart.training
        assert step.losses_B.requires_grad and step.losses_B.shape == step.labels_B.shape == (
            len(step.images),
        )
        torch.testing.assert_close(self.model(step.images).logits, step.output.logits)
        self.calls.append(("loss", step.epoch, step.step))
        self.before = self.weight()
        return self.own.weight.square().sum()

    def after_step(self, step):
        self.calls.append(("after_step", step.epoch, step.step))
        self.seen.append((self.before, self.weight()))


def test_hooks_come_in_order_around_the_update(points, make_request, make_learner):
    recorder, request = Recorder(), make_request(points, n=8)
    own_before = recorder.own.weight.item()
    job = make_learner(epochs=2, batch_size=4, momentum=0.0).prepare(request, recorder, "fp32")
    assert recorder.calls == [("begin",)]
    owns: list[float] = []
    train(job, lambda report: owns.append(recorder.own.weight.item()))
    expected = [
        (hook, *at)
        for epoch, number in ((0, 0), (0, 1), (1, 2), (1, 3))
        for hook, at in (
            ("loss", (epoch, number)),
            ("optimised_now", (epoch,)),
            ("after_step", (epoch, number)),
        )
    ]
    assert recorder.calls[1:] == expected
    assert all(before != after for before, after in recorder.seen)
    assert all(now[1] == later[0] for now, later in itertools.pairwise(recorder.seen))
    assert owns == pytest.approx([own_before * (1 - 2 * 0.1) ** 2] * 2)  # w ← w − 0.1·2w, twice, then frozen


def test_begin_sees_the_fit(points, make_request, make_learner):
    recorder, request = Recorder(), make_request(points, n=9)
    make_learner(epochs=3, batch_size=4).prepare(request, recorder, "fp32")
    seen = recorder.training
    assert (seen.epochs, seen.steps_per_epoch, seen.n_classes, seen.input_shape) == (3, 2, 3, (3,))
    assert (seen.labelled == request.labelled).all() and (seen.labels == request.labelled % 3).all()
    assert (seen.unlabelled == request.unlabelled).all() and (seen.candidates == request.candidates).all()
    assert torch.equal(seen.images(request.unlabelled[:2]), points.images(request.unlabelled[:2]))


def test_the_extensions_networks_share_rate_and_schedule(points, make_request, make_learner):
    learner = make_learner(epochs=5, lr=0.5, schedule="step", milestones=(0.4, 0.8), weight_decay=0.01)
    job = learner.prepare(make_request(points), LossPrediction(width=4), "fp32")
    rates: list[list[float]] = []
    train(job, lambda report: rates.append([o.lr for o in (job.optimiser, *job.beside)]))
    assert rates == [pytest.approx([lr, lr]) for lr in (0.5, 0.5, 0.05, 0.05, 0.005)]
    assert job.beside[0].weight_decay == 0.01
    assert job.beside[0].momentum == 0.9


def test_a_rate_that_changes_every_step_arrives_at_every_step(points, make_request, make_learner):
    seen: list[float] = []
    recorder = Recorder()
    recorder.after_step = lambda step: seen.append(job.optimiser.lr)
    learner = make_learner(epochs=2, batch_size=2, lr=0.5, schedule="one_cycle")
    job = learner.prepare(make_request(points, n=10), recorder, "fp32")
    train(job, lambda report: None)
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
    torchs = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.5, total_steps=10, cycle_momentum=False)
    expected = [optimiser.param_groups[0]["lr"]]
    for _ in range(9):
        optimiser.step()
        torchs.step()
        expected.append(optimiser.param_groups[0]["lr"])
    assert seen == pytest.approx(expected)


FAR = torch.full((1, 3), 50.0)


class Twins(Extension):
    """Nine copies of one far-away point, all of one class."""

    def __init__(self, label: int):
        self.label = label

    def begin(self, training):
        run = ExtensionRun()
        run.extra_samples = lambda: (FAR.repeat(9, 1), torch.full((9,), self.label))
        return run


def test_extra_samples_are_trained_on(points, make_request, make_learner):
    learner, request = make_learner(epochs=5), make_request(points, n=10)
    unlikely = int(learner.fit(request, None).logits(FAR).argmin())
    job = learner.prepare(request, Twins(unlikely), "fp32")
    assert len(job.items) == job.plan.positions.shape[1] == 19
    assert int(learner.fit(request, Twins(unlikely)).logits(FAR).argmax()) == unlikely


def backbone_gradients(job, epoch: int) -> dict[str, torch.Tensor]:
    step(job, epoch, 0, next(job.plan.batches(0)))
    return {name: p.grad.clone() for name, p in job.model.named_parameters() if not name.startswith("head")}


def test_detached_taps_stop_the_heads_gradient_but_not_its_learning(images, make_request, make_learner):
    """Of 10 epochs, the released rule detaches from index 0.6 · 10 + 1 on (facts.md T4)."""
    learner, request = make_learner("cnn_without_dropout", epochs=10, lr=1e-30), make_request(images)
    alone = backbone_gradients(learner.prepare(request, None, "fp32"), 0)
    job = learner.prepare(request, LossPrediction(width=4, detach_after=0.6), "fp32")
    moved = []
    for epoch in range(10):
        gradients = backbone_gradients(job, epoch)
        moved.append(any(not torch.allclose(gradients[name], alone[name], atol=1e-7) for name in alone))
        weight = job.extension.networks()["loss_net"].get_parameter("head.weight")
        assert weight.grad is not None and weight.grad.any()
    assert moved == [True] * 7 + [False] * 3


def test_a_frozen_head_stands_still_while_its_loss_still_moves_the_model(images, make_request, make_learner):
    """P1 Algorithm 1: of 5 epochs the head learns in the first 0.8 · 5."""
    learner, request = make_learner("cnn_without_dropout", epochs=5), make_request(images)
    extension = LossPrediction(width=4, detach_after=None, freeze_after=0.8)
    job = learner.prepare(request, extension, "fp32")
    head = job.extension.networks()["loss_net"]
    states = [torch.cat([p.flatten() for p in head.parameters()]).detach().clone()]
    train(
        job,
        lambda report: states.append(torch.cat([p.flatten() for p in head.parameters()]).detach().clone()),
    )
    changed = [not torch.equal(a, b) for a, b in itertools.pairwise(states)]
    assert changed == [True] * 4 + [False]
    with_head = backbone_gradients(job, 4)
    job.extension = ExtensionRun()
    alone = backbone_gradients(job, 4)
    assert not any(torch.allclose(with_head[n], alone[n], atol=1e-7) for n in alone if n.endswith("weight"))


def test_an_added_head_shifts_neither_weights_nor_order_nor_dropout(images, make_request, make_learner):
    """With weight 0 the head changes nothing at all, so that comparisons stay paired."""
    learner, request = make_learner("cnn", epochs=3), make_request(images)
    begun = [learner.prepare(request, e, "fp32").model.state_dict() for e in (None, LossPrediction(width=4))]
    assert all(torch.equal(begun[0][name], begun[1][name]) for name in begun[0])
    plain = learner.fit(request, None).model.state_dict()
    beside = learner.fit(request, LossPrediction(width=4, weight=0.0)).model.state_dict()
    weighted = learner.fit(request, LossPrediction(width=4, weight=1.0)).model.state_dict()
    assert all(torch.equal(plain[name], beside[name]) for name in plain)
    assert not np.allclose(plain["head.weight"], weighted["head.weight"], atol=1e-4)
