"""A fitted model, and the one door through which strategies look at it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from altool.core.chunks import in_chunks
from altool.core.strategy import ExtensionRun, names_of
from altool.core.streams import Streams
from altool.data.store import Store
from altool.models.dropout import Draws
from altool.models.output import Output, TaskModel, item_losses, pooled

Reduce = Callable[[dict[str, Tensor]], dict[str, Tensor]]


class FittedModel:
    """A trained task model in eval mode with frozen parameters, and the networks that its extension trained.
    `micro_batch`: the parts that its batches had to be split into for lack of memory, None where they were whole;
    `steps`: how it was trained, recorded or eager with the reason, None where it was not;
    `taught`: what it was fitted on, dataset indices and their labels: the items whose `losses` can be told."""

    def __init__(
        self,
        model: TaskModel,
        extension: ExtensionRun,
        store: Store,
        streams: Streams,
        precision: str,
        chunk: int,
        micro_batch: int | None = None,
        steps: str | None = None,
        taught: tuple[np.ndarray, np.ndarray] | None = None,
    ):
        self.micro_batch = micro_batch
        self.steps = steps
        self.model = model.eval().requires_grad_(False)
        self.extension = extension
        for network in (model, *extension.networks().values()):
            network.zero_grad(set_to_none=True)  # the last gradients are as large as the weights
        self.trained: Mapping[str, nn.Module] = {
            name: net.eval().requires_grad_(False) for name, net in extension.networks().items()
        }
        self._store = store
        self._streams = streams
        self._precision = precision
        self._chunk = chunk
        indices, self._labels = taught or (np.empty(0, np.int64), np.empty(0, np.int64))
        self._position = {int(index): position for position, index in enumerate(indices)}

    def state(self) -> dict[str, dict[str, Tensor]]:
        """All weights by network name; the task model's under `task`."""
        return {
            "task": self.model.state_dict(),
            **{k: net.state_dict() for k, net in self.trained.items()},
        }

    def forward(self, images: Tensor) -> Output:
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self._precision == "bf16"):
            return self.model(images)

    def logits(self, images: Tensor) -> Tensor:
        """Logits in eval mode, (B, C) or (B, C, H, W) float32."""
        return self.forward(images).logits.float()

    def exact_logits(self, images: Tensor) -> Tensor:
        """As `logits`, in float32 whatever the precision: a finite-difference step of 1e-2 drowns in bfloat16's 8 bits."""
        return self.model(images).logits.float()

    @torch.no_grad()
    def predict(
        self, store: Store, indices: np.ndarray, keep: Callable[[Tensor], Tensor] | None = None
    ) -> Tensor:
        """Logits of items of any store, (n, C) float32, or what `keep` makes of those of a chunk."""

        def serve(part: np.ndarray) -> dict[str, Tensor]:
            logits = self.logits(store.images(part))
            return {"logits": keep(logits) if keep else logits}

        return self._in_chunks(store, indices, serve)["logits"]

    @torch.no_grad()
    def probe(
        self,
        indices: np.ndarray,
        wants: Iterable[str],
        reduce: Reduce | None = None,
        draws: int = 0,
    ) -> dict[str, Tensor]:
        """One chunked pass over pool items that serves all wants; float32 tensors on the device, rows as in `indices`.

        logits (N, C); embedding (N, D); taps (N, sum of tap channels), globally averaged; auxiliary: the extension's output;
        losses: the task loss of what was labelled for this fit in nats, not a number for the others;
        mc_logits (N, draws, C) from `draws` dropout sub-networks; gradient_factors: `error` (N, C), softmax minus the
        predicted class's one-hot, and `embedding` (N, D): their outer product is the last layer's gradient.
        `reduce` shrinks each chunk's dict before it is kept: needed where a model is dense, whose logits are maps.
        """
        asked = names_of(tuple(wants))
        passes = Draws(self.model, self._streams) if "mc_logits" in asked else None

        def serve(part: np.ndarray) -> dict[str, Tensor]:
            chunk = self._serve(part, asked, passes, draws)
            return reduce(chunk) if reduce else chunk

        return self._in_chunks(self._store, indices, serve)

    def _serve(
        self, part: np.ndarray, asked: frozenset[str], passes: Draws | None, draws: int
    ) -> dict[str, Tensor]:
        images = self._store.images(part)
        served: dict[str, Any] = {}
        if asked - {"mc_logits"}:
            output = self.forward(images)
            logits = output.logits.float()
            if "logits" in asked:
                served["logits"] = logits
            if asked & {"embedding", "gradient_factors"}:
                served["embedding"] = output.embedding.float()
            if "gradient_factors" in asked:
                hard = F.one_hot(logits.argmax(1), logits.shape[1])
                served["error"] = logits.softmax(1) - hard
            if "losses" in asked:
                served["losses"] = self._losses(part, logits)
            if "taps" in asked:
                served["taps"] = torch.cat([pooled(tap).float() for tap in output.taps], dim=1)
            if "auxiliary" in asked:
                served["auxiliary"] = self.extension.auxiliary(output).float()
        if passes is not None:
            served["mc_logits"] = torch.stack([self._one_draw(images, passes, k) for k in range(draws)], 1)
        return served

    def _losses(self, part: np.ndarray, logits: Tensor) -> Tensor:
        rows = [row for row, index in enumerate(part) if int(index) in self._position]
        losses = logits.new_full((len(part),), torch.nan, dtype=torch.float64)
        labels = self._labels[[self._position[int(part[row])] for row in rows]]
        if rows:
            truth = torch.from_numpy(labels).to(logits.device, torch.int64)
            losses[rows] = item_losses(logits[rows].double(), truth)
        return losses

    def _one_draw(self, images: Tensor, passes: Draws, k: int) -> Tensor:
        with passes.draw(k):
            return self.logits(images)

    def _in_chunks(
        self, store: Store, indices: np.ndarray, serve: Callable[[np.ndarray], dict[str, Tensor]]
    ) -> dict[str, Tensor]:
        """What `serve` gives for all indices, row by row, while the chunk after each is read ahead; chunks that had to be
        halved stay so."""

        def ahead(part: slice) -> dict[str, Tensor]:
            store.prefetch(indices[part.stop : 2 * part.stop - part.start])
            return serve(indices[part])

        whole, self._chunk = in_chunks(len(indices), self._chunk, ahead)
        return whole
