"""LDR with virtual adversarial training beside the cross-entropy (P3 Eq. 3, "VAAL + VAT")."""

from dataclasses import dataclass

from altool.core.strategy import Extension
from altool.strategies._perturbation import Perturbation
from altool.strategies._vat import VAT
from altool.strategies.ldr import LDR


@dataclass(frozen=True)
class LDRVAT(LDR):
    """Options of `LDR`, and: `vat_weight` λ of Eq. 3 (P3: 1); `vat_iterations` Ip in training (L11: 1); `vat_batch_size`
    unlabelled images per step."""

    vat_weight: float = 1.0
    vat_iterations: int = 1
    vat_batch_size: int = 128

    def extension(self) -> Extension:
        perturbation = Perturbation(
            self.epsilon, self.xi, self.vat_iterations, self.symmetric, self.smoothing
        )
        return VAT(perturbation, self.vat_weight, self.vat_batch_size)
