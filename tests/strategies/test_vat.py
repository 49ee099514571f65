"""VAT as a training regulariser: its gradient against finite differences, and what it must leave alone."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from torch import Tensor, nn

from altool.core.strategy import Training, TrainingStep
from altool.core.streams import Streams
from altool.data.store import Store, Transforms
from altool.learners.learner import FitRequest, Learner
from altool.models.dropout import Dropout, seed_dropout
from altool.models.output import Output, TaskModel
from altool.strategies._perturbation import Perturbation
from altool.strategies._vat import VAT, smooth_passes
from altool.strategies.ldr_vat import LDRVAT

ITEMS = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
LABELLED = np.array([4, 9, 2, 17, 8, 1])
UNLABELLED = np.setdiff1d(np.arange(30), LABELLED)
EPSILON = 0.7


class Net(TaskModel):
    """Linear, batch norm, tanh, dropout, linear."""

    embedding_width, tap_channels = 4, (4,)

    def __init__(self, p: float = 0.5):
        super().__init__()
        self.first, self.norm = nn.Linear(3, 4), nn.BatchNorm1d(4)
        self.dropout, self.head = Dropout(p), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Output:
        hidden = self.norm(self.first(x)).tanh()
        return Output(self.head(self.dropout(hidden)), hidden, (hidden,))


def new_net(p: float = 0.5, **kind: Any) -> Net:
    with Streams(1, 0).init("net"):
        net = Net(p).to(**kind) if kind else Net(p)
    seed_dropout(net, Streams(1, 0).torch("dropout"))
    return net.train()


def training_of(net: Net, unlabelled: np.ndarray = UNLABELLED) -> Training:
    dtype = next(net.parameters()).dtype
    return Training(
        model=net,
        input_shape=(3,),
        n_classes=3,
        epochs=1,
        steps_per_epoch=1,
        labelled=LABELLED,
        labels=LABELLED % 3,
        unlabelled=unlabelled,
        candidates=unlabelled,
        images=lambda indices: torch.from_numpy(ITEMS[np.asarray(indices)]).to(dtype),
        streams=Streams(2, 0),
        device=torch.device("cpu"),
        precision="fp32",
        carry={},
    )


def step_of(net: Net) -> TrainingStep:
    images = torch.from_numpy(ITEMS[LABELLED]).to(next(net.parameters()).dtype)
    labels = torch.from_numpy(LABELLED % 3)
    return TrainingStep(0, 0, images, labels, None, torch.zeros(len(images)), 0, len(images))


def regulariser(net: Net, seen: list[Tensor] | None = None, weight: float = 1.0, **options: Any) -> Tensor:
    """The term of one step; `seen` collects what the model is asked."""
    log = [] if seen is None else seen
    hook = net.register_forward_pre_hook(lambda _, inputs: log.append(inputs[0].detach().clone()))
    run = VAT(Perturbation(EPSILON), weight, batch_size=5).begin(training_of(net, **options))
    term = run.loss(step_of(net))
    hook.remove()
    assert term is not None
    return term


def by_hand(weights: dict[str, np.ndarray], images: np.ndarray) -> np.ndarray:
    """Log-probabilities of the net in training mode without dropout."""
    hidden = images @ weights["first.weight"].T + weights["first.bias"]
    hidden = (hidden - hidden.mean(0)) / np.sqrt(hidden.var(0) + 1e-5)
    hidden = np.tanh(hidden * weights["norm.weight"] + weights["norm.bias"])
    return log_softmax(hidden @ weights["head.weight"].T + weights["head.bias"], axis=1)


@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_gradient_is_the_finite_differences(weight: float) -> None:
    """Of the mean divergence over labelled and unlabelled images, with r and the clean prediction held still."""
    net, seen = new_net(dtype=torch.float64), []
    loss = regulariser(net, seen, weight)
    loss.backward()
    clean, moved = seen[0].numpy(), seen[-1].numpy()
    assert len(clean) == len(LABELLED) + 5
    np.testing.assert_array_equal(clean[:6], ITEMS[LABELLED].astype(float))
    assert {tuple(row) for row in clean[6:]} <= {tuple(row) for row in ITEMS[UNLABELLED].astype(float)}
    np.testing.assert_allclose(np.linalg.norm(moved - clean, axis=1), EPSILON, rtol=1e-5)
    weights = {name: values.detach().numpy().copy() for name, values in net.named_parameters()}
    log_p = by_hand(weights, clean)

    def roughness() -> float:
        return weight * (np.exp(log_p) * (log_p - by_hand(weights, moved))).sum(1).mean()

    assert loss.item() == pytest.approx(roughness(), rel=1e-5)
    for name, values in net.named_parameters():
        assert values.grad is not None
        for place in np.ndindex(*values.shape):
            middle = weights[name][place]
            sides = []
            for shift in (1e-5, -1e-5):
                weights[name][place] = middle + shift
                sides.append(roughness())
            weights[name][place] = middle
            slope = (sides[0] - sides[1]) / 2e-5
            assert values.grad[place].item() == pytest.approx(slope, rel=1e-3, abs=1e-6), (name, place)


def test_nothing_of_the_model_moves() -> None:
    net = new_net()
    net(torch.from_numpy(ITEMS))  # statistics that are not the initial ones
    mean, variance = net.norm.running_mean, net.norm.running_var
    assert mean is not None and variance is not None and net.dropout.generator is not None
    before = mean.clone(), variance.clone(), net.dropout.generator.get_state()
    regulariser(net)
    assert torch.equal(mean, before[0]) and torch.equal(variance, before[1])
    assert torch.equal(net.dropout.generator.get_state(), before[2])
    assert net.dropout.p == 0.5 and net.norm.momentum == 0.1 and net.training
    assert all(values.grad is None for values in net.parameters())  # the power iteration left nothing


def test_all_is_restored_after_an_error() -> None:
    net = new_net()
    with pytest.raises(ZeroDivisionError), smooth_passes(net):
        assert (net.dropout.p, net.norm.momentum) == (0, 0)
        raise ZeroDivisionError
    assert (net.dropout.p, net.norm.momentum) == (0.5, 0.1)


def test_its_passes_run_without_dropout() -> None:
    assert regulariser(new_net(p=0.5)).item() == regulariser(new_net(p=0.0)).item()


def test_unlabelled_batches_go_round_and_may_be_missing() -> None:
    net, shown = new_net(), []
    run = VAT(Perturbation(EPSILON), 1.0, batch_size=6).begin(training_of(net))
    hook = net.register_forward_pre_hook(lambda _, inputs: shown.append(inputs[0].detach()))
    for _ in range(4):
        first = len(shown)
        run.loss(step_of(net))
        shown[first:] = shown[first : first + 1]  # the clean pass
    hook.remove()
    pool = np.concatenate([images[6:].numpy() for images in shown])
    np.testing.assert_array_equal(np.unique(pool, axis=0), np.unique(ITEMS[UNLABELLED], axis=0))
    alone: list[Tensor] = []
    assert torch.isfinite(regulariser(net, alone, unlabelled=np.empty(0, np.int64)))
    assert len(alone[0]) == len(LABELLED)


def fitted_weights(extension: VAT | None) -> dict[str, Tensor]:
    learner = Learner(
        name="net",
        make_model=lambda shape, n_classes: Net(),
        recipe={},
        epochs=3,
        batch_size=3,
        optimiser="adam",
        lr=0.05,
    )
    store = Store(ITEMS, Transforms(), "cpu")
    request = FitRequest(store, LABELLED, LABELLED % 3, UNLABELLED, UNLABELLED, 3, Streams(0, 0))
    state = learner.fit(request, extension).state()["task"]
    return {name: values for name, values in state.items() if name != "norm.num_batches_tracked"}


def test_without_weight_a_fit_is_as_if_it_were_not_there() -> None:
    """Equal to the last bit: batches, dropout and batch norm take no notice."""
    plain = fitted_weights(None)
    ignored = fitted_weights(VAT(Perturbation(EPSILON), 0.0, 5))
    heeded = fitted_weights(VAT(Perturbation(EPSILON), 1.0, 5))
    assert all(torch.equal(plain[name], ignored[name]) for name in plain)
    assert not torch.equal(plain["head.weight"], heeded["head.weight"])


def test_ldr_vat_trains_with_its_own_options() -> None:
    strategy = LDRVAT(epsilon=1.5, xi=0.1, symmetric=True, vat_weight=0.4, vat_iterations=3, vat_batch_size=9)
    extension = strategy.extension()
    assert extension == VAT(Perturbation(1.5, 0.1, 3, True, 0.0), 0.4, 9)
    assert strategy.perturbation.iterations == 5  # LDR's own
    assert extension.uses_unlabelled
    recipes = {
        json.dumps(each.extension().recipe())
        for each in (
            strategy,
            LDRVAT(),
            LDRVAT(vat_weight=2.0),
            LDRVAT(vat_iterations=2),
            LDRVAT(epsilon=1.0),
        )
    }
    assert len(recipes) == 5
