"""Probing a fitted model: every want against a direct computation."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from altool.learners.fitted import FittedModel
from altool.strategies._loss_prediction import LossPrediction

ALL = ("logits", "embedding", "taps", "auxiliary", "mc_logits", "gradient_factors")
INDICES = np.array([7, 0, 31, 39, 2, 12, 25])


@pytest.fixture
def fitted(images, make_request, make_learner) -> FittedModel:
    return make_learner("cnn", eval_batch=3).fit(make_request(images), LossPrediction(width=4))


def test_every_want_equals_a_direct_computation(fitted, images):
    served = fitted.probe(INDICES, ALL, draws=2)
    batch = images.images(INDICES)
    with torch.no_grad():
        output = fitted.model(batch)
        predicted_losses = fitted.trained["loss_net"](output.taps)
    expected = {
        "logits": output.logits,
        "embedding": output.embedding,
        "taps": torch.cat([t.flatten(2).mean(2) if t.ndim == 4 else t for t in output.taps], dim=1),
        "auxiliary": predicted_losses,
        "error": torch.softmax(output.logits, 1) - torch.eye(3)[output.logits.argmax(1)],
    }
    assert set(served) == {*expected, "mc_logits"} and served["mc_logits"].shape == (7, 2, 3)
    assert served["taps"].shape == (7, 4 + 4 + 8)
    for name, values in expected.items():
        torch.testing.assert_close(served[name], values, atol=1e-5, rtol=1e-5)
        assert served[name].dtype == torch.float32 and not served[name].requires_grad


def test_losses_are_those_of_what_was_labelled_and_no_others(fitted, images, make_request):
    request = make_request(images)
    everything = np.arange(len(images))
    losses = fitted.probe(everything, ["losses"])["losses"]
    wanted = F.cross_entropy(
        fitted.logits(images.images(request.labelled)).double(),
        torch.tensor(request.labels),
        reduction="none",
    )
    torch.testing.assert_close(losses[request.labelled], wanted, atol=1e-5, rtol=1e-5)
    assert losses.isnan().sum() == len(images) - len(request.labelled)


@pytest.mark.parametrize("want", ALL)
def test_one_want_alone_gives_the_same_and_nothing_else(fitted, want):
    together, alone = fitted.probe(INDICES, ALL, draws=2), fitted.probe(INDICES, [want], draws=2)
    assert set(alone) == ({"error", "embedding"} if want == "gradient_factors" else {want})
    assert all(torch.equal(alone[name], together[name]) for name in alone)


@pytest.mark.parametrize("chunk", [1, 2, 7, 100])
def test_chunking_changes_nothing(fitted, chunk):
    before = fitted.probe(INDICES, ALL, draws=3)
    fitted._chunk = chunk
    for name, values in fitted.probe(INDICES, ALL, draws=3).items():
        torch.testing.assert_close(values, before[name], atol=1e-5, rtol=1e-5)


def test_monte_carlo_draws_are_one_sub_network_each(fitted):
    """Dropout sits before the head, so logits − bias = (embedding ∘ mask / keep) Wᵀ with one mask for all 40 items: solved
    for the mask, nothing but 0 and 1/keep comes out."""
    everything = np.arange(40)
    embedding, draws = fitted.probe(everything, ["embedding"])["embedding"], 6
    mc_logits = fitted.probe(everything, ["mc_logits"], draws=draws)["mc_logits"]
    head = fitted.model.head
    system = torch.einsum("nd,cd->ncd", embedding, head.weight).flatten(0, 1).double()
    alive = system.abs().sum(0) > 1e-3
    masks = []
    for k in range(draws):
        target = (mc_logits[:, k] - head.bias).flatten().double()
        mask = torch.linalg.lstsq(system[:, alive], target[:, None], driver="gelsd").solution[:, 0]
        torch.testing.assert_close(mask, (mask > 1).double() * 2, atol=1e-2, rtol=0)
        masks.append(tuple((mask > 1).tolist()))
    assert len(set(masks)) > 1 and alive.sum() > 3


def test_draws_repeat_and_a_longer_list_begins_with_the_shorter(fitted):
    three = fitted.probe(INDICES, ["mc_logits"], draws=3)["mc_logits"]
    five = fitted.probe(INDICES, ["mc_logits"], draws=5)["mc_logits"]
    assert torch.equal(five[:, :3], three)
    assert not torch.equal(five[:, 3], five[:, 4])


def test_gradient_factors_are_the_last_layers_gradient(fitted, images):
    served = fitted.probe(INDICES, ["gradient_factors"])
    model = copy.deepcopy(fitted.model).requires_grad_(True)
    for row, index in enumerate(INDICES):
        logits = model(images.images([index])).logits
        loss = F.cross_entropy(logits, logits.argmax(1))
        (gradient,) = torch.autograd.grad(loss, [model.head.weight])
        outer = torch.outer(served["error"][row], served["embedding"][row])
        torch.testing.assert_close(outer, gradient, atol=1e-6, rtol=1e-4)
        assert gradient.abs().max() > 1e-3


def test_reduce_sees_every_chunk_and_alone_is_kept(fitted):
    sizes: list[int] = []

    def largest(chunk: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        sizes.append(len(chunk["logits"]))
        return {"largest": chunk["logits"].max(1).values}

    reduced = fitted.probe(INDICES, ["logits", "embedding"], reduce=largest)
    assert set(reduced) == {"largest"} and sizes == [3, 3, 1]
    assert torch.equal(reduced["largest"], fitted.probe(INDICES, ["logits"])["logits"].max(1).values)


def test_no_items_give_no_rows(fitted):
    served = fitted.probe(np.empty(0, np.int64), ALL, draws=2)
    assert served["logits"].shape == (0, 3) and served["mc_logits"].shape == (0, 2, 3)
    assert served["embedding"].shape == (0, 8) and served["auxiliary"].shape == (0,)


def test_an_unknown_want_is_refused(fitted):
    with pytest.raises(ValueError, match="unknown want 'logit'"):
        fitted.probe(INDICES, ["logit"])


def test_auxiliary_without_an_extension_is_refused(images, make_request, make_learner):
    plain = make_learner("cnn").fit(make_request(images), None)
    with pytest.raises(ValueError, match="no auxiliary output"):
        plain.probe(INDICES, ["auxiliary"])


def test_predict_reads_any_store(fitted, images):
    other = type(images)(255 - images._items.numpy(), images.transforms, "cpu")
    got = fitted.predict(other, INDICES)
    torch.testing.assert_close(got, fitted.logits(other.images(INDICES)), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(got, fitted.predict(images, INDICES))


def test_everything_is_frozen_and_in_eval_mode(fitted, images):
    networks = [fitted.model, *fitted.trained.values()]
    assert not any(p.requires_grad for network in networks for p in network.parameters())
    assert not any(module.training for network in networks for module in network.modules())
    batch = images.images(INDICES)
    assert torch.equal(fitted.logits(batch), fitted.logits(batch))  # no dropout


def test_logits_are_differentiable_in_the_images(points, make_request, make_learner):
    """Of a linear model: the gradient of a class's logit is that class's weights."""
    fitted = make_learner().fit(make_request(points), None)
    x = points.images([3, 8]).clone().requires_grad_(True)
    fitted.logits(x)[:, 1].sum().backward()
    torch.testing.assert_close(x.grad, fitted.model.head.weight[1].expand(2, 3))


def test_bf16_answers_in_float32(images, make_request, make_learner):
    learner, request = make_learner("cnn"), make_request(images)
    exact = learner.fit(request, LossPrediction(width=4))
    rough = FittedModel(exact.model, exact.extension, images, request.streams, "bf16", 4)
    served, expected = rough.probe(INDICES, ALL, draws=2), exact.probe(INDICES, ALL, draws=2)
    assert {values.dtype for values in served.values()} == {torch.float32}
    assert not torch.equal(served["logits"], expected["logits"])
    torch.testing.assert_close(served["logits"], expected["logits"], atol=0.05, rtol=0.05)


def test_gradients_in_the_images_are_exact_whatever_the_precision(images, make_request, make_learner):
    """A difference of 1e-3 in a pixel is seen, where bfloat16 has 8 bits."""
    learner, request = make_learner("cnn"), make_request(images)
    exact = learner.fit(request, None)
    rough = FittedModel(exact.model, exact.extension, images, request.streams, "bf16", 4)
    batch = images.images(INDICES)
    assert torch.equal(rough.exact_logits(batch), exact.logits(batch))
    assert not torch.equal(rough.logits(batch), exact.logits(batch))
