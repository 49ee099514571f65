"""P1 Algorithm 1 as printed: Ranker, auto-encoder and discriminator all take a step in every step of the task model.

The paper leaves open how labelled and unlabelled batches pair up (T3). Here each step of the task model is followed by one
iteration of the game on the next labelled and the next unlabelled batch, un-augmented, with ranks from the current model in
eval mode, and drawn from U(0, 1) in the first epoch.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from altool.core.batches import endless_batches
from altool.core.strategy import Extension, ExtensionRun, Training, TrainingStep
from altool.strategies._adversarial import Adversaries, Half, check_finite, view
from altool.strategies._loss_prediction import LossPrediction, LossPredictionRun

if TYPE_CHECKING:
    from altool.strategies.ta_vaal import TAVAAL


@dataclass(frozen=True)
class JointGame(Extension):
    """The Ranker's loss prediction with the game beside it; the candidates are the unlabelled side."""

    uses_unlabelled = True

    ranker: LossPrediction
    strategy: "TAVAAL"

    def recipe(self) -> dict[str, Any]:
        return {**self.ranker.recipe(), "joint": asdict(self.strategy)}

    def begin(self, training: Training) -> "JointRun":
        return JointRun(self, training)


class JointRun(ExtensionRun):
    def __init__(self, joint: JointGame, training: Training):
        self.strategy = joint.strategy
        self.training = training
        self.ranker = LossPredictionRun(joint.ranker, training)
        self.adversaries = Adversaries(
            joint.strategy.game,
            training.input_shape,
            training.streams,
            training.device,
            training.precision,
        )
        rng = training.streams.numpy("strategy", "order")
        self.uniform = training.streams.torch("strategy", "first_rank", device=training.device)
        sides = (training.labelled, training.candidates)
        self.batches: list[Iterator[np.ndarray]] = [
            endless_batches(side, joint.strategy.batch_size, rng, joint.strategy.shuffle) for side in sides
        ]

    def optimised(self) -> dict[str, nn.Module]:
        return self.ranker.optimised()

    def optimised_now(self, epoch: int) -> bool:
        return self.ranker.optimised_now(epoch)

    def networks(self) -> dict[str, nn.Module]:
        return {**self.ranker.networks(), **self.adversaries.networks()}

    def loss(self, step: TrainingStep) -> Tensor:
        return self.ranker.loss(step)

    def auxiliary(self, output: Any) -> Tensor:
        return self.ranker.auxiliary(output)

    def after_step(self, step: TrainingStep) -> None:
        def draw() -> tuple[Half, Half]:
            labelled, unlabelled = (self._half(step.epoch, next(batches)) for batches in self.batches)
            return labelled, unlabelled

        strategy, training = self.strategy, self.training
        losses = self.adversaries.iterate(draw, strategy.vae_steps, strategy.discriminator_steps)
        if step.step % training.steps_per_epoch == 0:
            check_finite(losses, step.step, training.epochs * training.steps_per_epoch)

    @torch.no_grad()
    def _half(self, epoch: int, indices: np.ndarray) -> Half:
        images = self.training.images(indices)
        if epoch == 0:  # Algorithm 1, n = 1
            first = torch.rand(len(images), generator=self.uniform, device=images.device)
            return Half(view(images), first, first)
        model = self.training.model
        model.eval()
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.training.precision == "bf16"):
            raw = self.ranker.auxiliary(model(images)).float()
        model.train()
        return Half(view(images), raw.sigmoid(), self.strategy.discriminator_rank(raw))
