"""Recorded steps train the model that eager ones train. The recorder here runs the recorded step anew at every replay; on a
GPU the real one is used beside it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Generator, Tensor

from altool.core.strategy import Extension, ExtensionRun
from altool.data.store import Store, Transforms
from altool.learners import runner
from altool.learners.cuda_graph import cuda_recorder
from altool.learners.memory import Frugality
from altool.learners.train import train
from altool.strategies._loss_prediction import LossPrediction


class Recorded:
    """Counts recordings and replays; `distort` changes what a replay says of its loss."""

    def __init__(self, distort: float = 0.0):
        self.recordings = self.replays = 0
        self.distort = distort

    def __call__(self, step: Callable[[], Tensor], generators: list[Generator]) -> Callable[[], Tensor]:
        self.recordings += 1
        step()  # as capturing does not, but rehearsing does

        def replay() -> Tensor:
            self.replays += 1
            return step() + self.distort

        return replay


def refuse(step, generators):
    step()
    raise RuntimeError("operation not permitted when stream is capturing\nmore of it")


@pytest.fixture(autouse=True)
def short_fits_too(monkeypatch):
    monkeypatch.setattr(runner, "FEWEST_STEPS", 1)


@pytest.fixture
def make_job(images, make_request, make_learner):
    """make_job(extension=None, optimiser=…) → a fresh job with crops, flips, dropout, a short last batch, a new rate at
    every step."""

    def make(extension=None, optimiser="adam", store=None, **fields):
        learner = make_learner(
            "cnn", epochs=5, lr=0.01, schedule="one_cycle", optimiser=optimiser, weight_decay=0.01, **fields
        )
        return learner.prepare(make_request(store or images, n=10), extension, "fp32")

    return make


def weights(job) -> dict[str, Tensor]:
    networks = {"task": job.model, **job.extension.networks()}
    return {f"{n}.{k}": v for n, net in networks.items() for k, v in net.state_dict().items()}


def losses(job, recorder=None) -> tuple[list[float], str]:
    seen: list[float] = []
    told = train(job, lambda report: seen.append(report.loss), recorder)
    return seen, told


def assert_trained_alike(one, other) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name].cpu(), second[name].cpu()), name


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
@pytest.mark.parametrize(
    ("extension", "kinds"),
    [
        (None, 2),
        (LossPrediction(width=4, detach_after=0.4), 4),
        (LossPrediction(width=4, detach_after=None, freeze_after=0.5), 4),
    ],
)
def test_recorded_steps_train_the_same_model(make_job, optimiser, extension, kinds):
    """Two sizes of batches, and twice as many kinds where the extension changes on its way."""
    eager, recorded, recorder = make_job(extension, optimiser), make_job(extension, optimiser), Recorded()
    assert losses(eager) == (losses(recorded, recorder)[0], "eager")
    assert_trained_alike(eager, recorded)
    assert recorder.recordings == kinds
    assert recorder.replays == 5 * 3 + kinds  # and one of each to compare


@pytest.mark.parametrize(
    ("recorder", "told"),
    [
        (refuse, "eager: operation not permitted when stream is capturing"),
        (Recorded(distort=0.5), "eager: a step with loss"),
        (Recorded(distort=float("nan")), "eager: a step with loss"),
    ],
)
def test_what_cannot_be_recorded_goes_on_eagerly_as_if_nothing_had_been(make_job, recorder, told, caplog):
    eager, recorded = make_job(), make_job()
    expected, _ = losses(eager)
    found, said = losses(recorded, recorder)
    assert found == expected and said.startswith(told)
    assert_trained_alike(eager, recorded)
    assert told.removeprefix("eager: ") in caplog.text


class Drawing(Extension):
    """An extension that says nothing of its phases, as those of other people."""

    def begin(self, training):
        return ExtensionRun()


def test_whatever_needs_the_host_between_steps_is_eager(make_job, images, monkeypatch):
    recorder = Recorded()
    assert losses(make_job(Drawing()), recorder)[1] == "eager: the strategy draws or trains between the steps"
    short = make_job()
    short.frugality = Frugality(recompute=True)
    assert losses(short, recorder)[1] == "eager: memory is short"
    streamed = Store(images._host, Transforms((0.4, 0.6), (0.2, 0.3)), "cpu", resident=False)
    assert losses(make_job(store=streamed), recorder)[1] == "eager: the pool streams from its memory map"
    monkeypatch.setattr(runner, "FEWEST_STEPS", 16)
    assert losses(make_job(), recorder)[1] == "eager: too few steps to record one"
    assert recorder.recordings == 0


def test_out_of_memory_is_not_a_failed_recording(make_job):
    def full(step, generators):
        raise torch.OutOfMemoryError("no memory")

    with pytest.raises(torch.OutOfMemoryError):
        losses(make_job(), full)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("extension", [None, LossPrediction(width=4, detach_after=0.4)])
def test_cuda_graphs_train_the_model_that_eager_steps_train(images, make_request, make_learner, extension):
    device = torch.device("cuda", torch.cuda.device_count() - 1)
    store = Store(images._host, images.transforms, device)
    learner = make_learner("cnn", epochs=5, lr=0.01, schedule="one_cycle", optimiser="adam")
    request = replace(make_request(images, n=10), store=store)
    eager, recorded = (learner.prepare(request, extension, "fp32") for _ in range(2))
    expected, _ = losses(eager)
    found, told = losses(recorded, cuda_recorder(device))
    assert told == "recorded"
    assert found == pytest.approx(expected, rel=1e-4)
