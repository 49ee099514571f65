"""How fast a machine is, as far as a forecast needs it: operations per second, and seconds that no step goes below."""

import time
from dataclasses import dataclass

import torch
from torch import nn

from altool.core.streams import init_scope
from altool.models.optimisers import Adam
from altool.reproduce.cost import Cost

TRIAL_SECONDS = 0.5
CHANNELS, SIDE, IMAGES = 64, 32, 8  # a convolution of ResNet-18's first stage
CONVOLUTION_FLOPS = 3 * 2 * IMAGES * SIDE * SIDE * 9 * CHANNELS * CHANNELS  # forward and twice that backward


@dataclass(frozen=True)
class Machine:
    name: str
    flops_per_second: float
    seconds_per_step: float

    def seconds(self, cost: Cost) -> float:
        return cost.flops / self.flops_per_second + cost.steps * self.seconds_per_step


# Not measured: facts.md section 7 plans with 150 TFLOP/s of bf16 sustained, and performance.md 0.8 with 2 to 3 ms of
# launches per step.
H200 = Machine("one H200", 150e12, 3e-3)


def this_machine(device: torch.device, threads: int) -> Machine:
    """Measured in about a second: training steps of one convolution, and of a perceptron too small to matter."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with init_scope(0, "machine"):
            convolution = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
            perceptron = nn.Sequential(
                nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2)
            )
            images = torch.randn(IMAGES, CHANNELS, SIDE, SIDE)
            points = torch.randn(8, 2)
        large = _seconds_per_step(convolution, images, device)
        small = _seconds_per_step(perceptron, points, device)
    finally:
        torch.set_num_threads(before)
    return Machine("this machine", CONVOLUTION_FLOPS / large, small)


def _seconds_per_step(network: nn.Module, inputs: torch.Tensor, device: torch.device) -> float:
    network = network.to(device)
    inputs = inputs.to(device).requires_grad_()
    optimiser = Adam(network.parameters(), 1e-3)

    def step() -> None:
        optimiser.zero_grad()
        network(inputs).square().mean().backward()
        optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    step()
    begin, n = time.perf_counter(), 0
    while time.perf_counter() - begin < TRIAL_SECONDS or n < 2:
        step()
        n += 1
    return (time.perf_counter() - begin) / n
