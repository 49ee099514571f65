"""Named random streams: the only place where randomness comes from.

A stream is derived from (seed, names), never from the state of another one, so a result does not depend on what else ran
in the process, resume needs no generator state, and strategies are compared on the same draws (DESIGN section 3).
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

Name = str | int


def _spawn_key(names: tuple[Name, ...]) -> tuple[int, ...]:
    """One 64-bit key per name; 3 and "3" differ."""
    texts = (f"{type(name).__name__}:{name}".encode() for name in names)
    return tuple(int.from_bytes(hashlib.blake2b(t, digest_size=8).digest(), "big") for t in texts)


def _sequence(seed: int, names: tuple[Name, ...]) -> np.random.SeedSequence:
    if seed < 0:
        raise ValueError(f"a seed is a non-negative integer, not {seed}")
    return np.random.SeedSequence(seed, spawn_key=_spawn_key(names))


def stream(seed: int, *names: Name) -> np.random.Generator:
    """The numpy generator of (seed, names). Equal arguments give equal, fresh generators."""
    return np.random.default_rng(_sequence(seed, names))


def _torch_seed(seed: int, names: tuple[Name, ...]) -> int:
    return int(_sequence(seed, names).generate_state(1, np.uint64)[0] >> np.uint64(1))


def torch_stream(seed: int, *names: Name, device: "torch.device | str" = "cpu") -> "torch.Generator":
    """The torch generator of (seed, names) on `device`."""
    import torch

    return torch.Generator(device=device).manual_seed(_torch_seed(seed, names))


@contextmanager
def init_scope(seed: int, *names: Name) -> Iterator[None]:
    """Inside, module constructors draw their weights from the stream (seed, names); outside, nothing has changed."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_torch_seed(seed, names))
        yield


@dataclass(frozen=True)
class Streams:
    """The streams of one stage of one seed."""

    seed: int
    stage: int

    def numpy(self, *names: Name) -> np.random.Generator:
        return stream(self.seed, "stage", self.stage, *names)

    def torch(self, *names: Name, device: "torch.device | str" = "cpu") -> "torch.Generator":
        return torch_stream(self.seed, "stage", self.stage, *names, device=device)

    @contextmanager
    def init(self, *names: Name) -> Iterator[None]:
        with init_scope(self.seed, "stage", self.stage, "init", *names):
            yield

    def priorities(self, n_dataset: int) -> np.ndarray:
        """One random priority per dataset index, (P,) int64; low comes first. Shared by all strategies of a seed."""
        return self.numpy("candidates").permutation(n_dataset)
