"""Dropout from named streams: rate and scale while training, one sub-network per Monte Carlo draw."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from altool.core.streams import Streams, torch_stream
from altool.models.cnn import CNN
from altool.models.dropout import Draws, Dropout, dropouts, seed_dropout
from altool.models.mlp import MLP
from altool.models.resnet import ResNet


def layer(p: float, seed: int = 0) -> Dropout:
    dropout = Dropout(p)
    seed_dropout(dropout, torch_stream(seed, "dropout"))
    return dropout.train()


@pytest.mark.parametrize("p", [0.25, 0.5, 0.9])
def test_keep_rate_and_scale(p):
    out = layer(p)(torch.full((400, 500), 3.0))
    kept = out != 0
    assert abs(kept.double().mean().item() - (1 - p)) < 5 * np.sqrt(p * (1 - p) / 200_000)
    torch.testing.assert_close(out[kept], torch.full_like(out[kept], 3 / (1 - p)))


def test_masks_differ_between_items_and_steps_and_repeat_with_the_generator():
    x = torch.ones(50, 40)
    dropout = layer(0.5)
    first, second = dropout(x), dropout(x)
    assert not torch.equal(first, second) and not torch.equal(first[0], first[1])
    again = layer(0.5)
    assert torch.equal(first, again(x)) and torch.equal(second, again(x))
    assert not torch.equal(first, layer(0.5, seed=1)(x))


def test_no_global_generator_is_used():
    model = MLP((3,), 2, hidden=(8,), dropout=0.5)
    seed_dropout(model, torch_stream(0, "dropout"))
    before = torch.get_rng_state()
    model.train()(torch.ones(4, 3))
    draws = Draws(model, Streams(0, 0))
    with draws.draw(0):
        model.eval()(torch.ones(4, 3))
    assert torch.equal(torch.get_rng_state(), before)


def test_eval_without_a_draw_and_p_zero_are_the_identity():
    x = torch.rand(5, 6)
    assert torch.equal(layer(0.7).eval()(x), x)
    assert torch.equal(Dropout(0.0).train()(x), x)


def test_training_without_a_stream_is_refused():
    with pytest.raises(RuntimeError, match="seed_dropout"):
        Dropout(0.5).train()(torch.ones(2, 2))


def test_gradients_flow_through_what_is_kept_alone():
    x = torch.ones((20, 20), requires_grad=True)
    out = layer(0.5)(x)
    out.sum().backward()
    assert x.grad is not None and torch.equal(x.grad, out.detach())


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 5))
def test_a_draw_is_one_mask_for_the_whole_pool_however_it_is_chunked(n, chunk, k):
    dropout = Dropout(0.5).eval()
    x = torch.ones(n, 3, 4, 4)
    whole_draws, parts_draws = Draws(dropout, Streams(7, 2)), Draws(dropout, Streams(7, 2))
    with whole_draws.draw(k):
        whole = dropout(x)
    assert torch.equal(whole, whole[:1].expand_as(whole))
    parts = []
    for part in x.split(chunk):
        with parts_draws.draw(k):
            parts.append(dropout(part))
    assert torch.equal(torch.cat(parts), whole)


def test_draws_stages_seeds_and_layers_have_masks_of_their_own():
    def masks(seed: int, stage: int, k: int) -> torch.Tensor:
        layers = torch.nn.Sequential(Dropout(0.5), Dropout(0.5)).eval()
        with Draws(layers, Streams(seed, stage)).draw(k):
            return torch.cat([one(torch.ones(1, 200)) for one in layers])

    base = masks(0, 0, 0)
    assert torch.equal(base, masks(0, 0, 0)) and not torch.equal(base[0], base[1])
    for other in (masks(1, 0, 0), masks(0, 1, 0), masks(0, 0, 1)):
        assert not torch.equal(base, other)
    assert abs((base != 0).double().mean().item() - 0.5) < 5 * 0.5 / np.sqrt(400)


def test_after_a_draw_eval_is_the_identity_again_also_after_an_error():
    dropout, x = Dropout(0.5).eval(), torch.ones(3, 30)
    draws = Draws(dropout, Streams(0, 0))
    with pytest.raises(KeyError), draws.draw(0):
        assert not torch.equal(dropout(x), x)
        raise KeyError
    assert torch.equal(dropout(x), x)


@pytest.mark.parametrize(
    "build",
    [
        lambda p: MLP((1, 8, 8), 3, hidden=(6, 5), dropout=p),
        lambda p: CNN((1, 8, 8), 3, channels=(4, 4), hidden=8, dropout=p),
        lambda p: ResNet((1, 8, 8), 3, width=4, dropout=p),
    ],
)
def test_every_model_drops_while_training_and_only_then(build):
    model, x = build(0.5), torch.rand(6, 1, 8, 8)
    seed_dropout(model, torch_stream(0, "dropout"))
    assert not torch.equal(model.train()(x).logits, model(x).logits)
    assert torch.equal(model.eval()(x).logits, model(x).logits)
    for layer in dropouts(model):
        layer.p = 0.0
    assert torch.equal(model.train()(x).logits, model(x).logits)
