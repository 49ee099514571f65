"""The learner: fits a task model on labelled indices, from scratch at every stage, with whatever a strategy adds to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from altool.core.batches import batch_bounds, epochs_of_fit
from altool.core.errors import UserError
from altool.core.strategy import Extension, ExtensionRun, Training, Unextended
from altool.core.streams import Streams
from altool.data.store import Store
from altool.learners.cuda_graph import cuda_recorder
from altool.learners.fitted import FittedModel
from altool.learners.memory import Frugality, within_memory
from altool.learners.optimise import OPTIMISERS, SCHEDULES, make_optimiser
from altool.learners.plan import draw_plan
from altool.learners.train import Job, OnEpoch, TrainingItems, train
from altool.models.dropout import seed_dropout
from altool.models.output import TaskModel

INITS = ("per_stage", "fixed")
DROPS = ("never", "first_stage")


@dataclass(frozen=True)
class FitRequest:
    """What a fit works on. `labels` (core/maps.py) belong to `labelled`; no other label is in reach."""

    store: Store
    labelled: np.ndarray
    labels: np.ndarray
    unlabelled: np.ndarray
    candidates: np.ndarray
    n_classes: int
    streams: Streams
    carry: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Learner:
    """A training recipe. `make_model(input_shape, n_classes)` builds the network; `recipe` is its configuration as plain
    data, part of the key of shared fits.

    milestones: fractions of the epochs; min_steps: short fits get more epochs until they have this many steps;
    init: `per_stage` draws new weights at every stage, `fixed` starts every stage from stage 0's (P2's code);
    drop_last: `first_stage` leaves out a short last batch there, as the released code does (facts.md 1.1.4);
    eval_batch: chunk of forward passes; dense: whether the network gives every pixel a class.
    """

    name: str
    make_model: Callable[[tuple[int, ...], int], TaskModel]
    recipe: Mapping[str, Any]
    epochs: int
    batch_size: int
    optimiser: str
    lr: float
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "constant"
    milestones: tuple[float, ...] = ()
    gamma: float = 0.1
    init: str = "per_stage"
    drop_last: str = "never"
    min_steps: int = 0
    eval_batch: int = 512
    dense: bool = False

    def __post_init__(self) -> None:
        for key, known in (
            ("optimiser", OPTIMISERS),
            ("schedule", SCHEDULES),
            ("init", INITS),
            ("drop_last", DROPS),
        ):
            if getattr(self, key) not in known:
                raise UserError(f"learner.{key}={getattr(self, key)}: known: {', '.join(known)}.")
        for key in ("epochs", "batch_size", "eval_batch"):
            if getattr(self, key) < 1:
                raise UserError(f"learner.{key}={getattr(self, key)}: must be at least 1.")
        for key, fits, rule in (
            ("lr", self.lr > 0, "must be positive"),
            ("momentum", 0 <= self.momentum < 1, "must be at least 0 and below 1"),
            ("weight_decay", self.weight_decay >= 0, "must not be negative"),
            ("milestones", all(0 < m <= 1 for m in self.milestones), "are fractions of the epochs, 0 to 1"),
            ("gamma", self.gamma > 0, "must be positive"),
        ):
            if not fits:
                raise UserError(f"learner.{key}={getattr(self, key)}: {rule}.")

    def epochs_for(self, n_items: int) -> int:
        """Epochs of a fit on `n_items`."""
        return epochs_of_fit(n_items, self.batch_size, self.epochs, self.min_steps)

    def fit(
        self,
        request: FitRequest,
        extension: Extension | None,
        *,
        precision: str = "fp32",
        cuda_graphs: bool = True,
        saved: Mapping[str, Mapping[str, Tensor]] | None = None,
        on_epoch: OnEpoch | None = None,
    ) -> FittedModel:
        """Trains from scratch, or takes the weights of `saved` (a `FittedModel.state()` of an equal fit) instead. Where
        memory runs out, training begins again more frugally (learners/memory.py), `on_epoch` at epoch 0."""

        device = request.store.device
        recorder = cuda_recorder(device) if cuda_graphs and device.type == "cuda" else None

        def trained(frugality: Frugality) -> tuple[Job, str]:
            job = self.prepare(request, extension, precision, frugality)
            return job, train(job, on_epoch or (lambda report: None), recorder)

        if saved is None:
            job, steps = within_memory(trained, self.batch_size)
        else:
            steps = None
            job = self.prepare(request, extension, precision)
            job.model.load_state_dict(saved["task"])  # type: ignore[arg-type]
            for name, network in job.extension.networks().items():
                network.load_state_dict(saved[name])  # type: ignore[arg-type]
        return FittedModel(
            *(job.model, job.extension, request.store, request.streams, precision, self.eval_batch),
            micro_batch=job.frugality.micro_batch,
            steps=steps,
            taught=(request.labelled, request.labels),
        )

    def prepare(
        self,
        request: FitRequest,
        extension: Extension | None,
        precision: str,
        frugality: Frugality | None = None,
    ) -> Job:
        """Everything of a fit but its steps."""
        store, streams, device = request.store, request.streams, request.store.device
        model = self._new_model(request)
        seed_dropout(model, streams.torch("dropout", device=device))
        steps = len(batch_bounds(len(request.labelled), self.batch_size))
        epochs = self.epochs_for(len(request.labelled))
        run: ExtensionRun = Unextended()
        if extension is not None:
            run = extension.begin(
                Training(
                    model=model,
                    input_shape=store.shape,
                    n_classes=request.n_classes,
                    epochs=epochs,
                    steps_per_epoch=steps,
                    labelled=request.labelled,
                    labels=request.labels,
                    unlabelled=request.unlabelled,
                    candidates=request.candidates,
                    images=store.images,
                    streams=streams,
                    device=device,
                    precision=precision,
                    carry=request.carry,
                )
            )
        items = TrainingItems.of(store, request.labelled, request.labels, run.extra_samples())
        plan = draw_plan(
            len(items),
            epochs,
            self.batch_size,
            store.transforms.crop_pad if store.is_image else 0,
            store.transforms.flip and store.is_image,
            streams,
            device,
            drop_short=self.drop_last == "first_stage" and streams.stage == 0,
        )
        optimised = [model, *run.optimised().values()]
        optimisers = [
            make_optimiser(self.optimiser, net.parameters(), self.lr, self.momentum, self.weight_decay)
            for net in optimised
        ]
        return Job(
            *(self, model, run, items, plan, optimisers[0], optimisers[1:], precision),
            frugality or Frugality(),
        )

    def _new_model(self, request: FitRequest) -> TaskModel:
        """The backbone's weights have a stream of their own, so that an added head never shifts them."""
        streams = request.streams
        if self.init == "fixed":
            streams = Streams(streams.seed, 0)
        with streams.init("backbone"):
            model = self.make_model(request.store.shape, request.n_classes)
        model = model.to(request.store.device)
        if request.store.is_image:
            model = model.to(memory_format=torch.channels_last)
        return model
