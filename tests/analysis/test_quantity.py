"""What the papers speak of, computed from recorded stages whose answer is known."""

import math

import numpy as np
import pytest
import yaml
from scipy.stats import rankdata

from altool.analysis.quantity import ON_QUERY, values
from altool.analysis.study import Study, StudyCell


@pytest.fixture
def study(write_run):
    """study(strategy, arrays by (seed, stage), imbalance) → two seeds of three stages, counts 7 and 3 at each."""
    cells = []

    def make(strategy, arrays=None, imbalance=None, label=None) -> Study:
        for seed in (0, 1):
            folder = write_run(strategy, seed, [0.5, 0.6, 0.7 + seed / 10])
            folder.joinpath("config.yaml").write_text(yaml.safe_dump({"imbalance": imbalance or {}}))
            for stage in range(3):
                stored = (arrays or {}).get((seed, stage))
                if stored:
                    folder.joinpath("diagnostics").mkdir(exist_ok=True)
                    np.savez(folder / "diagnostics" / f"stage_{stage:03d}.npz", **stored)
        cells.append(StudyCell(label or strategy, "", strategy, {}, folder.parent, (0, 1, 2), 3))
        return Study("x", {}, tuple(cells))

    return make


def table(study: Study, quantity: str) -> np.ndarray:
    found = values(study, study.cells[0], quantity)
    assert list(found.columns) == [0, 1]
    stages = [1000, 2000, 3000]
    assert list(found.index) == (stages[:-1] if quantity in ON_QUERY else stages)
    return found.to_numpy(float)


def test_columns_of_stages_in_printed_units(study):
    made = study("random")
    assert table(made, "accuracy") == pytest.approx(np.array([[50, 50], [60, 60], [70, 80]]))
    assert table(made, "error") == pytest.approx(np.array([[50, 50], [40, 40], [30, 20]]))
    assert table(made, "nll")[2] == pytest.approx([0.3, 0.2])
    assert table(made, "class_entropy") == pytest.approx(np.full((3, 2), 0.61))
    assert np.isnan(table(made, "val_accuracy")).all()
    assert (table(made, "query_seconds") == 0).all() and (table(made, "selecting_seconds") == 0).all()


def test_planned_stages_without_runs_are_gaps(write_run):
    folder = write_run("random", 0, [0.5], planned=3)
    made = Study("x", {}, (StudyCell("Random", "", "random", {}, folder.parent, (0,), 3),))
    found = values(made, made.cells[0], "accuracy")
    assert list(found.index) == [1000, 2000, 3000]
    assert found[0].tolist() == pytest.approx([50, math.nan, math.nan], nan_ok=True)


@pytest.mark.parametrize(
    ("rule", "share"),
    [
        ({"rule": "cut", "classes": [1]}, 30),
        ({"rule": "cut_others", "classes": [1]}, 70),
        ({"rule": "longtail"}, math.nan),
        ({}, math.nan),
    ],
)
def test_rare_share_follows_the_imbalance(study, rule, share):
    made = study("vab_al", imbalance=rule)
    assert table(made, "rare_share") == pytest.approx(np.full((3, 2), share), nan_ok=True)
    gain = 0 if share == share else math.nan
    assert table(made, "rare_share_gain") == pytest.approx(np.full((3, 2), gain), nan_ok=True)


def test_the_spread_of_the_discriminator(study):
    outputs = np.array([0.1, 0.5, 0.9])
    found = table(study("vaal", {(0, 1): {"discriminator_candidates": outputs}}), "discriminator_spread")
    assert found[1, 0] == pytest.approx(math.sqrt(2 * 0.4**2 / 3))
    assert np.isnan(np.delete(found.ravel(), 2)).all()


def test_the_rank_of_the_picks_losses(study):
    rng = np.random.default_rng(0)
    losses, candidates = rng.random(40).round(1), np.sort(rng.choice(1000, 40, replace=False))
    picks = rng.permutation(candidates)[:7]
    arrays = {"true_losses": losses, "candidates": candidates, "picks": picks}
    found = table(study("vaal", {(1, 2): arrays}), "picked_loss_rank")
    ranks = (rankdata(losses) - 0.5) / 40  # average rank, ties shared
    expected = 100 * np.mean([ranks[candidates.tolist().index(pick)] for pick in picks])
    assert found[2, 1] == pytest.approx(expected)
    everything = table(study("random", {(0, 0): arrays | {"picks": candidates}}), "picked_loss_rank")
    assert np.isnan(everything[2]).any()


def grid(slope_x: float, slope_y: float, offset: float) -> dict[str, np.ndarray]:
    """A posterior that is linear over the plane, as it is recorded."""
    x, y = np.linspace(-1, 2, 65), np.linspace(-2, 1, 65)
    probs = 0.5 + slope_x * x[None, :] + slope_y * y[:, None] - offset
    return {"grid_x": x, "grid_y": y, "grid_probs": np.stack([1 - probs, probs], axis=-1)}


def test_picked_points_near_and_far_from_the_oracles_boundary(study):
    points = np.array([[0.3, 0.0], [0.8, 0.0], [-0.2, -1.0], [1.9, 0.9]])
    arrays = {"points": points, "point_indices": np.array([5, 9, 2, 7]), "picks": np.array([2, 9])}
    study("vaal", {(0, 1): arrays})
    made = study("random", {(0, 2): grid(0.1, 0.0, 0.03)}, label="All labels")  # x = 0.3
    found = table(made, "boundary_distance")
    # picks 2 and 9 lie at x = −0.2 and 0.8, both 0.5 away,     assert found[1, 0] == pytest.approx(0.5, abs=1e-3)
    assert np.isnan(np.delete(found.ravel(), 2)).all()
    assert table(made, "pick_spread")[1, 0] == pytest.approx(math.hypot(1, 1))
