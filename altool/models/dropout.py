"""Dropout that draws from a named stream, and whose masks can be fixed per draw for Monte Carlo passes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from altool.core.streams import Streams


class Dropout(nn.Module):
    """Drops with probability `p` while training, from `generator`. During a Monte Carlo draw, also in eval mode, one mask
    serves all items, so that a draw is one sub-network for the whole pool (Gal & Ghahramani 2016)."""

    def __init__(self, p: float = 0.0):
        super().__init__()
        self.p = p
        self.generator: torch.Generator | None = None
        self.draw: torch.Generator | None = None
        self.mask: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.p == 0:
            return x
        if self.draw is not None:
            if self.mask is None:  # drawn on the CPU so that every device sees the same sub-network
                keep = torch.rand((1, *x.shape[1:]), generator=self.draw) >= self.p
                self.mask = keep.to(x.device)
            return x * self.mask / (1 - self.p)
        if not self.training:
            return x
        if self.generator is None:
            raise RuntimeError("dropout needs a stream: call seed_dropout(model, generator) before training")
        keep = torch.rand(x.shape, generator=self.generator, device=x.device) >= self.p
        return x * keep / (1 - self.p)


def dropouts(model: nn.Module) -> list[Dropout]:
    """All dropout layers of a model, in its order."""
    return [module for module in model.modules() if isinstance(module, Dropout)]


def seed_dropout(model: nn.Module, generator: torch.Generator) -> None:
    """Makes all dropout of the model draw from `generator` while training."""
    for layer in dropouts(model):
        layer.generator = generator


class Draws:
    """Monte Carlo sub-networks of a model: masks depend on (seed, stage, draw, layer) and nothing else."""

    def __init__(self, model: nn.Module, streams: Streams):
        self._layers: Sequence[Dropout] = dropouts(model)
        self._streams = streams
        self._masks: dict[tuple[int, int], Tensor | None] = {}

    @contextmanager
    def draw(self, k: int) -> Iterator[None]:
        """Inside, the model is sub-network `k`."""
        for n, layer in enumerate(self._layers):
            layer.draw = self._streams.torch("mc", k, n)
            layer.mask = self._masks.get((k, n))
        try:
            yield
        finally:
            for n, layer in enumerate(self._layers):
                self._masks[k, n] = layer.mask
                layer.draw = layer.mask = None
