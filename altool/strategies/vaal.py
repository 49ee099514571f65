"""VAAL, variational adversarial active learning (Sinha et al. 2019), as P0, P1 and P2 compare with it.

The task model is trained on its own; then auto-encoder and discriminator play their game over labelled items and
candidates, and what looks least labelled is bought. Settings are those of the port that the papers' code grew from
(facts.md 1.3, B3): two VAE steps per discriminator step, KL summed, 100 passes, a random subset.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from altool.core.batches import endless_batches
from altool.core.chunks import in_chunks
from altool.core.errors import require_positive
from altool.core.strategy import Context, Strategy
from altool.strategies._adversarial import (
    FINITE_CHECK_EVERY,
    Adversaries,
    Game,
    Half,
    Size,
    check_finite,
    kl,
    pass_iterations,
    report_divergence,
    sized_width,
    view,
    view_shape,
)

VIEW_BYTES = 2**30  # of resized images that are kept
NEAR_CHANCE = 0.55  # balanced accuracy of the discriminator below which a query is warned about


class Ranks(NamedTuple):
    """Predicted losses of the candidates and of the labelled items, raw, (N,) and (L,)."""

    candidates: Tensor
    labelled: Tensor


class Played(NamedTuple):
    """What a finished game leaves: the networks, and the ranks they were shown (None for VAAL)."""

    networks: dict[str, nn.Module]
    ranks: Ranks | None


@dataclass(frozen=True)
class VAAL(Strategy):
    """`size`: `paper`, or `small` for trials on a CPU: a quarter of `width`, a tenth of `epochs`.
    `epochs`: passes over labelled items and candidates together (T9); `width`: of the first convolution, 128 as released,
    cut for images below 28 pixels; `latent` None: 32, or 28 for 28×28, 16 for 8×8, 2 for points.
    `iteration_rule` release2021: the sizes of P1's CIFAR-10 for every dataset (facts.md 1.1.3).
    `batch_norm`: mode of the VAE's batch norm when scoring; `train` is the released code's (T12).
    The score is minus the discriminator's logit of "labelled": same order as 1 − D, without its saturation.
    """

    dense = True
    ranked: ClassVar[bool] = False

    size: Size = "paper"
    epochs: float = 100
    width: int = 128
    latent: int | None = None
    batch_size: int = 128
    lr: float | None = None
    beta: float = 1.0
    kl_reduction: Literal["mean", "sum"] = "sum"
    adversary: float = 1.0
    vae_steps: int = 2
    discriminator_steps: int = 1
    discriminator_layers: int = 3
    shuffle: bool = True
    batch_norm: Literal["eval", "train"] = "eval"
    iteration_rule: Literal["sizes", "release2021"] = "sizes"

    def __post_init__(self) -> None:
        require_positive(
            self, "strategy", "epochs", "width", "batch_size", "vae_steps", "discriminator_steps"
        )

    @property
    def game(self) -> Game:
        return Game(
            sized_width(self.size, self.width),
            self.latent,
            self.beta,
            self.kl_reduction,
            self.adversary,
            self.lr,
            self.discriminator_layers,
            self.ranked,
        )

    def iterations(self, n_labelled: int, n_candidates: int) -> int:
        """Over labelled items and candidates, T9."""
        return pass_iterations(self.size, self.epochs, n_labelled + n_candidates, self.batch_size)

    def rehearsal(self, n_labelled: int, n_candidates: int, iterations: int) -> "VAAL | None":
        if not self.iterations(n_labelled, n_candidates):
            return None
        full = self.epochs if self.size == "paper" else self.epochs / 10
        epochs = (iterations + 0.5) * self.batch_size / (n_labelled + n_candidates)
        return replace(self, epochs=epochs * self.epochs / full)

    def fit(self, context: Context) -> Played:
        return Played(self._play(context, None).networks(), None)

    def score(self, context: Context, fitted: Played) -> Tensor:
        logits_N = self._judge(context, fitted, labelled=False)
        logits_L = self._judge(context, fitted, labelled=True)
        found_N, found_L = (logits_N < 0).float().mean(), (logits_L > 0).float().mean()
        accuracy = ((found_N + found_L) / 2).item()
        context.diagnostics.number("discriminator_accuracy", accuracy)
        if accuracy < NEAR_CHANCE:
            context.diagnostics.warn(
                f"the discriminator tells labelled from unlabelled in {accuracy:.0%} of cases: "
                "what it picks is hardly better than chance."
            )
        context.diagnostics.array("discriminator_candidates", logits_N.sigmoid().cpu().numpy())
        context.diagnostics.array("discriminator_labelled", logits_L.sigmoid().cpu().numpy())
        return -logits_N

    def discriminator_rank(self, ranks: Tensor) -> Tensor:
        """The rank as the discriminator gets it; only asked where `ranked`."""
        raise NotImplementedError

    def _play(self, context: Context, ranks: Ranks | None) -> Adversaries:
        """Trains both networks against a frozen task model. Ranks are computed once: nothing they depend on moves."""
        adversaries = Adversaries(
            self.game, context.image_shape, context.streams, context.device, context.precision
        )
        total = self.iterations(len(context.labelled), len(context.candidates))
        if self.iteration_rule == "release2021":
            total = int((1000 * (context.stage + 1) + 10_000) * 100 / 128)
        draw = self._feeds(context, ranks)
        for iteration in range(total):
            losses = adversaries.iterate(partial(draw, iteration), self.vae_steps, self.discriminator_steps)
            if iteration % FINITE_CHECK_EVERY == 0 or iteration == total - 1:
                check_finite(losses, iteration, total)
            context.progress(iteration + 1, total)
        return adversaries

    def _feeds(self, context: Context, ranks: Ranks | None) -> Callable[[int], tuple[Half, Half]]:
        """A function that gives the next labelled and unlabelled half of iteration i."""
        rng = context.streams.numpy("strategy", "order")
        uniform = partial(
            torch.rand,
            generator=context.streams.torch("strategy", "first_rank", device=context.device),
            device=context.device,
        )
        sides = []
        for name, indices in (("labelled", context.labelled), ("candidates", context.candidates)):
            order = np.arange(len(indices))
            if not self.shuffle and name == "candidates":  # the released subset comes in one random order
                order = rng.permutation(order)
            batches = endless_batches(order, self.batch_size, rng, self.shuffle)
            rank = None if ranks is None else getattr(ranks, name)
            sides.append((self._views(context, indices), batches, rank))

        def draw(iteration: int) -> tuple[Half, Half]:
            halves = []
            for views, batches, rank in sides:
                positions = next(batches)
                images = views(positions)
                if rank is None:
                    halves.append(Half(images))
                elif iteration == 0:  # T6
                    first = uniform(len(positions))
                    halves.append(Half(images, first, first))
                else:
                    chosen = rank[torch.as_tensor(positions, device=rank.device)]
                    halves.append(Half(images, chosen.sigmoid(), self.discriminator_rank(chosen)))
            return halves[0], halves[1]

        return draw

    def _views(self, context: Context, indices: np.ndarray) -> Callable[[np.ndarray], Tensor]:
        """What the VAE sees of the items at some positions: where that is less than their images, and little, all of it is
        kept, so that large images are read and resized once, not once a pass (T23, T24)."""
        shape = view_shape(context.image_shape)
        if shape == tuple(context.image_shape) or 4 * len(indices) * math.prod(shape) > VIEW_BYTES:
            return lambda positions: view(context.images(indices[positions]))
        resized, _ = in_chunks(
            len(indices), context.chunk, lambda part: {"images": view(context.images(indices[part]))}
        )
        return lambda positions: resized["images"][torch.as_tensor(positions, device=context.device)]

    @torch.no_grad()
    def _judge(self, context: Context, played: Played, labelled: bool) -> Tensor:
        """Logits of "labelled" for all labelled items or all candidates; reconstruction and KL go to the diagnostics."""
        side = "labelled" if labelled else "candidates"
        indices: np.ndarray = getattr(context, side)
        vae: Any = played.networks["vae"].train(self.batch_norm == "train")
        discriminator = played.networks["discriminator"].eval()
        ranks = None if played.ranks is None else getattr(played.ranks, side)

        def serve(part: slice) -> dict[str, Tensor]:
            images = view(context.images(indices[part]))
            raw = None if ranks is None else ranks[part]
            with torch.autocast(context.device.type, torch.bfloat16, enabled=context.precision == "bf16"):
                mu, logvar = vae.encode(images)
                rebuilt = vae.decode(mu, None if raw is None else raw.sigmoid())
            mu, logvar = mu.float(), logvar.float()
            rank = None if raw is None else self.discriminator_rank(raw)
            error = F.mse_loss(rebuilt.float(), images)
            about = {"logits": discriminator(mu, rank), "error": error, "kl": kl(mu, logvar, "mean")}
            return {key: values.expand(len(images)) for key, values in about.items()}

        alone = self.batch_norm == "eval"  # otherwise a score depends on the batch it is in
        looked = context if alone else replace(context, chunk=self.batch_size)
        found = looked.in_chunks(len(indices), serve)
        reconstruction, divergence = (found[key].cpu().double().sum().item() for key in ("error", "kl"))
        context.diagnostics.number(f"reconstruction_{side}", reconstruction / len(indices))
        report_divergence(context, side, divergence / len(indices))
        return found["logits"]
