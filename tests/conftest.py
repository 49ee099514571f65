from collections.abc import Callable, Iterator

import pytest
import torch


@pytest.fixture
def threads_are() -> Iterator[Callable[[int], None]]:
    """Sets torch's threads; afterwards there are as many as before."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)
