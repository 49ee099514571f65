from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn


@pytest.fixture(autouse=True)
def same_weights_every_time() -> Iterator[None]:
    """Models that a test builds outside of a named stream begin the same way in every run."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture
def n_parameters() -> Callable[[nn.Module], int]:
    return lambda module: sum(p.numel() for p in module.parameters())
