"""One question to a person: which pictures to label next, and how good the model is on what is known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from altool.core.chunks import told_when_full
from altool.core.records import Metrics
from altool.core.strategy import Diagnostics, Extension, Strategy
from altool.core.streams import Streams
from altool.data.store import Store
from altool.data.task import Split
from altool.engine.evaluate import evaluate, metrics
from altool.engine.query import make_context, run_query
from altool.learners.fitted import FittedModel
from altool.learners.learner import FitRequest, Learner
from altool.learners.train import EpochReport
from altool.strategies._kcenter import k_center_greedy

K_CENTER_CANDIDATES = 50_000  # drawn from larger pools: bounds the memory of their features


@dataclass(frozen=True)
class Asker:
    """How questions are found: what trains, and what chooses."""

    learner: Learner
    strategy: Strategy
    extend: Callable[[Strategy], Extension | None]
    precision: str

    def fit(self, request: FitRequest, on_epoch: Callable[[EpochReport], None] | None = None) -> FittedModel:
        extension = self.extend(self.strategy)
        return self.learner.fit(request, extension, precision=self.precision, on_epoch=on_epoch)


@dataclass(frozen=True)
class Question:
    """Dataset indices in order of preference with their scores; what the model says of each, class ids (n,) and
    probabilities (n,), None where there was no model."""

    picks: np.ndarray
    scores: np.ndarray
    predicted: np.ndarray | None = None
    confidence: np.ndarray | None = None
    test: Metrics = field(default_factory=Metrics)
    carry: Mapping[str, np.ndarray] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def ask(
    asker: Asker,
    request: FitRequest,
    n: int,
    test: Split | None,
    on_epoch: Callable[[EpochReport], None],
    progress: Callable[[int, int], None],
) -> Question:
    """Trains on the labels so far and lets the strategy choose `n` of the candidates."""
    fitted = asker.fit(request, on_epoch)
    diagnostics = Diagnostics()
    context = make_context(
        *(asker.strategy, fitted, request, request.streams, asker.precision, asker.learner.eval_batch),
        *(diagnostics, progress),
    )
    picks = run_query(asker.strategy, context, n).picks
    with told_when_full("on the chosen pictures"):
        confidence, predicted = fitted.predict(request.store, picks.indices).double().softmax(1).max(1)
    return Question(
        *(picks.indices, picks.scores, predicted.cpu().numpy(), confidence.cpu().numpy()),
        evaluate(fitted, test, request.n_classes),
        picks.carry or {},
        tuple(diagnostics.warnings),
    )


def ask_by_k_center(
    features: Store, candidates: np.ndarray, centres: np.ndarray, n: int, streams: Streams
) -> Question:
    """The `n` candidates that lie farthest from each other and from the `centres`: what to ask while nothing can be learnt.
    The scores are distances."""
    if len(candidates) > K_CENTER_CANDIDATES:
        first = np.argsort(streams.priorities(len(features))[candidates], kind="stable")[:K_CENTER_CANDIDATES]
        candidates = np.sort(candidates[first])
    points = features.images(candidates)
    positions, distances = k_center_greedy(points, features.images(centres), n)
    return Question(candidates[positions.cpu().numpy()], distances.double().cpu().numpy())


def cross_validate(asker: Asker, request: FitRequest, n_folds: int) -> Metrics:
    """Metrics of the labelled items, each predicted by a model that was trained on the other folds. The labelled items were
    chosen to be hard, so this is no estimate for pictures at random; it says whether more labels still help."""
    labels, order = request.labels, request.streams.numpy("folds").permutation(len(request.labels))
    fold = np.empty(len(labels), np.int64)
    dealt = 0
    for label in np.unique(labels):  # dealt out class by class, so that every fold has its share of each
        of_class = order[labels[order] == label]
        fold[of_class] = (np.arange(len(of_class)) + dealt) % n_folds
        dealt += len(of_class)
    logits_N_C = torch.empty(len(labels), request.n_classes)
    for k in range(n_folds):
        out = fold == k
        known = replace(request, labelled=request.labelled[~out], labels=labels[~out], carry={})
        if out.any() and len(known.labelled):
            logits_N_C[out] = asker.fit(known).predict(request.store, request.labelled[out]).cpu()
    return metrics(logits_N_C, torch.from_numpy(labels), request.n_classes)
