"""Uncertainty of a softmax distribution, in float64 and without 1 − p, so that near-certain items keep their order."""

from collections.abc import Callable

from torch import Tensor

from altool.core.strategy import Context


def of_candidates(measure: Callable[[Tensor], Tensor], context: Context) -> Tensor:
    """`measure` of every candidate's logits, (N,), chunk by chunk: a million items' logits of a thousand classes would
    fill the memory."""

    def reduce(chunk: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"score": measure(chunk["logits"])}

    return context.probe(context.candidates, ["logits"], reduce)["score"]


def entropy(logits_N_C: Tensor) -> Tensor:
    """Shannon entropy in nats, (N,), 0 to log C."""
    log_probs_N_C = logits_N_C.cpu().double().log_softmax(1)
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
    return logits_N_C.cpu().double().softmax(1).sort(dim=1).values[:, :-1]
