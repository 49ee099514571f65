"""Monte Carlo dropout (Gal & Ghahramani 2016): a model that drops units in training and, per draw, when it is asked."""

from dataclasses import dataclass
from math import log
from typing import Any

from torch import Tensor

from altool.core.errors import UserError
from altool.core.strategy import Extension, ExtensionRun, Training
from altool.models.dropout import dropouts


@dataclass(frozen=True)
class MCDropout(Extension):
    """Dropout of probability `p` wherever the model has a place for it that is still idle: before each residual stage of a
    ResNet (P2 4.2; B5), in the hidden layers of others. A dropout that the learner has of its own stays as it is."""

    p: float = 0.25

    def recipe(self) -> dict[str, Any]:
        return {"dropout": self.p}

    def begin(self, training: Training) -> ExtensionRun:
        layers = dropouts(training.model)
        if not layers:
            raise UserError(
                "strategy=bald: this learner has no place for dropout that altool can draw from, so that all draws would be "
                "the same; learners with one: resnet18, cnn, mlp (altool ls learner)."
            )
        for layer in layers:
            layer.p = layer.p or self.p
        return ExtensionRun()


def predictive_entropy(log_probs_B_K_C: Tensor) -> Tensor:
    """Entropy of the mean prediction over K draws, nats, (B,)."""
    mean_B_C = log_probs_B_K_C.logsumexp(1) - log(log_probs_B_K_C.shape[1])
    return -(mean_B_C.exp() * mean_B_C).sum(1)


def mutual_information(log_probs_B_K_C: Tensor) -> Tensor:
    """BALD: entropy of the mean prediction less the mean entropy of the predictions, nats, (B,), at least 0 but for
    rounding (Houlsby et al. 2011)."""
    expected_B = -(log_probs_B_K_C.exp() * log_probs_B_K_C).sum(2).mean(1)
    return predictive_entropy(log_probs_B_K_C) - expected_B
