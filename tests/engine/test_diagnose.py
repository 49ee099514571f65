"""What a stage records for the figures is what the data and the model say, and recording it changes nothing."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from altool.core.records import read_rows
from altool.data.store import Store, Transforms
from altool.engine.cell import DiagnosticsOptions
from altool.engine.diagnose import EXAMPLES, GRID, examples, posterior, thumbnails


def arrays_of(cell, stage: int) -> dict[str, np.ndarray]:
    with np.load(cell.folder / "seed_000" / "diagnostics" / f"stage_{stage:03d}.npz") as stored:
        return dict(stored)


@pytest.mark.parametrize("channels", [1, 3])
def test_thumbnails_are_the_pixels_of_the_dataset(channels):
    items = np.random.default_rng(0).integers(0, 256, (5, 12, 7, channels), np.uint8)
    store = Store(items, Transforms((0.4914, 0.3, 0.1)[:channels], (0.2, 0.27, 0.9)[:channels]), "cpu")
    np.testing.assert_array_equal(thumbnails(store, np.array([3, 0])), items[[3, 0]])
    as_they_are = Store(items, Transforms(), "cpu")
    np.testing.assert_array_equal(thumbnails(as_they_are, np.arange(5)), items)


def test_large_images_are_shrunk_to_the_means_of_their_pixels():
    items = np.random.default_rng(0).integers(0, 256, (1, 128, 96, 3), np.uint8)
    (small,) = thumbnails(Store(items, Transforms((0.5,) * 3, (0.25,) * 3), "cpu"), np.array([0]))
    assert small.shape == (64, 48, 3)
    means = items[0].reshape(64, 2, 48, 2, 3).mean(axis=(1, 3))
    assert np.abs(small - means).max() <= 0.51


def test_examples_are_the_first_of_every_class():
    labels = np.array([2, 0, 0, 2, 2, 0] * 20)
    candidates = 3 * np.arange(120)
    chosen = examples(candidates, labels, 4)  # class 1 and 3 do not occur; ten each
    assert chosen.tolist() == [*candidates[labels == 0][:10], *candidates[labels == 2][:10]]
    many = examples(np.arange(100), np.arange(100), 100)
    assert many.tolist() == list(range(EXAMPLES))


def test_the_grid_covers_the_points_and_its_rows_go_by_y():
    points = np.array([[0, 0], [10, 4], [3, 2]], np.float32)
    model = SimpleNamespace(logits=lambda x: torch.stack([torch.zeros(len(x)), x[:, 0] - 2 * x[:, 1]], 1))
    found = posterior(Store(points, Transforms(), "cpu"), cast(Any, model))
    x, y = np.linspace(-1, 11, GRID), np.linspace(-0.4, 4.4, GRID)
    np.testing.assert_allclose(found["grid_x"], x, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["grid_y"], y, rtol=1e-5, atol=1e-6)
    assert found["grid_probs"].shape == (GRID, GRID, 2)
    expected = 1 / (1 + np.exp(-(x[None, :] - 2 * y[:, None])))
    np.testing.assert_allclose(found["grid_probs"][..., 1], expected, atol=1e-3)


def test_points_and_posterior_at_every_stage_labels_only_for_the_audit(tmp_path, make_cell, run):
    plain = make_cell(tmp_path / "plain")
    audited = make_cell(tmp_path / "audited", diagnostics=DiagnosticsOptions(audit=True))
    run(plain)
    run(audited)
    task = plain.load(0)
    for stage in (0, 1, 2):
        seen, more = arrays_of(plain, stage), arrays_of(audited, stage)
        assert ("picks" in seen) == (stage < 2)
        np.testing.assert_array_equal(seen["points"], task.store.images(task.members).numpy())
        np.testing.assert_array_equal(seen["point_indices"], task.members)
        np.testing.assert_allclose(seen["grid_probs"].sum(2), 1, atol=2e-3)
        told = {"point_labels", *(("true_losses", "true_labels", "predicted") if stage < 2 else ())}
        assert more.keys() - seen.keys() == told
        np.testing.assert_array_equal(more["point_labels"], task.oracle.audit(task.members))
    assert not np.array_equal(arrays_of(plain, 0)["grid_probs"], arrays_of(plain, 2)["grid_probs"])
    first = arrays_of(audited, 0)
    np.testing.assert_array_equal(first["predicted"], first["logits"].argmax(1))
    np.testing.assert_array_equal(first["true_labels"], task.oracle.audit(first["candidates"]))


def test_recording_changes_no_other_byte(tmp_path, make_cell, run, files):
    silent = make_cell(tmp_path / "silent", diagnostics=DiagnosticsOptions(arrays=False))
    loud = make_cell(tmp_path / "loud", diagnostics=DiagnosticsOptions(audit=True), trace=True)
    run(silent)
    run(loud)
    recorded = {k: v for k, v in files(loud.folder).items() if "/diagnostics/" not in k and "epochs" not in k}
    assert recorded == files(silent.folder)
    rows = read_rows(loud.folder / "seed_000" / "epochs.csv")
    assert {row["seed"] for row in rows} == {"0"} and len(rows) == 6
