"""The training loop: its steps by hand, its reports, and what ends it early."""

import signal

import numpy as np
import pytest
import torch

from altool.core import stop
from altool.core.errors import EXIT_INTERRUPTED, EXIT_STOPPED, RunFailed, Stopped
from altool.core.strategy import Extension, ExtensionRun
from altool.learners.plan import Batch
from altool.learners.train import EpochReport, TrainingItems, train


class Poison(Extension):
    """Adds a loss that is no number from epoch `since` on."""

    def __init__(self, value: float, since: int):
        self.value, self.since = value, since

    def begin(self, training):
        run = ExtensionRun()
        run.loss = lambda step: torch.tensor(self.value if step.epoch >= self.since else 0.0)
        return run


def by_hand(job, weight, bias, lr_of_epoch, momentum, decay):
    """Softmax regression by gradient descent in float64 numpy; mean loss of each epoch, final weights."""
    store, items = job.items.store, job.items
    x_N_D = store.images(items.indices).double().flatten(1).numpy()
    y_N = items.labels.numpy()
    parameters = np.concatenate([weight, bias[:, None]], axis=1).astype(np.float64)
    velocity, losses = np.zeros_like(parameters), []
    for epoch in range(job.plan.epochs):
        of_epoch = []
        for batch in job.plan.batches(epoch):
            at = batch.positions.numpy()
            x_B_D1 = np.concatenate([x_N_D[at], np.ones((len(at), 1))], axis=1)
            scores = x_B_D1 @ parameters.T
            probs_B_C = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
            of_epoch.append(-np.log(probs_B_C[np.arange(len(at)), y_N[at]]).mean())
            error_B_C = probs_B_C - np.eye(len(parameters))[y_N[at]]
            velocity = momentum * velocity + error_B_C.T @ x_B_D1 / len(at) + decay * parameters
            parameters = parameters - lr_of_epoch(epoch) * velocity
        losses.append(np.mean(of_epoch))
    return losses, parameters


def test_epochs_of_sgd_equal_gradient_descent_by_hand(points, make_request, make_learner):
    """Momentum, weight decay, a rate that drops after two of three epochs, a short last batch."""
    learner = make_learner(
        epochs=3, lr=0.2, momentum=0.8, weight_decay=0.05, schedule="step", milestones=(0.6,), gamma=0.1
    )
    job = learner.prepare(make_request(points, n=10), None, "fp32")
    weight, bias = (p.detach().numpy().copy() for p in job.model.parameters())
    losses, expected = by_hand(job, weight, bias, lambda epoch: 0.2 if epoch < 2 else 0.02, 0.8, 0.05)
    reports: list[EpochReport] = []
    train(job, reports.append)
    trained = torch.cat([p.reshape(3, -1) for p in job.model.parameters()], dim=1).detach().numpy()
    np.testing.assert_allclose(trained, expected, atol=1e-6)
    assert abs(trained - np.concatenate([weight, bias[:, None]], axis=1)).max() > 0.05
    np.testing.assert_allclose([report.loss for report in reports], losses, atol=1e-6)
    assert [(report.epoch, report.epochs) for report in reports] == [(0, 3), (1, 3), (2, 3)]


def test_items_keep_their_labels_crops_and_flips(images, make_request):
    """Image, label and augmentation of each position, cut by hand out of the zero-padded image."""
    request = make_request(images, n=6)
    items = TrainingItems.of(images, request.labelled, request.labels, None)
    batch = Batch(*(torch.tensor(row) for row in ([5, 0, 2], [0, 2, 1], [2, 1, 0], [False, True, True])))
    got, labels = items.gather(batch)
    mean, std = np.array([0.4, 0.6]), np.array([0.2, 0.3])
    for row, (at, dy, dx, flip) in enumerate([(5, 0, 2, False), (0, 2, 1, True), (2, 1, 0, True)]):
        index = int(request.labelled[at])
        assert labels[row] == index % 3
        raw = images._items[index].numpy()
        padded = np.pad(raw[:, ::-1] if flip else raw, ((1, 1), (1, 1), (0, 0)))[dy : dy + 8, dx : dx + 8]
        expected = ((padded / 255 - mean) / std).transpose(2, 0, 1)
        np.testing.assert_allclose(got[row].numpy(), expected, atol=1e-5)


def test_extra_samples_join_as_they_are(images, make_request):
    request = make_request(images, n=6)
    twins = torch.randn((3, 2, 8, 8), generator=torch.Generator().manual_seed(0))
    items = TrainingItems.of(images, request.labelled, request.labels, (twins, torch.tensor([2, 1, 0])))
    assert len(items) == 9
    alone = TrainingItems.of(images, request.labelled, request.labels, None)
    shifts, flips = torch.tensor([0, 2, 0, 2]), torch.tensor([True, False, True, True])
    got, labels = items.gather(Batch(torch.tensor([6, 5, 8, 0]), shifts, shifts, flips))
    own, own_labels = alone.gather(Batch(torch.tensor([5, 0]), shifts[[1, 3]], shifts[[1, 3]], flips[[1, 3]]))
    assert torch.equal(got[[0, 2]], twins[[0, 2]]) and labels[[0, 2]].tolist() == [2, 0]
    assert torch.equal(got[[1, 3]], own) and torch.equal(labels[[1, 3]], own_labels)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_fails_the_run_and_names_the_epoch(
    points, make_request, make_learner, value
):
    job = make_learner(epochs=4).prepare(make_request(points), Poison(value, since=2), "fp32")
    reports: list[EpochReport] = []
    with pytest.raises(RunFailed, match=rf"loss is {value} in epoch 3 of 4"):
        train(job, reports.append)
    assert len(reports) == 2


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, EXIT_STOPPED), (signal.SIGINT, EXIT_INTERRUPTED)]
)
def test_a_stop_request_is_honoured_at_the_epochs_end(
    points, make_request, make_learner, monkeypatch, number, code
):
    received: list[int] = []
    monkeypatch.setattr(stop, "_received", received)
    steps: list[tuple[int, int]] = []

    class Count(Extension):
        def begin(self, training):
            run = ExtensionRun()
            run.after_step = lambda step: (steps.append((step.epoch, step.step)), received.append(number))[0]
            return run

    job = make_learner(epochs=4, batch_size=5).prepare(make_request(points, n=15), Count(), "fp32")
    with pytest.raises(Stopped) as stopped:
        train(job, lambda report: None)
    assert stopped.value.exit_code == code
    assert steps == [(0, 0), (0, 1), (0, 2)]


def test_bf16_trains_float32_weights_with_a_float32_loss(images, make_request, make_learner):
    losses: dict[str, float] = {}
    for precision in ("fp32", "bf16"):
        job = make_learner("cnn_without_dropout", epochs=1).prepare(make_request(images), None, precision)
        train(job, lambda report, precision=precision: losses.update({precision: report.loss}))
        assert {p.dtype for p in job.model.parameters()} == {torch.float32}
    assert losses["bf16"] != losses["fp32"]
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.02)
