"""DFAL, DeepFool active learning (Ducoffe & Precioso 2018), P3's baseline: the smallest adversarial perturbation first, and
the adversarial twin of every bought image joins the training with the same label, at no annotation's cost (L13, L14)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from altool.core.strategy import Context, Extension, ExtensionRun, Picks, Strategy, Training, top
from altool.strategies._deepfool import DeepFool
from altool.strategies._perturbation import norms


@dataclass(frozen=True)
class DFAL(Strategy):
    """Options of `DeepFool` (its `iterations` is `max_iterations`); `twins`: whether they join the training. Costs up to
    `max_iterations` × `classes` gradients per candidate (few are needed); O(N) memory beside the chunk."""

    wants = frozenset[str]()
    input_gradients = True
    pointwise = False  # those that no perturbation fooled rank behind the hardest of the others

    max_iterations: int = 50
    overshoot: float = 0.02
    classes: int = 10
    twins: bool = True

    @property
    def deepfool(self) -> DeepFool:
        return DeepFool(self.max_iterations, self.overshoot, self.classes)

    def __post_init__(self) -> None:
        _ = self.deepfool

    def extension(self) -> Extension | None:
        return Twins() if self.twins else None

    def score(self, context: Context, fitted: Any) -> Tensor:
        """Minus the L2 length of the perturbation. What was not fooled comes last."""

        def serve(part: slice) -> dict[str, Tensor]:
            _, perturbation, fooled = self._perturb(context, context.candidates[part])
            return {"length": norms(perturbation), "fooled": fooled}

        found = context.in_chunks(len(context.candidates), serve)
        lengths_N, fooled_N = found["length"], found["fooled"]
        context.diagnostics.number("deepfool_fooled", fooled_N.float().mean().item())
        farthest = lengths_N[fooled_N].max() if fooled_N.any() else 0.0
        return -torch.where(fooled_N, lengths_N, 2 * farthest + lengths_N)

    def select(self, context: Context, fitted: Any, scores: np.ndarray, n: int) -> Picks:
        order = top(scores, n, context.streams.numpy("strategy", "ties"))
        picks = context.candidates[order]
        return Picks(picks, scores[order], self._carry(context, picks) if self.twins else None)

    def _perturb(self, context: Context, indices: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Images, the perturbation of each, and whether it changes the prediction."""
        assert context.logits is not None
        images = context.images(indices)
        return images, *self.deepfool.perturbation(context.logits, images)

    def _carry(self, context: Context, picks: np.ndarray) -> dict[str, np.ndarray]:
        """The twins so far and those of the picks: images, and whose twins they are."""

        def serve(part: slice) -> dict[str, Tensor]:
            images, perturbation, _ = self._perturb(context, picks[part])
            return {"twins": (images + perturbation).float().cpu().contiguous()}

        new, old = context.in_chunks(len(picks), serve)["twins"].numpy(), context.carry
        images = np.concatenate([old["images"], new]) if old else new
        indices = np.concatenate([old["indices"], picks]) if old else picks
        return {"images": images, "indices": indices}


class Twins(Extension):
    """Adversarial twins from the carry, with the labels that were bought for their originals."""

    def recipe(self) -> dict[str, Any]:
        return {}  # stage 0 has no twins: it is everybody's

    def begin(self, training: Training) -> ExtensionRun:
        return TwinsRun(training.carry, training.labelled, training.labels, training.device)


class TwinsRun(ExtensionRun):
    def __init__(
        self,
        carry: Mapping[str, np.ndarray],
        labelled: np.ndarray,
        labels: np.ndarray,
        device: torch.device,
    ):
        self.samples: tuple[Tensor, Tensor] | None = None
        if carry:
            label_of = dict(zip(labelled.tolist(), labels.tolist(), strict=True))
            known = torch.tensor([label_of[i] for i in carry["indices"].tolist()], device=device)
            self.samples = torch.from_numpy(carry["images"]).to(device), known

    def extra_samples(self) -> tuple[Tensor, Tensor] | None:
        return self.samples
