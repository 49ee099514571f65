"""The shared protocols: what a strategy sees, what it gives back, and what it may add to the learner's training."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from altool.core.chunks import Serve, in_chunks
from altool.core.streams import Streams

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

WANTS = ("logits", "embedding", "taps", "auxiliary", "losses", "mc_logits", "gradient_factors")


@dataclass(frozen=True)
class Picks:
    """What a strategy chose: dataset indices in order of preference, the score of each, and what it hands to the next
    stage (stored with this one, so that a killed run resumes to the same bytes)."""

    indices: np.ndarray
    scores: np.ndarray
    carry: dict[str, np.ndarray] | None = None


@dataclass
class Diagnostics:
    """Where a strategy reports what it saw: numbers for the log, arrays for the figures, warnings for the person."""

    numbers: dict[str, float] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def number(self, name: str, value: float) -> None:
        self.numbers[name] = float(value)

    def array(self, name: str, values: Any) -> None:
        self.arrays[name] = np.asarray(values)

    def warn(self, message: str) -> None:
        self.warnings.append(message)


@dataclass(frozen=True)
class Context:
    """All that a strategy can see of a run: no learner, no oracle, no configuration, no test set.

    `candidates`, `unlabelled`: sorted dataset indices; `labelled`: in acquisition order, `labels` beside it.
    Where the task is dense, labels are maps (core/maps.py), and so are logits, (B, C, H, W).
    `probe(indices, wants, reduce=None, draws=0)`: what the fitted model says, a dict of tensors, rows as in `indices`;
    `reduce` shrinks the dict of every chunk.
    `images(indices)`: normalised, un-augmented images on `device`, (B, C, H, W) or (B, D) float32.
    `tap_channels`: how the columns of `taps` split.
    `logits(images)`: differentiable in the images; only for strategies that declare `input_gradients`.
    `trained`: the networks that the strategy's extension trained beside the task model.
    `progress(done, of)`: shows progress and stops at a safe point; call it between iterations.
    """

    stage: int
    candidates: np.ndarray
    unlabelled: np.ndarray
    labelled: np.ndarray
    labels: np.ndarray
    n_classes: int
    image_shape: tuple[int, ...]
    tap_channels: tuple[int, ...]
    probe: "Callable[..., dict[str, Tensor]]"
    images: "Callable[[Any], Tensor]"
    logits: "Callable[[Tensor], Tensor] | None"
    trained: "Mapping[str, nn.Module]"
    streams: Streams
    device: "torch.device"
    precision: str
    diagnostics: Diagnostics
    carry: Mapping[str, np.ndarray] = field(default_factory=dict)
    progress: Callable[[int, int], None] = lambda done, of: None
    chunk: int = 512

    def in_chunks(self, n: int, serve: Serve) -> "dict[str, Tensor]":
        """What `serve(slice)` gives for every `chunk` of n items, row by row, with progress; fewer at a time where memory
        does not suffice, so that `serve` may be called again for a part of what it was called for."""
        return in_chunks(n, self.chunk, serve, self.progress)[0]


@dataclass(frozen=True)
class Training:
    """What an extension sees of a fit before its first step. `images(indices)` as in `Context`."""

    model: "nn.Module"
    input_shape: tuple[int, ...]
    n_classes: int
    epochs: int
    steps_per_epoch: int
    labelled: np.ndarray
    labels: np.ndarray
    unlabelled: np.ndarray
    candidates: np.ndarray
    images: "Callable[[Any], Tensor]"
    streams: Streams
    device: "torch.device"
    precision: str
    carry: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class TrainingStep:
    """One minibatch as an extension sees it: `output` has logits, embedding and taps; `losses_B` is the task loss of each
    item with its graph; `epoch` counts from 0. Where memory was short a batch comes in parts: `done` items `of` it have come
    before."""

    epoch: int
    step: int
    images: "Tensor"
    labels_B: "Tensor"
    output: Any
    losses_B: "Tensor"
    done: int
    of: int


STEP_BY_STEP = "step by step"


class ExtensionRun:
    """An extension at work in one fit. Every hook is optional."""

    def phase(self, epoch: int) -> Hashable:
        """A GPU records a step once per phase and replays it: equal phases do the same with every batch. STEP_BY_STEP,
        the default, where that cannot be said, such as when a hook draws on the host or trains networks of its own."""
        return STEP_BY_STEP

    def optimised(self) -> "dict[str, nn.Module]":
        """Networks trained beside the task model under the learner's own optimiser settings."""
        return {}

    def optimised_now(self, epoch: int) -> bool:
        """Whether `optimised()` networks are updated in this epoch."""
        return True

    def networks(self) -> "dict[str, nn.Module]":
        """All networks of the extension: what the stage-0 cache stores and the strategy gets as `trained`."""
        return self.optimised()

    def extra_samples(self) -> "tuple[Tensor, Tensor] | None":
        """Normalised images and labels that join the labelled set for this fit."""
        return None

    def loss(self, step: TrainingStep) -> "Tensor | None":
        """A scalar added to the mean task loss."""
        return None

    def after_step(self, step: TrainingStep) -> None:
        """Called after the task model's update: networks trained inside the loop take their step here."""

    def auxiliary(self, output: Any) -> "Tensor":
        """What `probe` gives as `auxiliary`, (B,) or (B, …)."""
        raise ValueError("this strategy's extension has no auxiliary output")


class Unextended(ExtensionRun):
    """Nothing joins the training."""

    def phase(self, epoch: int) -> Hashable:
        return None


class Extension:
    """What a strategy adds to the task model's training. Equal `recipe()`s train equal models from equal labelled sets,
    and from equal unlabelled ones where `uses_unlabelled`."""

    uses_unlabelled: ClassVar[bool] = False

    def recipe(self) -> dict[str, Any]:
        """JSON-able description: part of the key under which stage 0 is shared."""
        raise NotImplementedError

    def begin(self, training: Training) -> ExtensionRun:
        raise NotImplementedError


class Strategy:
    """Chooses what to label next. Subclasses are frozen dataclasses; their fields are the options of the YAML file.

    `wants`: what `score` and `fit` read from `context.probe`; `input_gradients`: whether they need `context.logits`.
    `pointwise`: whether an item's score depends on that item alone (then the conformance suite checks that it does).
    `dense`: whether it also chooses among images whose every pixel gets a class.
    """

    wants: ClassVar[frozenset[str]] = frozenset()
    input_gradients: ClassVar[bool] = False
    pointwise: ClassVar[bool] = False
    dense: ClassVar[bool] = False

    @property
    def buys_duplicates(self) -> bool:
        """Whether picks may repeat or be labelled already: a fault of released code, reproduced on request (D14)."""
        return False

    def extension(self) -> Extension | None:
        """What to add to the task model's training; None leaves it alone."""
        return None

    def fit(self, context: Context) -> Any:
        """Trains the strategy's own networks, or gathers what both others need; handed to `score` and `select`."""
        return None

    def score(self, context: Context, fitted: Any) -> "np.ndarray | Tensor":
        """One float per candidate, (N,); higher is more wanted."""
        raise NotImplementedError

    def select(self, context: Context, fitted: Any, scores: np.ndarray, n: int) -> Picks:
        """The `n` candidates with the highest scores, ties broken by the stream."""
        order = top(scores, n, context.streams.numpy("strategy", "ties"))
        return Picks(context.candidates[order], scores[order])

    def iterations(self, n_labelled: int, n_candidates: int) -> int:
        """Training iterations that `fit` will take, for the predicted time."""
        return 0

    def rehearsal(self, n_labelled: int, n_candidates: int, iterations: int) -> "Strategy | None":
        """The same strategy cut to a few iterations, each of which calls `context.progress`; None without any."""
        return None


def top(scores: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Positions of the `n` highest scores, highest first, ties in random order."""
    shuffled = rng.permutation(len(scores))
    return shuffled[np.argsort(-scores[shuffled], kind="stable")[:n]]


def check_picks(picks: Picks, candidates: np.ndarray, n: int, duplicates: bool = False) -> None:
    """Raises ValueError unless the picks are n unique candidates (any, where `duplicates`) with finite scores."""
    indices, scores = np.asarray(picks.indices), np.asarray(picks.scores)
    if indices.shape != (n,) or scores.shape != (n,):
        raise ValueError(f"select returned {indices.shape} indices and {scores.shape} scores, not {n}")
    if not np.issubdtype(indices.dtype, np.integer):
        raise ValueError(f"select returned {indices.dtype} indices")
    if not duplicates and len(np.unique(indices)) != n:
        raise ValueError("select returned an index twice")
    if not duplicates and not np.isin(indices, candidates).all():
        raise ValueError("select returned an index that is no candidate")
    if not np.isfinite(scores).all():
        raise ValueError("select returned a score that is not finite")
    for name, values in (picks.carry or {}).items():
        if not isinstance(values, np.ndarray) or values.dtype.hasobject:
            raise ValueError(f"select carries {name!r}, which is no plain array")


def names_of(wants: Sequence[str]) -> frozenset[str]:
    """The wants as a set; raises ValueError on an unknown one."""
    unknown = set(wants) - set(WANTS)
    if unknown:
        raise ValueError(f"unknown want {sorted(unknown)[0]!r}; known: {', '.join(WANTS)}")
    return frozenset(wants)
