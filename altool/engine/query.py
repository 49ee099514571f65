"""One query: the strategy looks, trains, scores and picks; the engine checks what it gives back."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from altool.core.errors import RunFailed
from altool.core.strategy import Context, Diagnostics, Picks, Strategy, check_picks
from altool.core.streams import Streams
from altool.engine.clock import timed
from altool.engine.profile import phase
from altool.learners.fitted import FittedModel, Reduce
from altool.learners.learner import FitRequest


@dataclass(frozen=True)
class Query:
    """What came of a query, and the seconds of its three parts."""

    picks: Picks
    scores: np.ndarray
    strategy_fit_seconds: float
    score_seconds: float
    select_seconds: float


class DeclaredProbe:
    """The model's probe, open for what the strategy declared and nothing else."""

    def __init__(self, fitted: FittedModel, declared: frozenset[str]):
        self._probe = fitted.probe
        self._declared = declared

    def __call__(
        self,
        indices: np.ndarray,
        wants: Iterable[str],
        reduce: Reduce | None = None,
        draws: int = 0,
    ) -> dict[str, Tensor]:
        asked = tuple(wants)
        undeclared = set(asked) - self._declared
        if undeclared:
            raise RunFailed(f"the strategy probes {sorted(undeclared)[0]!r} without declaring it in `wants`")
        with phase("probe", len(indices) * max(1, draws)):
            return self._probe(indices, asked, reduce, draws)


def make_context(
    strategy: Strategy,
    fitted: FittedModel,
    request: FitRequest,
    streams: Streams,
    precision: str,
    chunk: int,
    diagnostics: Diagnostics,
    progress: Callable[[int, int], None],
) -> Context:
    """All that the strategy gets to see."""
    store = request.store
    return Context(
        stage=streams.stage,
        candidates=_read_only(request.candidates),
        unlabelled=_read_only(request.unlabelled),
        labelled=_read_only(request.labelled),
        labels=_read_only(request.labels),
        n_classes=request.n_classes,
        image_shape=store.shape,
        tap_channels=fitted.model.tap_channels,
        probe=DeclaredProbe(fitted, strategy.wants),
        images=store.images,
        logits=fitted.exact_logits if strategy.input_gradients else None,
        trained=fitted.trained,
        streams=streams,
        device=store.device,
        precision=precision,
        diagnostics=diagnostics,
        carry={key: _read_only(values) for key, values in request.carry.items()},
        progress=progress,
        chunk=chunk,
    )


def _read_only(array: np.ndarray) -> np.ndarray:
    """A copy that cannot be written to: what the engine records stays its own."""
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def run_query(strategy: Strategy, context: Context, n: int) -> Query:
    """Fit, score, select. Raises RunFailed when the strategy returns what no strategy may."""
    device, candidates = context.device, context.candidates.copy()
    try:
        with timed(device) as fit, phase("strategy fit"):
            state = strategy.fit(context)
        with timed(device) as score, phase("score", len(candidates)):
            scores = as_scores(strategy.score(context, state), len(context.candidates))
        with timed(device) as select, phase("select"):
            picks = strategy.select(context, state, scores, n)
    except torch.OutOfMemoryError as error:
        raise RunFailed(_out_of_memory(strategy, error)) from None
    try:
        check_picks(picks, candidates, n, strategy.buys_duplicates)
    except ValueError as error:
        raise RunFailed(f"{type(strategy).__name__}: {error}") from None
    return Query(picks, scores, fit.seconds, score.seconds, select.seconds)


def _out_of_memory(strategy: Strategy, error: torch.OutOfMemoryError) -> str:
    """What is left to do once chunks cannot be halved any more, or a network of the strategy's own does not fit."""
    options = [name for name in ("batch_size", "size", "width", "draws") if hasattr(strategy, name)]
    smaller = f"a smaller {', '.join(f'strategy.{name}' for name in options)}, " if options else ""
    reason = (str(error).splitlines() or ["no memory"])[0]
    return (
        f"out of memory in the query of {type(strategy).__name__} ({reason}): take {smaller}a smaller image size, or a "
        "device that is not shared."
    )


def as_scores(scores: np.ndarray | Tensor, n: int) -> np.ndarray:
    """Scores as float64 (n,). Raises RunFailed on another shape or a value that is not finite."""
    if isinstance(scores, torch.Tensor):
        scores = scores.detach().double().cpu().numpy()
    array = np.asarray(scores, dtype=np.float64)
    if array.shape != (n,):
        raise RunFailed(f"the strategy scored {array.shape}, not one number for each of {n} candidates")
    bad = np.flatnonzero(~np.isfinite(array))
    if len(bad):
        raise RunFailed(f"the strategy gave {len(bad)} of {n} candidates a score that is not finite")
    return array
