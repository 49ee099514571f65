"""Uncertainty of a softmax distribution, in float64 and log space so that near-certain items keep their order."""

from torch import Tensor


def entropy(logits_N_C: Tensor) -> Tensor:
    """Shannon entropy in nats, (N,), 0 to log C."""
    log_probs_N_C = logits_N_C.double().log_softmax(1)
    return -(log_probs_N_C.exp() * log_probs_N_C).sum(1)


def least_confidence(logits_N_C: Tensor) -> Tensor:
    """One minus the highest probability, (N,), 0 to 1 − 1/C. As −expm1(log p), exact near 0."""
    return -logits_N_C.double().log_softmax(1).max(1).values.expm1()


def margin(logits_N_C: Tensor) -> Tensor:
    """Highest minus second-highest probability, (N,), 0 to 1."""
    best_N_2 = logits_N_C.double().softmax(1).topk(2, dim=1).values
    return best_N_2[:, 0] - best_N_2[:, 1]
