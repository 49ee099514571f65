"""Metrics of maps of classes against scikit-learn, over all pixels at once."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, log_loss, recall_score

from altool.core.errors import RunFailed
from altool.core.maps import IGNORED, class_counts, recorded
from altool.core.records import Metrics
from altool.data.rows import Rows
from altool.data.store import Store, Transforms
from altool.data.task import Split
from altool.engine.evaluate import expected_calibration_error, map_metrics

N, C, HEIGHT, WIDTH = 6, 5, 8, 12


def split_of(maps: np.ndarray, positions: np.ndarray | None = None) -> tuple[Split, np.ndarray]:
    """Images that say their index, of half the side of their maps; and the maps in order."""
    images = (
        np.arange(len(maps), dtype=np.uint8)[:, None, None, None].repeat(HEIGHT // 2, 1).repeat(WIDTH // 2, 2)
    )
    positions = np.arange(len(maps)) if positions is None else positions
    store = Store(images, Transforms((0.0,), (1 / 255,)), "cpu")
    return Split(store, positions, Rows(maps, positions)), maps[positions]


def drawn(seed: int, sharpness: float, n_said: int = C) -> tuple[np.ndarray, torch.Tensor]:
    """Maps in which class 3 never occurs, some pixels ignored; logits (N, C, h, w) that never say more than `n_said`."""
    rng = np.random.default_rng(seed)
    maps = rng.choice([0, 1, 2, 4, IGNORED], (N, HEIGHT, WIDTH)).astype(np.uint8)
    logits = torch.tensor(rng.normal(0, sharpness, (N, C, HEIGHT // 2, WIDTH // 2)), dtype=torch.float32)
    logits[:, n_said:] -= 20
    return maps, logits


def found(split: Split, logits: torch.Tensor) -> Metrics:
    return map_metrics(lambda images: logits[images[:, 0, 0, 0].round().long()], split, C)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("sharpness", "n_said"), [(0.3, C), (6.0, C), (2.0, 3)])
def test_all_metrics_agree_with_other_implementations(seed: int, sharpness: float, n_said: int) -> None:
    maps, logits = drawn(seed, sharpness, n_said)
    split, ordered = split_of(maps, np.array([4, 0, 5, 2]))
    ours = found(split, logits)
    large = F.interpolate(logits[split.indices], (HEIGHT, WIDTH), mode="bilinear")
    valid = ordered.ravel() != IGNORED
    rows = large.permute(0, 2, 3, 1).reshape(-1, C).double()[torch.from_numpy(valid)]
    truth, said, names = ordered.ravel()[valid].astype(int), rows.argmax(1).numpy(), list(range(C))
    ious = np.atleast_1d(jaccard_score(truth, said, labels=names, average=None, zero_division=0))  # type: ignore[arg-type]
    absent = [c not in truth and c not in said for c in names]
    assert ours.iou_per_class == tuple(
        None if gone else pytest.approx(iou) for gone, iou in zip(absent, ious, strict=True)
    )
    assert absent[3] == (n_said == 3)  # class 3 never occurs, and is or is not predicted
    assert ours.miou == pytest.approx(
        np.mean([iou for gone, iou in zip(absent, ious, strict=True) if not gone])
    )
    assert ours.accuracy == pytest.approx(accuracy_score(truth, said))
    recalls = recall_score(truth, said, labels=names, average=None, zero_division=np.nan)  # type: ignore[arg-type]
    assert ours.balanced_accuracy == pytest.approx(np.nanmean(recalls))
    assert ours.macro_f1 == pytest.approx(
        f1_score(truth, said, labels=names, average="macro", zero_division=0)  # type: ignore[arg-type]
    )
    assert ours.nll == pytest.approx(log_loss(truth, rows.softmax(1).numpy(), labels=names), rel=1e-5)
    assert ours.ece == pytest.approx(expected_calibration_error(rows, torch.from_numpy(truth)), abs=1e-5)


def test_one_image_is_looked_at_at_a_time() -> None:
    maps, logits = drawn(0, 1.0)
    seen: list[int] = []

    def logits_of(images: torch.Tensor) -> torch.Tensor:
        seen.append(len(images))
        return logits[: len(images)]

    map_metrics(logits_of, split_of(maps)[0], C)
    assert seen == [1] * N


def test_outputs_that_are_not_finite_fail_the_run() -> None:
    maps, logits = drawn(0, 1.0)
    logits[2, 1, 0, 0] = torch.nan
    with pytest.raises(RunFailed, match="not finite"):
        found(split_of(maps)[0], logits)


def test_maps_of_which_nothing_is_judged_fail_the_run() -> None:
    with pytest.raises(RunFailed, match="no pixel"):
        found(split_of(np.full((2, HEIGHT, WIDTH), IGNORED, np.uint8))[0], drawn(0, 1.0)[1])


def test_counts_are_of_pixels_and_nothing_is_recorded_of_a_map() -> None:
    maps = drawn(1, 1.0)[0]
    assert class_counts(maps, C).tolist() == [int((maps == c).sum()) for c in range(C)]
    assert class_counts(np.array([0, 2, 2]), 4).tolist() == [1, 0, 2, 0]
    assert recorded(maps) == [None] * N and recorded(np.array([3, 1])) == [3, 1]
