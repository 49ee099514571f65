"""Whether bf16 costs accuracy: two one-sided tests on real digits, independent fits in each arm (performance.md 5.5).

python scripts/bench.py --only precision --rounds 60
"""

import time

import numpy as np
from scipy import stats

from altool.core.streams import Streams, stream
from altool.data.embedded import digits
from altool.data.spec import DatasetSpec
from altool.data.store import Store, Transforms
from altool.learners.learner import FitRequest
from benchmark.compared import Result, Settings
from benchmark.scene import learner_of

MARGIN_POINTS = 0.5  # performance.md 5.5, at a stage
N_LABELLED, LEAST_RUNS, SECONDS = 300, 20, 240.0


def measure(settings: Settings) -> list[Result]:
    """At least LEAST_RUNS fits per arm, then more until SECONDS are over or ten times the rounds are done."""
    arrays = digits(DatasetSpec("digits", "digits", test=0.2))
    transforms = Transforms((0.3,), (0.4,))
    train, test = (Store(items, transforms, "cpu") for items in (arrays.train_x, arrays.test_x))
    learner = learner_of("dataset=digits", epochs=settings.size(30, 1), min_steps=0)
    accuracies: dict[str, list[float]] = {"fp32": [], "bf16": []}
    begun, seed = time.perf_counter(), 0
    least = settings.size(LEAST_RUNS, 2)
    while len(accuracies["bf16"]) < least or (
        len(accuracies["bf16"]) < 10 * settings.rounds
        and time.perf_counter() - begun < SECONDS
        and not settings.tiny
    ):
        for precision, found in accuracies.items():
            labelled = stream(seed, "benchmark", "labelled").choice(len(train), N_LABELLED, replace=False)
            rest = np.setdiff1d(np.arange(len(train)), labelled)
            request = FitRequest(train, labelled, arrays.train_y[labelled], rest, rest, 10, Streams(seed, 0))
            fitted = learner.fit(request, None, precision=precision)
            logits = fitted.predict(test, np.arange(len(test)))
            found.append(100 * float((logits.argmax(1).numpy() == arrays.test_y).mean()))
            seed += 1  # no two fits share a draw: paired seeds would shrink nothing (performance.md 5.5)
    return [equivalence(np.array(accuracies["fp32"]), np.array(accuracies["bf16"]))]


def equivalence(fp32: np.ndarray, bf16: np.ndarray) -> Result:
    """Two one-sided Welch tests at 5 %: equal within the margin where the 90 % interval of the difference lies inside."""
    test = stats.ttest_ind(bf16, fp32, equal_var=False)
    interval = test.confidence_interval(0.9)
    low, high = float(interval.low), float(interval.high)
    return Result(
        row=f"accuracy of bf16 less fp32, digits, {N_LABELLED} labels",
        unit="points, farther end of the 90 % interval",
        must=MARGIN_POINTS,
        at_most=True,
        value=max(abs(low), abs(high)),
        n=len(bf16),
        precision="bf16",
        note=f"fp32 {fp32.mean():.2f} ± {fp32.std(ddof=1):.2f}, bf16 {bf16.mean():.2f} ± {bf16.std(ddof=1):.2f}, "
        f"difference {bf16.mean() - fp32.mean():+.2f} [{low:+.2f}, {high:+.2f}]",
    )
