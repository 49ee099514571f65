"""Uncertainty of a softmax distribution, in float64 and without 1 − p, so that near-certain items keep their order.

Of maps of distributions, (B, C, H, W): that of every pixel, on their device and in float32, which their average over the
pixels hardly feels.
"""

from collections.abc import Callable

from torch import Tensor

from altool.core.strategy import Context

TILE_ELEMENTS = 2**22  # of an item's map, looked at together: bounds the memory beside the map
Measure = Callable[[Tensor], Tensor]


def scores(context: Context, measure: Measure) -> Tensor:
    """`measure` of the model's logits of every candidate, (N,), averaged over pixels where they are maps; chunk by chunk: a
    million items' logits of a thousand classes would fill the memory."""

    def reduce(chunk: dict[str, Tensor]) -> dict[str, Tensor]:
        logits = chunk["logits"]
        return {"score": averaged(measure, logits) if logits.ndim > 2 else measure(logits)}

    return context.probe(context.candidates, ["logits"], reduce)["score"]


def averaged(measure: Measure, maps: Tensor) -> Tensor:
    """`measure` of maps (B, …, H, W), averaged over their pixels, (B,)."""
    height, width = maps.shape[-2:]
    rows = max(1, TILE_ELEMENTS // (maps[0].numel() // height))
    tiles = (measure(tile).flatten(1).sum(1) for tile in maps.split(rows, dim=-2))
    return sum(tiles, maps.new_zeros(len(maps))) / (height * width)


def entropy(logits_N_C: Tensor) -> Tensor:
    """Shannon entropy in nats, (N,), 0 to log C."""
    log_probs_N_C = _exact(logits_N_C).log_softmax(1)
    return -(log_probs_N_C.exp() * log_probs_N_C).sum(1)


def least_confidence(logits_N_C: Tensor) -> Tensor:
    """One minus the highest probability, as the sum of the others, (N,), 0 to 1 − 1/C."""
    return _others(logits_N_C).sum(1)


def one_minus_margin(logits_N_C: Tensor) -> Tensor:
    """One minus the gap between the two highest probabilities, (N,), 0 to 1."""
    others = _others(logits_N_C)
    return others.sum(1) + others[:, -1]


def _others(logits_N_C: Tensor) -> Tensor:
    """All probabilities but the highest, ascending, (N, C−1)."""
    return _exact(logits_N_C).softmax(1).sort(dim=1).values[:, :-1]


def _exact(logits: Tensor) -> Tensor:
    return logits.cpu().double() if logits.ndim == 2 else logits
