"""Optimisers and learning-rate schedules, by the names that the configuration uses."""

from collections.abc import Iterable
from math import cos, pi

from torch.nn import Parameter

from altool.core.errors import UserError
from altool.models.optimisers import SGD, Adam, Optimiser

OPTIMISERS = ("sgd", "adam")
SCHEDULES = ("step", "cosine", "one_cycle", "constant")


def make_optimiser(
    name: str, parameters: Iterable[Parameter], lr: float, momentum: float, weight_decay: float
) -> Optimiser:
    """SGD with momentum, or Adam with default betas; fused on every device."""
    if name == "sgd":
        return SGD(parameters, lr, momentum, weight_decay)
    if name == "adam":
        return Adam(parameters, lr, weight_decay)
    raise UserError(f"learner.optimiser={name}: known: {', '.join(OPTIMISERS)}.")


def lr_factor(
    schedule: str,
    epoch: int,
    step: int,
    epochs: int,
    steps_per_epoch: int,
    milestones: tuple[float, ...],
    gamma: float,
) -> float:
    """What the base learning rate is multiplied by in step `step` (of all steps, from 0) of epoch `epoch` (from 0).

    step: × gamma from each milestone (a fraction of the epochs) on; cosine: half a cosine over the epochs; one_cycle: cosine
    up from 1/25 over the first 30 % of steps and down to 1/250,000, as torch's OneCycleLR.
    """
    if schedule == "step":
        return gamma ** sum(epoch >= round(m * epochs) for m in milestones)
    if schedule == "cosine":
        return 0.5 * (1 + cos(pi * epoch / epochs))
    if schedule == "constant":
        return 1.0
    if schedule == "one_cycle":
        last = epochs * steps_per_epoch - 1
        peak = 0.3 * (last + 1) - 1
        if step <= peak and peak > 0:
            return _anneal(1 / 25, 1.0, step / peak)
        return _anneal(1.0, 1 / 25e4, (step - peak) / max(last - peak, 1e-9))
    raise UserError(f"learner.schedule={schedule}: known: {', '.join(SCHEDULES)}.")


def _anneal(start: float, end: float, t: float) -> float:
    return end + (start - end) / 2 * (1 + cos(pi * min(max(t, 0.0), 1.0)))
