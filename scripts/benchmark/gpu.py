"""The rows of one GPU, all on altool's own code: training alone and with five seeds at once, the VAE iteration, k-center, a
whole stage of TA-VAAL and what that predicts for five trials of ten stages. A few minutes on an H200.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch

from altool.core.streams import Streams
from altool.core.turns import take_turns
from altool.data.store import Store
from altool.engine.cell import Platform
from altool.engine.query import run_query
from altool.learners.learner import FitRequest, Learner
from altool.strategies._adversarial import Adversaries
from altool.strategies._kcenter import k_center_greedy
from altool.strategies.ta_vaal import TAVAAL
from altool.strategies.vaal import Ranks
from benchmark.compared import Result, Settings
from benchmark.machine import measure_ceilings
from benchmark.scene import (
    CIFAR,
    context_of,
    features_of,
    learner_of,
    random_images,
    request_of,
    untrained,
)

SEEDS, STAGES, STEP = 5, 10, 1000
PAPER_EPOCHS = 200
TARGETS = {  # row: unit, must, aim, at most (performance.md 5.3)
    "ResNet-18, batch 128, one seed": ("img/s", 50e3, 70e3, False),
    "ResNet-18, batch 128, five seeds": ("img/s", 75e3, 95e3, False),
    "VAE iteration": ("ms", 3.3, 2.2, True),
    "k-center, 50,000 items, 1,000 picks": ("ms", 100, 30, True),
    "TA-VAAL, 5 trials of 10 stages, predicted": ("min", 43, 29, True),
    "peak memory, five seeds": ("GiB", 12, 6, True),
}


@dataclass(frozen=True)
class Found:
    value: float
    note: str = ""


def measure(settings: Settings) -> list[Result]:
    if not torch.cuda.is_available():
        return [_result(row, None) for row in TARGETS]
    found = rows(settings, torch.device("cuda", torch.cuda.current_device()))
    return [_result(row, found[row]) for row in TARGETS]


def rows(settings: Settings, device: torch.device) -> dict[str, Found]:
    """Every row by name; on a CPU with tiny settings to try the paths out."""
    ceilings = measure_ceilings(settings, str(device))
    best = f"bf16 product {ceilings.operations['bf16'] / 1e12:.0f} TFLOP/s, copy {ceilings.bytes / 1e12:.2f} TB/s"
    n = settings.size(10_000, 16)
    learner = _learner(settings, epochs=settings.size(12, 2))
    store = Store(random_images(n), CIFAR, device)
    alone = _training_rate(settings, learner, [request_of(store, n, 10)])
    _forget(device)
    requests = [_with_seed(request_of(store, n, 10), seed) for seed in range(SEEDS)]
    together = _training_rate(settings, learner, requests)
    peak = torch.cuda.max_memory_reserved(device) / 2**30 if device.type == "cuda" else 0.0
    iteration = _vae_iteration(settings, device)
    picking = _k_center(settings, device)
    stage_seconds, predicted = _whole_stage(settings, device, together, iteration)
    names = list(TARGETS)
    return dict(
        zip(
            names,
            [
                Found(alone, best),
                Found(together, f"{together / alone:.2f} × one seed"),
                Found(1000 * iteration),
                Found(1000 * picking),
                Found(predicted / 60, f"the first stage, run whole: {stage_seconds:.1f} s"),
                Found(peak),
            ],
            strict=True,
        )
    )


def _result(row: str, found: Found | None) -> Result:
    unit, must, aim, at_most = TARGETS[row]
    note = found.note if found else "no CUDA device"
    return Result(
        row=f"GPU: {row}",
        unit=unit,
        must=must,
        aim=aim,
        at_most=at_most,
        value=found.value if found else None,
        n=1 if found else 0,
        precision="bf16",
        note=note,
    )


def _learner(settings: Settings, **changes: int) -> Learner:
    width = settings.size(64, 4)
    learner = learner_of("learner=resnet18", "dataset=cifar10", f"learner.model.width={width}", **changes)
    return (
        learner
        if not settings.tiny
        else learner_of(
            "learner=resnet18", "dataset=cifar10", f"learner.model.width={width}", batch_size=8, **changes
        )
    )


def _with_seed(request: FitRequest, seed: int) -> FitRequest:
    return FitRequest(**{**vars(request), "streams": Streams(seed, 1)})


def _training_rate(settings: Settings, learner: Learner, requests: list[FitRequest]) -> float:
    """Images per second of all fits together, from when all are past their first epoch (recordings made) until one ends."""
    ends: list[list[float]] = [[] for _ in requests]
    device = requests[0].store.device
    platform = Platform(device=device, precision="bf16", deterministic=False, threads=settings.threads)

    def fit(number: int) -> None:
        with platform.own_stream():
            learner.fit(
                requests[number],
                None,
                precision="bf16",
                on_epoch=lambda report: ends[number].append(time.perf_counter()),
            )

    take_turns([partial(fit, number) for number in range(len(requests))], len(requests))
    begun, ended = max(times[0] for times in ends), min(times[-1] for times in ends)
    epochs = sum(_epochs_between(times, begun, ended) for times in ends)
    return epochs * len(requests[0].labelled) / (ended - begun) if ended > begun else math.nan


def _epochs_between(ends: list[float], begun: float, ended: float) -> float:
    """Epochs of one fit in a window, parts of epochs included."""
    total = 0.0
    for start, end in pairwise(ends):
        total += max(0.0, min(end, ended) - max(start, begun)) / (end - start)
    return total


def _forget(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def _seconds(run: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Of one run, the median of three times `repeats` in a row; the first is a warm-up."""
    times = []
    for _ in range(4):
        begun = time.perf_counter()
        for _ in range(repeats):
            run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append((time.perf_counter() - begun) / repeats)
    return sorted(times[1:])[1]


def _vae_iteration(settings: Settings, device: torch.device) -> float:
    batch, width = settings.size(128, 4), settings.size(128, 4)
    strategy = TAVAAL(width=width, batch_size=batch)
    store = Store(random_images(8 * batch), CIFAR, device)
    fitted = untrained(_learner(settings), store, 10, "bf16")
    context = context_of(strategy, fitted, request_of(store, 4 * batch, 10), "bf16")
    ranks = Ranks(*(torch.linspace(-1, 1, 4 * batch, device=device) for _ in range(2)))
    adversaries = Adversaries(strategy.game, context.image_shape, context.streams, device, "bf16")
    draw = partial(strategy._feeds(context, ranks), 1)
    return _seconds(lambda: adversaries.iterate(draw, 1, 1), device, settings.size(50, 1))


def _k_center(settings: Settings, device: torch.device) -> float:
    n, n_labelled = settings.size(50_000, 300), settings.size(10_000, 50)
    points = features_of(n, 512).to(device)
    candidates, labelled = points[n_labelled:], points[:n_labelled]
    return _seconds(lambda: k_center_greedy(candidates, labelled, settings.size(1000, 10)), device, 1)


def _whole_stage(
    settings: Settings, device: torch.device, images_per_second: float, iteration_seconds: float
) -> tuple[float, float]:
    """Seconds of TA-VAAL's first stage (fit and query), and of SEEDS trials of STAGES by the rates measured; what the stage
    took beyond what the rates say of it is added to every stage."""
    n_labelled, n_candidates = settings.size(STEP, 16), settings.size(10 * STEP, 24)
    strategy = TAVAAL(
        width=settings.size(128, 4), epochs=settings.size(100, 1), batch_size=settings.size(128, 8)
    )
    learner = _learner(settings, epochs=settings.size(PAPER_EPOCHS, 1))
    store = Store(random_images(n_labelled + n_candidates), CIFAR, device)
    request = request_of(store, n_labelled, 10)
    begun = time.perf_counter()
    fitted = learner.fit(request, strategy.extension(), precision="bf16")
    run_query(strategy, context_of(strategy, fitted, request, "bf16"), settings.size(STEP, 8))
    taken = time.perf_counter() - begun

    def by_rates(stage: int) -> float:
        labelled = n_labelled * (stage + 1)
        last = stage == STAGES - 1
        iterations = 0 if last else strategy.iterations(labelled, n_candidates)
        return PAPER_EPOCHS * labelled / images_per_second + iterations * iteration_seconds

    beyond = max(0.0, taken - by_rates(0))
    return taken, SEEDS * sum(by_rates(stage) + beyond for stage in range(STAGES))
