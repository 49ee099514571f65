"""Activations computed again in the backward pass instead of kept (Chen et al. 2016, Training Deep Nets with Sublinear
Memory Cost), by torch.utils.checkpoint: exact, and batch norm's statistics move once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from altool.models.dropout import Dropout, dropouts

CONTAINERS = (nn.Sequential, nn.ModuleList)


@contextmanager
def recomputing(model: nn.Module) -> Iterator[None]:
    """Inside, every block of the model keeps its input alone."""
    changed = list(blocks(model))
    for block in changed:
        block.forward = _recomputed(block)
    try:
        yield
    finally:
        for block in changed:
            del block.forward  # the class's own again


def blocks(module: nn.Module) -> Iterator[nn.Module]:
    """The members of the model's lists and sequences, such as the residual blocks of a ResNet's stages."""
    for child in module.children():
        if not isinstance(child, CONTAINERS):
            yield from blocks(child)
            continue
        for member in child.children():
            if isinstance(member, CONTAINERS):
                yield from member.children()
            elif not isinstance(member, Dropout):
                yield member


def _recomputed(block: nn.Module) -> Callable[..., Any]:
    plain = block.forward
    norms = [module for module in block.modules() if isinstance(module, _BatchNorm)]

    def forward(*inputs: Any) -> Any:
        if not torch.is_grad_enabled():
            return plain(*inputs)
        generators = {
            id(d.generator): d.generator for d in dropouts(block) if d.generator is not None
        }.values()
        begun = [(generator, generator.get_state()) for generator in generators]
        passes = 0

        def run(*inputs: Any) -> Any:
            nonlocal passes
            passes += 1
            if passes == 1:
                return plain(*inputs)
            with _as_before(norms, begun):
                return plain(*inputs)

        return checkpoint(run, *inputs, use_reentrant=False)  # torch's own dropouts see the same state twice

    return forward


@contextmanager
def _as_before(norms: list[_BatchNorm], begun: list[tuple[torch.Generator, torch.Tensor]]) -> Iterator[None]:
    """Batch norm leaves its running statistics alone; dropout draws what it drew the first time."""
    now = [generator.get_state() for generator, _ in begun]
    counted = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for generator, state in begun:
        generator.set_state(state)
    for norm in norms:
        # not by switching the statistics off: other tensors would be saved than in the first pass
        norm.momentum = 0.0
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked = norm.num_batches_tracked.clone()
    try:
        yield
    finally:
        for (generator, _), state in zip(begun, now, strict=True):
            generator.set_state(state)
        for norm, (momentum, count) in zip(norms, counted, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count
