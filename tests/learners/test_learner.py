"""The learner: where weights begin, that equal fits are equal to the bit, how long it trains, what it refuses."""

import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from altool.core.batches import batch_bounds
from altool.core.errors import UserError
from altool.learners.learner import Learner
from altool.strategies._loss_prediction import LossPrediction


def flat(state: dict[str, dict[str, torch.Tensor]]) -> torch.Tensor:
    return torch.cat([t.flatten().float() for network in state.values() for t in network.values()])


def beginning(learner, request) -> torch.Tensor:
    return flat({"task": learner.prepare(request, None, "fp32").model.state_dict()})


def test_per_stage_begins_anew_at_every_stage_and_fixed_does_not(images, make_request, make_learner):
    requests = [make_request(images, stage=stage) for stage in (0, 3)]
    per_stage, fixed = make_learner("cnn"), make_learner("cnn", init="fixed")
    assert not torch.equal(beginning(per_stage, requests[0]), beginning(per_stage, requests[1]))
    assert torch.equal(beginning(fixed, requests[0]), beginning(fixed, requests[1]))
    assert torch.equal(beginning(fixed, requests[0]), beginning(per_stage, requests[0]))
    other_seed = make_request(images, seed=1)
    assert not torch.equal(beginning(fixed, requests[0]), beginning(fixed, other_seed))
    orders = [fixed.prepare(request, None, "fp32").plan.positions for request in requests]
    assert not torch.equal(*orders)  # the weights alone are fixed


def test_equal_fits_are_equal_to_the_bit_and_a_seed_changes_them(images, make_request, make_learner):
    learner, extension = make_learner("cnn", optimiser="adam", lr=0.01), LossPrediction(width=4)
    first = flat(learner.fit(make_request(images), extension).state())
    torch.rand(7)
    other = flat(learner.fit(make_request(images, seed=1), extension).state())
    again = flat(learner.fit(make_request(images), extension).state())
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_no_global_generator_advances(images, make_request, make_learner):
    def generators() -> list[bytes]:
        numpy_state = np.random.get_state()
        return [
            torch.get_rng_state().numpy().tobytes(),
            numpy_state[1].tobytes() + bytes(str(numpy_state[2]), "ascii"),  # type: ignore[index,union-attr]
            repr(random.getstate()).encode(),
        ]

    before = generators()
    request = make_request(images)
    fitted = make_learner("cnn").fit(request, LossPrediction(width=4))
    fitted.probe(request.candidates, ["logits", "mc_logits", "auxiliary"], draws=3)
    assert generators() == before


def test_saved_weights_replace_training(images, make_request, make_learner):
    learner, extension = make_learner("cnn"), LossPrediction(width=4)
    trained = learner.fit(make_request(images), extension)
    reports: list[object] = []
    loaded = learner.fit(make_request(images), extension, saved=trained.state(), on_epoch=reports.append)
    assert not reports and set(loaded.state()) == {"task", "loss_net"}
    assert torch.equal(flat(loaded.state()), flat(trained.state()))


def test_it_learns_what_can_be_learnt(points, make_request, make_learner):
    """Three classes cut along one axis: far above chance on items that were not trained on."""
    request = make_request(points, n=30)
    cuts = np.quantile(points.images(range(40))[:, 0].numpy(), [1 / 3, 2 / 3])
    classes = np.digitize(points.images(range(40))[:, 0].numpy(), cuts)
    labels = classes[request.labelled]
    request = type(request)(**{**vars(request), "labels": labels})
    fitted = make_learner(epochs=100, lr=0.5).fit(request, None)
    right = fitted.predict(points, request.unlabelled).argmax(1).numpy() == classes[request.unlabelled]
    assert right.mean() >= 0.8


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 200), st.integers(1, 64), st.integers(1, 30), st.integers(0, 400))
def test_min_steps_lengthens_short_fits_by_no_epoch_too_many(n, size, epochs, min_steps):
    learner = Learner("any", lambda *_: None, {}, epochs, size, "sgd", 0.1, min_steps=min_steps)  # type: ignore[arg-type,return-value]
    steps, got = len(batch_bounds(n, size)), learner.epochs_for(n)
    assert got >= epochs and got * steps >= min_steps
    assert got == epochs or (got - 1) * steps < min_steps


def test_min_steps_are_trained(points, make_request, make_learner):
    epochs: list[int] = []
    learner = make_learner(epochs=2, batch_size=4, min_steps=11)
    learner.fit(make_request(points, n=8), None, on_epoch=lambda report: epochs.append(report.epochs))
    assert epochs == [6] * 6


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("optimiser", "rmsprop", "known: sgd, adam"),
        ("schedule", "linear", "known: step, cosine, one_cycle, constant"),
        ("init", "warm", "known: per_stage, fixed"),
        ("epochs", 0, "at least 1"),
        ("batch_size", -4, "at least 1"),
        ("eval_batch", 0, "at least 1"),
        ("lr", 0.0, "positive"),
        ("lr", float("nan"), "positive"),
        ("momentum", 1.0, "below 1"),
        ("momentum", -0.1, "below 1"),
        ("weight_decay", -1e-4, "negative"),
        ("milestones", (160,), "fractions"),
        ("milestones", (0.0,), "fractions"),
        ("gamma", 0.0, "positive"),
    ],
)
def test_bad_options_are_refused_by_name(make_learner, field, value, message):
    with pytest.raises(UserError, match=rf"learner\.{field}=.*{message}"):
        make_learner(**{field: value})
