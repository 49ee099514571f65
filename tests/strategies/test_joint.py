"""TA-VAAL's two couplings: the game inside the task model's loop (P1 Algorithm 1), and after it (T3)."""

import copy
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from altool.core.streams import Streams
from altool.data.store import Store, Transforms
from altool.learners.fitted import FittedModel
from altool.learners.learner import FitRequest, Learner
from altool.models.resnet import ResNet
from altool.strategies._adversarial import Half
from altool.strategies._joint import JointRun
from altool.strategies.learning_loss_v2 import LearningLossV2
from altool.strategies.ta_vaal import TAVAAL
from altool.strategies.vaal_learning_loss import VAALLearningLoss

STREAMS = Streams(4, 2)
EPOCHS, STEPS = 3, 3  # steps: 20 labelled items in batches of 8
SMALL: dict[str, Any] = {"size": "small", "batch_size": 8, "ranker_width": 8}
LEARNER = Learner(
    name="tiny",
    make_model=lambda shape, n_classes: ResNet(shape, n_classes, blocks=(1, 1), width=2, dropout=0.2),
    recipe={},
    epochs=EPOCHS,
    batch_size=8,
    optimiser="sgd",
    lr=0.05,
)


@pytest.fixture(scope="module")
def request_() -> FitRequest:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (70, 8, 8, 1), dtype=np.uint8)
    order = rng.permutation(70)
    return FitRequest(
        store=Store(images, Transforms((0.5,), (0.25,), crop_pad=1, flip=True), "cpu"),
        labelled=order[:20],
        labels=rng.integers(0, 3, 20),
        unlabelled=np.sort(order[20:]),
        candidates=np.sort(order[30:]),
        n_classes=3,
        streams=STREAMS,
    )


def fit(strategy: TAVAAL, request: FitRequest) -> FittedModel:
    return LEARNER.fit(request, strategy.extension())


def assert_equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    assert a.keys() == b.keys()
    for name, tensor in a.items():
        assert torch.equal(tensor, b[name]), name


class Drawn(NamedTuple):
    """A half of a batch as the game got it. `raw`: the ranks that the task model of that moment gives to these images."""

    epoch: int
    indices: np.ndarray
    half: Half
    raw: Tensor


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Drawn]:
    """Filled while a joint game is played: labelled and unlabelled by turns."""
    made: list[Drawn] = []
    half_of = JointRun._half

    def _half(self: JointRun, epoch: int, indices: np.ndarray) -> Half:
        model, head = copy.deepcopy((self.training.model, self.ranker.head))
        assert model.training
        half = half_of(self, epoch, indices)
        with torch.no_grad():
            made.append(Drawn(epoch, indices, half, head(model.eval()(half.images).taps)))
        return half

    monkeypatch.setattr(JointRun, "_half", _half)
    return made


@pytest.mark.parametrize("rank", ["sigmoid", "raw"])
def test_ranks_are_the_current_models(rank, request_, drawn) -> None:
    """Algorithm 1: r ~ U(0, 1) for n = 1, the first epoch; then from the Ranker as it is."""
    fit(TAVAAL(coupling="joint", rank=rank, vae_steps=2, **SMALL), request_)
    uniform = STREAMS.torch("strategy", "first_rank")
    for each in drawn:
        if each.epoch == 0:
            first = torch.rand(len(each.indices), generator=uniform)
            assert torch.equal(each.half.decoder_rank, first)
            assert torch.equal(each.half.discriminator_rank, first)
        else:
            torch.testing.assert_close(each.half.decoder_rank, each.raw.sigmoid())
            entered = each.raw.sigmoid() if rank == "sigmoid" else each.raw
            torch.testing.assert_close(each.half.discriminator_rank, entered)
    assert len({each.raw.mean().item() for each in drawn}) == len(drawn)


@pytest.mark.parametrize(("vae_steps", "discriminator_steps", "batches"), [(1, 1, 1), (2, 3, 4)])
def test_an_iteration_follows_every_step(
    vae_steps: int, discriminator_steps: int, batches: int, request_, drawn
) -> None:
    steps = {"vae_steps": vae_steps, "discriminator_steps": discriminator_steps}
    fit(TAVAAL(coupling="joint", **steps, **SMALL), request_)
    epochs = np.repeat(np.arange(EPOCHS), STEPS * batches * 2)
    assert [each.epoch for each in drawn] == epochs.tolist()


def test_both_sides_go_round_without_augmentation(request_, drawn) -> None:
    fit(TAVAAL(coupling="joint", **SMALL), request_)
    for side, allowed, a_pass in ((0, request_.labelled, 3), (1, request_.candidates, 5)):
        batches = drawn[side::2]
        for start in range(0, len(batches) - a_pass + 1, a_pass):
            seen = np.concatenate([each.indices for each in batches[start : start + a_pass]])
            assert sorted(seen) == sorted(allowed)
        for each in batches:
            assert torch.equal(each.half.images, request_.store.images(each.indices))


def test_the_game_does_not_touch_the_task_model(request_) -> None:
    """Batch norm, dropout, shuffling and augmentation of the joint fit are the sequential one's."""
    sequential, joint = (
        fit(TAVAAL(coupling=coupling, **SMALL), request_).state() for coupling in ("sequential", "joint")
    )
    assert sequential.keys() == {"task", "loss_net"}
    assert joint.keys() == {"task", "loss_net", "vae", "discriminator"}
    for network in sequential:
        assert_equal(sequential[network], joint[network])


def test_without_weight_the_ranker_does_not_touch_it_either(request_) -> None:
    plain = LEARNER.fit(request_, None).state()["task"]
    for coupling in ("sequential", "joint"):
        assert_equal(plain, fit(TAVAAL(coupling=coupling, weight=0.0, **SMALL), request_).state()["task"])
    moved = fit(TAVAAL(**SMALL), request_).state()["task"]
    assert not torch.equal(plain["head.weight"], moved["head.weight"])


def test_the_networks_learn_during_the_fit(request_) -> None:
    strategy = TAVAAL(coupling="joint", **SMALL)
    before = LEARNER.prepare(request_, strategy.extension(), "fp32").extension.networks()
    after = fit(strategy, request_).trained
    for network in ("vae", "discriminator"):
        assert not after[network].training
        pairs = zip(before[network].parameters(), after[network].parameters(), strict=True)
        assert all(not torch.equal(a, b) for a, b in pairs)


def test_a_joint_query_uses_the_networks_of_the_fit(request_, context_of) -> None:
    """It trains none of its own, and leaves the fit's as they are."""
    strategy = TAVAAL(coupling="joint", **SMALL)
    fitted = fit(strategy, request_)
    items = request_.store.images(np.arange(70))
    context = context_of(
        items,
        request_.labelled.tolist(),
        request_.candidates.tolist(),
        trained=fitted.trained,
        probe=fitted.probe,
    )
    state = strategy.fit(context)
    for network in ("vae", "discriminator"):
        assert_equal(fitted.trained[network].state_dict(), state.networks[network].state_dict())
    raw = fitted.probe(request_.candidates, ["auxiliary"])["auxiliary"]
    mu = fitted.trained["vae"].mean(items[request_.candidates])  # type: ignore[operator]
    wanted = -fitted.trained["discriminator"](mu, raw.sigmoid())
    torch.testing.assert_close(strategy.score(context, state), wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(context.diagnostics.arrays["rank_candidates"], raw, rtol=1e-5, atol=1e-6)
    assert context.diagnostics.numbers["rank_mean"] == pytest.approx(raw.mean().item(), rel=1e-4)
    assert context.diagnostics.numbers["rank_std"] == pytest.approx(raw.numpy().std(), rel=1e-4)


def test_what_shares_a_stage_0(request_) -> None:
    """Sequential TA-VAAL trains the same task model as learning loss v2; joint depends on the candidates."""
    sequential, joint = TAVAAL().extension(), TAVAAL(coupling="joint").extension()
    assert sequential.recipe() == LearningLossV2().extension().recipe() != joint.recipe()
    assert joint.recipe() != TAVAAL(coupling="joint", beta=0.5).extension().recipe()
    assert (sequential.uses_unlabelled, joint.uses_unlabelled) == (False, True)


def test_vaal_with_learning_loss_is_the_ablation() -> None:
    """P0 6.2, D22: only the Ranker's loss differs."""
    ablation, original = VAALLearningLoss(), TAVAAL()
    assert vars(ablation) == vars(original) | {"loss": "margin"}
    assert ablation.extension().recipe()["loss_prediction"]["loss"] == "margin"
