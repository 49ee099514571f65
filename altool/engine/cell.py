"""A cell: everything one run needs, built and checked; its seeds share all but randomness."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from operator import methodcaller
from pathlib import Path
from typing import Any

import torch

from altool.core.budget import Budget
from altool.core.records import Identity
from altool.core.strategy import Extension, Strategy
from altool.core.trace import Trace
from altool.data.task import Task
from altool.learners.learner import Learner


@dataclass(frozen=True)
class Platform:
    """Where a run computes. A run is only resumed on an equal platform, unless the person says otherwise."""

    device: torch.device
    threads: int
    precision: str  # fp32 or bf16, resolved
    deterministic: bool
    cuda_graphs: bool = True

    def apply(self) -> None:
        """Makes this process compute as the platform says. Call it once, before any work."""
        torch.set_num_threads(self.threads)
        if self.deterministic and self.device.type == "cuda":
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it
            torch.use_deterministic_algorithms(True)
            torch.backends.cudnn.benchmark = False

    def own_stream(self) -> AbstractContextManager[Any]:
        """Inside, what this thread hands to a GPU runs beside what others do."""
        if self.device.type != "cuda":
            return nullcontext()
        torch.cuda.synchronize(self.device)  # the data went there on the stream of all
        return torch.cuda.stream(torch.cuda.Stream(self.device))

    def as_record(self) -> dict[str, Any]:
        from altool.engine.provenance import processor

        return {
            "torch": torch.__version__,
            "processor": processor(self.device),
            "threads": self.threads,
            "precision": self.precision,
            "deterministic": self.deterministic or self.device.type == "cpu",
        }


@dataclass(frozen=True)
class DiagnosticsOptions:
    """`arrays`: write diagnostics/stage_NNN.npz; `final`: the last model scores once more and buys nothing;
    `audit`: record the candidates' true losses (P1 Fig. 8)."""

    arrays: bool = True
    final: bool = False
    audit: bool = False


@dataclass(frozen=True)
class Cell:
    """`extend`: what the strategy adds to the task model's training, its own unless told otherwise; `config`: the
    resolved configuration that can change a result; `overrides`: what of it differs from the defaults of the chosen
    groups, dotted; `folder`: the cell's folder, one seed_NNN in it per seed; `stamp`: what everything made of its runs has
    to say, such as that they are no result."""

    identity: Identity
    load: Callable[[int], Task]  # seed → the task of that seed, on the platform's device
    learner: Learner
    strategy: Strategy
    budget: Budget
    seeds: tuple[int, ...]
    folder: Path
    outputs: Path
    config: dict[str, Any]
    fingerprint: str
    overrides: dict[str, Any]
    platform: Platform
    command: str
    trace: Trace = False
    rerun: bool = False
    allow_platform_change: bool = False
    cache_mib: float = 2048.0
    trackers: tuple[str, ...] = ()
    fail_fast: bool = False
    seeds_at_once: int = 1
    profile: bool = False
    stamp: str = ""
    diagnostics: DiagnosticsOptions = field(default_factory=DiagnosticsOptions)
    extend: Callable[[Strategy], Extension | None] = methodcaller("extension")

    @property
    def extension(self) -> Extension | None:
        """What joins the task model's training."""
        return self.extend(self.strategy)
