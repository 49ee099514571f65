"""VAAL's schedule, its batches, and what it buys."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from altool.core.errors import UserError
from altool.core.streams import Streams
from altool.strategies import vaal
from altool.strategies._adversarial import Half
from altool.strategies.ta_vaal import TAVAAL
from altool.strategies.vaal import VAAL, Played, Ranks

RELEASED = [8593, 9375, 10156, 10937, 11718, 12500, 13281, 14062, 14843]  # facts.md 1.1.3


@pytest.mark.parametrize("strategy", [VAAL(), TAVAAL()])
def test_iterations_are_the_released_codes(strategy: VAAL) -> None:
    """T9, for 1,000 to 9,000 labels beside 10,000 candidates."""
    assert [strategy.iterations(1000 * (n + 1), 10_000) for n in range(9)] == RELEASED


def test_iterations_follow_the_options() -> None:
    assert VAAL(epochs=3, batch_size=10).iterations(20, 33) == 15
    assert VAAL(epochs=0.001).iterations(20, 30) == 1
    assert VAAL(size="small").iterations(1000, 10_000) == 859
    assert VAAL(size="small", epochs=50).iterations(1000, 10_000) == 429
    assert TAVAAL(coupling="joint").iterations(1000, 10_000) == 0


def test_small_is_a_quarter_as_wide() -> None:
    assert VAAL().game.width == 128
    assert VAAL(size="small").game.width == 32
    assert replace(VAAL().game, width=32) == VAAL(size="small").game


@pytest.mark.parametrize("strategy", [VAAL(), VAAL(size="small"), TAVAAL(epochs=7, batch_size=33)])
@pytest.mark.parametrize("wanted", [1, 3, 10])
def test_a_rehearsal_takes_the_iterations_asked_for(strategy: VAAL, wanted: int) -> None:
    short = strategy.rehearsal(1000, 10_000, wanted)
    assert short is not None and short.iterations(1000, 10_000) == wanted
    assert replace(short, epochs=strategy.epochs) == strategy
    assert TAVAAL(coupling="joint").rehearsal(1000, 10_000, wanted) is None


def test_defaults_of_each_paper() -> None:
    """T7, T8: VAAL sums the KL and takes two steps of the auto-encoder; TA-VAAL averages and takes one."""
    assert (VAAL().kl_reduction, VAAL().vae_steps, VAAL().game.ranked) == ("sum", 2, False)
    assert (TAVAAL().kl_reduction, TAVAAL().vae_steps, TAVAAL().game.ranked) == ("mean", 1, True)


@pytest.mark.parametrize("key", ["epochs", "width", "batch_size", "vae_steps", "discriminator_steps"])
def test_options_must_be_positive(key: str) -> None:
    with pytest.raises(UserError, match=rf"strategy\.{key}=0: must be positive"):
        VAAL(**{key: 0})  # type: ignore[arg-type]


LABELLED = [3, 11, 19, 0, 7]
N_ITEMS = 40


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Half, Half]]:
    """All batches of the games played from now on; no network takes a step."""
    halves: list[tuple[Half, Half]] = []

    class Recorder:
        def __init__(self, *given: object):
            pass

        def networks(self) -> dict[str, nn.Module]:
            return {}

        def iterate(self, draw, vae_steps: int, discriminator_steps: int) -> dict[str, Tensor]:
            halves.extend(draw() for _ in range(max(vae_steps, discriminator_steps)))
            return {}

    monkeypatch.setattr(vaal, "Adversaries", Recorder)
    return halves


def items_that_say_their_index() -> Tensor:
    return torch.arange(N_ITEMS, dtype=torch.float32)[:, None].repeat(1, 2)


def raw_rank(indices: Tensor) -> Tensor:
    return (indices - 20) / 6


@pytest.mark.parametrize("rank", ["sigmoid", "raw"])
def test_each_item_comes_with_its_own_rank(rank, recorded, context_of) -> None:
    """Decoder: always through the sigmoid; discriminator: T5. Uniform, and the same for both, at first (T6)."""
    items = items_that_say_their_index()
    calls = []
    context = context_of(
        items, LABELLED, probed={"auxiliary": raw_rank(items[:, 0]), "losses": torch.zeros(N_ITEMS)}
    )

    def probe(indices: np.ndarray, wants: list[str]) -> dict[str, Tensor]:
        calls.append((sorted(indices.tolist()), wants))
        return context.probe(indices, wants)

    strategy = TAVAAL(epochs=20, batch_size=8, rank=rank)
    strategy.fit(replace(context, probe=probe))
    assert calls == [(list(range(N_ITEMS)), ["auxiliary", "losses"])]  # once per stage
    assert len(recorded) == strategy.iterations(5, 35) == 100
    uniform = Streams(0, 1).torch("strategy", "first_rank")
    for half in recorded[0]:
        assert torch.equal(half.decoder_rank, torch.rand(len(half.images), generator=uniform))
        assert torch.equal(half.discriminator_rank, half.decoder_rank)
    for half in (half for halves in recorded[1:] for half in halves):
        wanted = raw_rank(half.images[:, 0])
        torch.testing.assert_close(half.decoder_rank, wanted.sigmoid())
        torch.testing.assert_close(half.discriminator_rank, wanted.sigmoid() if rank == "sigmoid" else wanted)


@pytest.mark.parametrize("strategy", [VAAL, TAVAAL])
@pytest.mark.parametrize("shuffle", [True, False])
def test_each_side_goes_round_in_passes(strategy, shuffle: bool, recorded, context_of) -> None:
    items = items_that_say_their_index()
    candidates = list(range(20, 40))
    context = context_of(
        items, LABELLED, candidates, {"auxiliary": torch.zeros(N_ITEMS), "losses": torch.zeros(N_ITEMS)}
    )
    strategy(epochs=4, batch_size=4, shuffle=shuffle, vae_steps=1).fit(context)
    assert len(recorded) == 25
    labelled = [half.images[:, 0].tolist() for half, _ in recorded]
    shown = torch.cat([half.images[:, 0] for _, half in recorded])
    passes = [each.tolist() for each in shown.split(len(candidates))]
    assert len(passes) == 5
    assert all(sorted(each) == candidates for each in passes)
    assert (passes[0] == passes[1]) != shuffle
    assert passes[0] != candidates  # unshuffled, the subset is in the one random order it was drawn in
    assert all(set(batch) <= set(LABELLED) and len(batch) == 4 for batch in labelled)  # 5: one is left over
    assert (labelled[0] == labelled[1] == LABELLED[:4]) != shuffle
    assert {index for batch in labelled for index in batch} == set(LABELLED if shuffle else LABELLED[:4])


def test_vaal_shows_no_rank(recorded, context_of) -> None:
    VAAL(epochs=1).fit(context_of(items_that_say_their_index(), LABELLED))
    assert all(half.decoder_rank is None and half.discriminator_rank is None for half in recorded[0])


class Mirror(nn.Module):
    """An auto-encoder whose mean is the item, and which rebuilds an item one too high."""

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, torch.zeros_like(x)

    def decode(self, z: Tensor, rank: Tensor | None) -> Tensor:
        self.rank = rank
        return z + 1


class Line(nn.Module):
    """A discriminator that judges by a·μ₀ + b·rank."""

    def __init__(self, a: float, b: float):
        super().__init__()
        self.a, self.b = a, b

    def forward(self, mu: Tensor, rank: Tensor | None = None) -> Tensor:
        return self.a * mu[:, 0] + (0 if rank is None else self.b * rank)


def bought(strategy: VAAL, judge: Line, context, ranks: Ranks | None, n: int) -> list[int]:
    state = Played({"vae": Mirror(), "discriminator": judge}, ranks)
    scores = strategy.score(context, state).numpy()
    return strategy.select(context, state, scores, n).indices.tolist()


def test_the_least_labelled_looking_are_bought(context_of) -> None:
    """P1 Eq. 7, T14: the lowest D."""
    items = torch.tensor([5.0, -2.0, 9.0, 1.0, -3.0, 4.0, -60.0, -50.0])[:, None].repeat(1, 2)
    context = context_of(items, [0, 4], [1, 2, 3, 6, 7], chunk=2)
    assert bought(VAAL(), Line(1, 0), context, None, 3) == [6, 7, 1]  # beyond where 1 − D saturates
    assert bought(VAAL(), Line(-1, 0), context, None, 2) == [2, 3]
    numbers, arrays = context.diagnostics.numbers, context.diagnostics.arrays
    at = items[:, 0].double().numpy()
    np.testing.assert_allclose(
        arrays["discriminator_candidates"], 1 / (1 + np.exp(at[[1, 2, 3, 6, 7]])), 1e-5
    )
    np.testing.assert_allclose(arrays["discriminator_labelled"], 1 / (1 + np.exp(at[[0, 4]])), 1e-5)
    assert numbers["discriminator_accuracy"] == pytest.approx((2 / 5 + 1 / 2) / 2)
    assert numbers["reconstruction_candidates"] == numbers["reconstruction_labelled"] == pytest.approx(1)
    wanted = (at[[1, 2, 3, 6, 7]] ** 2 / 2).mean()
    assert numbers["kl_per_dimension_candidates"] == pytest.approx(wanted)


@pytest.mark.parametrize(("rank", "order"), [("sigmoid", [3, 2, 1, 4]), ("raw", [4, 3, 2, 1])])
def test_how_the_rank_enters_matters(rank, order: list[int], context_of) -> None:
    """Item 4 is predicted hardest by far, which the sigmoid levels off: then its place (μ) decides."""
    items = torch.tensor([0.0, 1.0, 0.9, 0.5, 3.0])[:, None].repeat(1, 2)
    raw = torch.tensor([-1.0, 0.0, 1.0, 9.0])
    context = context_of(items, [0], [1, 2, 3, 4])
    strategy = TAVAAL(rank=rank)
    state = Played({"vae": Mirror(), "discriminator": Line(1, -1)}, Ranks(raw, torch.zeros(1)))
    scores = strategy.score(context, state).numpy()
    assert strategy.select(context, state, scores, 4).indices.tolist() == order
    entered = raw.sigmoid() if rank == "sigmoid" else raw
    np.testing.assert_allclose(scores, -(items[1:, 0] - entered), rtol=1e-6)


def real_game(strategy: VAAL, context_of):
    generator = torch.Generator().manual_seed(1)
    items = torch.randn(90, 1, 8, 8, generator=generator)
    context = context_of(items, list(range(10)), chunk=64)
    return context, strategy.fit(context)


def test_batch_norm_eval_scores_an_item_by_itself(context_of) -> None:
    """T12, recommended: neither company nor chunk matters."""
    strategy = VAAL(size="small", epochs=20, batch_size=20)
    context, state = real_game(strategy, context_of)
    scores = strategy.score(context, state)
    part = strategy.score(replace(context, candidates=context.candidates[::3], chunk=5), state)
    torch.testing.assert_close(part, scores[::3], rtol=1e-5, atol=1e-5)


def test_batch_norm_train_scores_in_training_batches(context_of) -> None:
    """T12, released: statistics of the batch at hand, in batches of the training's size."""
    strategy = VAAL(size="small", epochs=20, batch_size=20, batch_norm="train")
    context, state = real_game(strategy, context_of)
    scores = strategy.score(context, state)
    net, judge = state.networks["vae"].train(), state.networks["discriminator"]
    batches = [net.mean(context.images(context.candidates[i : i + 20])) for i in range(0, 80, 20)]  # type: ignore[operator]
    torch.testing.assert_close(scores, -torch.cat([judge(mu) for mu in batches]), rtol=1e-5, atol=1e-5)
    in_eval = replace(strategy, batch_norm="eval").score(context, state)
    assert (scores - in_eval).abs().max() > 1e-3


@pytest.mark.parametrize("strategy", [VAAL, TAVAAL])
@pytest.mark.parametrize("kept", [True, False])
def test_large_images_are_read_and_resized_once(
    strategy, kept: bool, recorded, context_of, monkeypatch
) -> None:
    items = torch.rand((N_ITEMS, 3, 40, 56), generator=torch.Generator().manual_seed(0))
    probed = {"auxiliary": torch.zeros(N_ITEMS), "losses": torch.zeros(N_ITEMS)}
    context = context_of(items, LABELLED, probed=probed)
    read: list[int] = []

    def images(indices: np.ndarray) -> Tensor:
        read.extend(indices.tolist())
        return context.images(indices)

    if not kept:
        monkeypatch.setattr("altool.strategies.vaal.VIEW_BYTES", 1000)
    strategy(epochs=4, batch_size=8, vae_steps=1).fit(replace(context, images=images, chunk=6))
    assert len(recorded) == 20
    drawn = sum(len(half.images) for halves in recorded for half in halves)
    assert (sorted(read) == list(range(N_ITEMS))) == kept and len(read) == (N_ITEMS if kept else drawn)
    small = F.interpolate(items, (32, 32), mode="bilinear", antialias=True)
    known = {image.numpy().tobytes() for image in small}
    assert all(image.contiguous().numpy().tobytes() in known for image in recorded[3][1].images)
