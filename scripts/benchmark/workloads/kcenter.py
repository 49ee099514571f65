"""Core-set's query: 1,000 picks by greedy k-center on 512 features.

Reference: scikit-learn's pairwise distances, all points to all labelled ones first, then all points to every new pick
(performance.md 3, items 10 and 11).
"""

import numpy as np
import torch
from sklearn.metrics import pairwise_distances

from altool.strategies.coreset import CoreSet
from benchmark.compared import Ours, Part, Settings, Workload
from benchmark.scene import feature_context, features_of

D = 512


def small(settings: Settings) -> Workload:
    """11,000 items, 1,000 of them labelled; the reference runs whole."""
    picks = settings.size(1000, 10)
    return _workload(settings.size(11_000, 200), settings.size(1000, 30), picks, 1, picks, 20, 35)


def large(settings: Settings) -> Workload:
    """50,000 items, 10,000 labelled."""
    return _workload(
        settings.size(50_000, 400), settings.size(10_000, 60), settings.size(1000, 20), 10, 10, 12, 20
    )


def _workload(
    n: int, n_labelled: int, picks: int, tenths: int, reference_picks: int, must: float, aim: float
) -> Workload:
    features = features_of(n, D)
    array = features.numpy()
    strategy = CoreSet()
    context = feature_context(features, n_labelled, strategy)
    chosen: dict[str, np.ndarray] = {}
    start = np.empty(0)  # every item's distance to the labelled ones

    def nearest_labelled(centres: int) -> np.ndarray:
        return pairwise_distances(array, array[:centres]).min(axis=1)

    def pick_one_by_one() -> None:
        nearest = start.copy()
        found = []
        for _ in range(reference_picks):
            found.append(int(np.argmax(nearest)))
            to_new = pairwise_distances(array, array[found[-1:]])
            nearest = np.minimum(nearest, to_new.min(axis=1))
        chosen["reference"] = np.array(found)

    def first_distances() -> None:
        nonlocal start
        found = nearest_labelled(n_labelled // tenths)
        start = found if tenths == 1 else start

    @torch.no_grad()
    def ours() -> None:
        fitted = strategy.fit(context)
        scores = strategy.score(context, fitted).numpy()
        chosen["ours"] = strategy.select(context, fitted, scores, picks).indices

    def check() -> str:
        same = chosen["reference"] == chosen["ours"][:reference_picks]
        assert same.all(), f"{(~same).sum()} of {len(same)} picks differ"
        return f"all {len(same)} compared picks equal"

    if tenths != 1:
        start = nearest_labelled(n_labelled)
    note = (
        ""
        if tenths == 1
        else (
            f"reference: 1/{tenths} of the labelled items and {reference_picks} of {picks} picks, both scaled as linear"
        )
    )
    return Workload(
        reference=[Part(first_distances, tenths), Part(pick_one_by_one, picks / reference_picks)],
        ours=[Ours(f"k-center, {n:,} items, {n_labelled:,} labelled", must, aim, [Part(ours)])],
        check=check,
        note=note,
    )
