"""SGD and Adam as one fused call over a network's parameters.

The arithmetic is torch's own; what is left out is the machinery around it (parameter groups, hooks, profiler ranges), which
takes longer than the update itself for small networks, and whose first use imports torch's compiler. All that changes from
step to step is a tensor, so that a step can be recorded as a CUDA graph.
"""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import Parameter


class Optimiser:
    """Of `parameters` on one device. On a GPU the learning rate is a tensor there: a recorded step reads it anew."""

    def __init__(self, parameters: Iterable[Parameter], lr: float, weight_decay: float = 0.0):
        self.parameters = list(parameters)
        self.weight_decay = weight_decay
        device = self.parameters[0].device
        self.lr: float | Tensor = lr if device.type == "cpu" else torch.tensor(lr, device=device)

    def zero_grad(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None

    def set_lr(self, lr: float) -> None:
        if isinstance(self.lr, Tensor):
            self.lr.fill_(lr)
        else:
            self.lr = lr

    @torch.no_grad()
    def step(self) -> None:
        """One update by the gradients that are there; parameters without one stay as they are."""
        moved = [n for n, parameter in enumerate(self.parameters) if parameter.grad is not None]
        if moved:
            self._update(moved)

    def state(self) -> list[Tensor]:
        """All tensors that a step changes, the parameters aside."""
        raise NotImplementedError

    def _update(self, moved: list[int]) -> None:
        """Updates the parameters at these places in the list."""
        raise NotImplementedError

    def _of(self, moved: list[int]) -> tuple[list[Tensor], list[Tensor]]:
        parameters: list[Tensor] = [self.parameters[n] for n in moved]
        return parameters, [p.grad for p in parameters]  # type: ignore[misc]  # they have one


class SGD(Optimiser):
    """v ← momentum·v + g, w ← w − lr·v, with g = gradient + weight_decay·w."""

    def __init__(
        self, parameters: Iterable[Parameter], lr: float, momentum: float = 0.0, weight_decay: float = 0.0
    ):
        super().__init__(parameters, lr, weight_decay)
        self.momentum = momentum
        self._velocities = [torch.zeros_like(p) for p in self.parameters] if momentum else []

    def state(self) -> list[Tensor]:
        return self._velocities

    def _update(self, moved: list[int]) -> None:
        torch._fused_sgd_(  # type: ignore[attr-defined]  # what torch.optim.SGD(fused=True) calls
            *self._of(moved),
            [self._velocities[n] for n in moved] if self.momentum else [],
            weight_decay=self.weight_decay,
            momentum=self.momentum,
            lr=self.lr,  # type: ignore[arg-type]  # one of two overloads
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=False,
        )


class Adam(Optimiser):
    """Adam with torch's default betas (0.9, 0.999) and eps 1e-8; weight decay as an L2 penalty."""

    def __init__(self, parameters: Iterable[Parameter], lr: float, weight_decay: float = 0.0):
        super().__init__(parameters, lr, weight_decay)
        self._means = [torch.zeros_like(p) for p in self.parameters]
        self._squares = [torch.zeros_like(p) for p in self.parameters]
        self._steps = torch.zeros((), device=self.parameters[0].device)

    def state(self) -> list[Tensor]:
        return [*self._means, *self._squares, self._steps]

    def _update(self, moved: list[int]) -> None:
        self._steps += 1
        torch._fused_adam_(  # type: ignore[attr-defined]  # what torch.optim.Adam(fused=True) calls
            *self._of(moved),
            [self._means[n] for n in moved],
            [self._squares[n] for n in moved],
            [],
            [self._steps] * len(moved),
            lr=self.lr,  # type: ignore[arg-type]  # one of two overloads
            beta1=0.9,
            beta2=0.999,
            weight_decay=self.weight_decay,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )
