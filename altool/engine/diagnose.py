"""What a stage leaves for the figures: diagnostics/stage_NNN.npz. It watches, and changes nothing.

    candidates, scores (N,)   what the strategy was offered and what it gave, beside what it reported itself
    picks (n,)                dataset indices, in order
    pick_images               the first ten picks, uint8 (k, h, w, c), at most 64 pixels a side (P2 Fig. 4)
    grid_x, grid_y (G,)       of 2-D points, at every stage: where the model was asked, and
    grid_probs (G, G, C)      its class probabilities, rows by y (P1 Fig. 1; P3 Figs. 3, 4)
    points (P, 2), point_indices (P,)   the pool, labelled or not, so that the picks can be drawn

and with diagnostics.audit, which alone looks at labels that were not bought, after the picks are made:

    true_losses, true_labels, predicted (N,)   of the candidates (P1 Fig. 8); of a dense task true_losses alone
    example_images, example_indices            some candidates of every class, the same ones for every strategy that was
                                               offered the same (P2 Fig. 1)
    point_labels (P,)                          of the points
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from altool.core.strategy import Diagnostics
from altool.data.store import Store
from altool.data.task import Task
from altool.engine.cell import Cell
from altool.engine.query import Query
from altool.learners.fitted import FittedModel
from altool.learners.learner import FitRequest
from altool.models.output import item_losses

TOP = 10
EXAMPLES = 40
THUMBNAIL = 64
GRID = 65
MARGIN = 0.1  # of the data's range, on every side
CHUNK = 4096

Arrays = dict[str, np.ndarray]


def diagnose(
    cell: Cell,
    task: Task,
    request: FitRequest,
    model: FittedModel,
    query: Query | None,
    diagnostics: Diagnostics,
) -> Arrays:
    """The arrays of a stage; {} when none are asked for. `query` None: the last stage, which buys nothing."""
    options = cell.diagnostics
    if not (options.arrays or options.audit):
        return {}
    arrays: Arrays = {}
    if query is not None:
        arrays |= {"candidates": request.candidates, "scores": query.scores, "picks": query.picks.indices}
        arrays |= diagnostics.arrays
        if task.store.is_image:
            arrays["pick_images"] = thumbnails(task.store, query.picks.indices[:TOP])
        if options.audit:
            arrays |= _audit(task, request.candidates, model)
    if task.store.shape == (2,):
        arrays |= posterior(task.store, model)
        arrays |= {"points": task.store.images(task.members).cpu().numpy(), "point_indices": task.members}
        if options.audit:
            arrays["point_labels"] = task.oracle.audit(task.members)
    return arrays


def _audit(task: Task, candidates: np.ndarray, model: FittedModel) -> Arrays:
    if task.is_dense:
        return {"true_losses": _map_losses(task, candidates, model)}
    labels = task.oracle.audit(candidates)
    truth = torch.as_tensor(labels, device=task.store.device)
    logits = model.predict(task.store, candidates)
    arrays = {
        "true_losses": item_losses(logits, truth).cpu().numpy(),
        "true_labels": labels,
        "predicted": logits.argmax(1).cpu().numpy(),
    }
    if task.store.is_image:
        chosen = examples(candidates, labels, task.n_classes)
        arrays |= {"example_indices": chosen, "example_images": thumbnails(task.store, chosen)}
    return arrays


def _map_losses(task: Task, candidates: np.ndarray, model: FittedModel) -> np.ndarray:
    """One by one: maps are large."""
    losses = []
    for index in candidates[:, None]:
        truth = torch.as_tensor(task.oracle.audit(index), device=task.store.device).long()
        losses.append(
            model.predict(task.store, index, lambda logits, truth=truth: item_losses(logits, truth))
        )
    return torch.cat(losses).cpu().numpy()


def examples(candidates: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """At most `EXAMPLES` of the sorted candidates, the first ones of every class: no strategy has a say."""
    each = max(1, EXAMPLES // n_classes)
    chosen = [candidates[labels == label][:each] for label in range(n_classes)]
    return np.concatenate(chosen)[:EXAMPLES]


@torch.no_grad()
def thumbnails(store: Store, indices: np.ndarray) -> np.ndarray:
    """The images as they lie in the dataset, uint8 (k, h, w, c), larger ones shrunk to `THUMBNAIL` pixels a side."""
    images = store.images(indices)
    channels, side = images.shape[1], max(images.shape[2:])
    if side > THUMBNAIL:
        height, width = (max(1, round(n * THUMBNAIL / side)) for n in images.shape[2:])
        images = F.interpolate(images, size=(height, width), mode="area")
    mean, std = store.transforms.mean or (0.0,) * channels, store.transforms.std or (1.0,) * channels
    pixels = images.permute(0, 2, 3, 1) * torch.tensor(std, device=images.device)
    pixels = 255 * (pixels + torch.tensor(mean, device=images.device))
    return pixels.round().clamp(0, 255).to(torch.uint8).cpu().numpy()


@torch.no_grad()
def posterior(store: Store, model: FittedModel) -> Arrays:
    """Class probabilities on a grid over the range of all 2-D points of the training set: the same for every run."""
    points = store.images(np.arange(len(store)))
    low, high = points.amin(0), points.amax(0)
    rim = MARGIN * (high - low)
    x, y = (_steps(low[i] - rim[i], high[i] + rim[i]) for i in (0, 1))
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    where = torch.stack([columns.flatten(), rows.flatten()], dim=1)
    probs = torch.cat([model.logits(part).softmax(1) for part in where.split(CHUNK)])
    return {
        "grid_x": x.cpu().numpy(),
        "grid_y": y.cpu().numpy(),
        "grid_probs": probs.view(GRID, GRID, -1).half().cpu().numpy(),  # 1/2048 near 0.5: ample for a contour
    }


def _steps(low: Tensor, high: Tensor) -> Tensor:
    return torch.linspace(float(low), float(high), GRID, device=low.device)
