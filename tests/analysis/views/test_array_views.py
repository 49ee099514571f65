"""Views of diagnostics/stage_NNN.npz: their numbers against hand-made arrays."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from altool.analysis.study import Output, Study
from altool.analysis.views import (
    boundary,
    contours,
    discriminator,
    image_grid,
    importance,
    loss_scatter,
    toy_data,
)
from altool.core.errors import UserError

DOMINANT = {"imbalance": {"rule": "cut_others", "classes": [1]}}
X, Y = np.linspace(0, 4, 9), np.linspace(0, 2, 5)


def figure_of(output: Output) -> Figure:
    assert output.figure is not None
    return output.figure


def frame_of(output: Output) -> pd.DataFrame:
    assert output.frame is not None
    return output.frame


def halves(at: float) -> np.ndarray:
    """Posterior of two classes on the grid that rises in x through one half at `at`."""
    right = np.clip(0.5 + 0.25 * (X - at), 0, 1)
    return np.stack([np.tile(1 - right, (5, 1)), np.tile(right, (5, 1))], axis=2).astype(np.float16)


def plane(picks: list[int] | None = None, at: float = 2.0) -> dict[str, np.ndarray]:
    """Five points: a unit square's corners, and (3.5, 1); dataset indices 10, 12 … 18."""
    arrays = {
        "grid_x": X,
        "grid_y": Y,
        "grid_probs": halves(at),
        "points": np.array([[0, 0], [1, 0], [0, 1], [1, 1], [3.5, 1]], np.float32),
        "point_indices": np.arange(10, 20, 2),
        "point_labels": np.array([0, 0, 0, 1, 1]),
    }
    if picks is not None:
        arrays |= {"candidates": arrays["point_indices"], "scores": np.arange(5.0), "picks": np.array(picks)}
    return arrays


def rows(frame: pd.DataFrame | None, columns: str, **where: object) -> list[list]:
    assert frame is not None
    chosen = frame
    for key, value in where.items():
        chosen = pd.DataFrame(chosen.loc[chosen[key] == value])
    return chosen[columns.split()].to_numpy().tolist()


def test_picks_are_measured_against_the_oracle_of_their_own_seed(bench):
    start = {s: [(0, 12, 0), (0, 18, 1)] for s in (0, 1)}
    ours = bench.cell(
        "ta_vaal",
        {0: [0.5], 1: [0.5]},
        label="TA-VAAL",
        dataset="moons",
        arrays={(0, 0): plane([10, 16]), (1, 0): plane([14, 16])},
        acquired=start,
    )
    oracle = bench.cell(
        "random",
        {0: [0.9], 1: [0.9]},
        label="All labels",
        dataset="moons",
        arrays={(0, 0): plane(at=2.0), (1, 0): plane(at=1.5)},
    )
    figure, table = boundary.view(bench.study(ours, oracle))
    assert rows(figure.frame, "index x y distance") == [[10, 0, 0, 2], [16, 1, 1, 1]]
    ((distance, std, pool, nearest, n),) = rows(
        table.frame, "distance_mean distance_std pool_distance_mean nearest_pick_mean n"
    )
    per_seed = [1.5, 1.0]  # (2 + 1) / 2 to x = 2, (1.5 + 0.5) / 2 to x = 1.5
    assert (distance, n) == (pytest.approx(np.mean(per_seed)), 2)
    assert std == pytest.approx(np.std(per_seed, ddof=1))
    assert pool == pytest.approx(np.mean([(2 + 1 + 2 + 1 + 1.5) / 5, (1.5 + 0.5 + 1.5 + 0.5 + 2) / 5]))
    assert nearest == pytest.approx((np.sqrt(2) + 1) / 2)
    assert figure_of(figure).legends[0].get_title().get_text() == "One seed: 0"
    crosses = [line for line in figure_of(figure).axes[0].lines if line.get_marker() == "x"]
    np.testing.assert_allclose(np.asarray(crosses[0].get_xydata(), float), [[0, 0], [1, 1]])
    with pytest.raises(UserError, match="no cell All labels"):
        boundary.view(bench.study(ours))


def test_contours_show_the_query_before_and_its_effect_after(bench):
    cell = bench.cell(
        "ldr",
        {0: [0.5, 0.75]},
        label="LDR",
        dataset="circles",
        arrays={(0, 0): plane([14, 16]), (0, 1): plane(at=1.0)},
        acquired={0: [(0, 10, 0), (0, 18, 1), (1, 14, 0), (1, 16, 1)]},
    )
    (made,) = contours.view(bench.study(cell))
    columns = "stage n_labelled accuracy area_of_class_1 area_changed"
    # columns of the grid beyond x = 2: 4 of 9; beyond x = 1: 6 of 9
    assert rows(made.frame, columns) == [[0, 10, 0.5, 4 / 9, 0], [1, 20, 0.75, 6 / 9, pytest.approx(2 / 9)]]
    assert figure_of(made).legends[0].get_title().get_text() == "One seed of each: 0"
    before, after = figure_of(made).axes[:2]

    def marks(axes, marker: str) -> list[list[float]]:
        lines = [line for line in axes.lines if line.get_marker() == marker]
        return [point for line in lines for point in np.asarray(line.get_xydata(), float).tolist()]

    assert marks(before, "s") == [[0, 1], [1, 1]] and marks(after, "s") == []
    assert marks(before, "o") == [[3.5, 1]] and marks(before, "^") == [[0, 0]]  # label 1 circles, 0 triangles
    assert sorted(marks(after, "o")) == [[1, 1], [3.5, 1]]


def test_toy_data_shows_the_pool_filled_and_the_test_set_hollow():
    told = ["pool 0.0 1.0 1;pool 0.5 0.5 0;test 2.0 2.0 1", "pool 1 1 0;test 3 3 0;test 4 4 1"]
    facts = [{"panel": name, "dataset": "", "points": text} for name, text in zip("AB", told, strict=True)]
    images = {"panel": "C", "dataset": "mnist", "points": ""}
    (made,) = toy_data.view(Study("x", {}, (), datasets=pd.DataFrame([*facts, images])))
    assert made.caption == "Points of the pool and of the test set: A 2 and 1, B 1 and 2."
    assert rows(made.frame, "part x y class", panel="A") == [
        ["pool", 0, 1, 1],
        ["pool", 0.5, 0.5, 0],
        ["test", 2, 2, 1],
    ]
    left = figure_of(made).axes[0]
    drawn = {
        (line.get_marker(), line.get_markerfacecolor() == "white"): np.asarray(
            line.get_xydata(), float
        ).tolist()
        for line in left.lines
    }
    assert drawn == {("^", False): [[0.5, 0.5]], ("o", False): [[0, 1]], ("o", True): [[2, 2]]}
    with pytest.raises(UserError, match="none of its sets lies in the plane"):
        toy_data.view(Study("x", {}, (), datasets=pd.DataFrame([images])))


def said(labelled: list[float], candidates: list[float], **more: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "candidates": np.arange(len(candidates)),
        "discriminator_labelled": np.array(labelled, np.float32),
        "discriminator_candidates": np.array(candidates, np.float32),
        **more,
    }


def test_discriminator_outputs_are_counted_in_bins_per_seed(bench):
    arrays = {
        (0, 0): said([0.5], [0.5]),
        (0, 1): said([0.95, 1.0], [0.1, 0.3, 0.35, 0.9]),
        (1, 1): said([0.6, 0.7], [0.3, 0.3, 0.3, 0.3]),
    }
    cell = bench.cell("vaal", {0: [0.5] * 3, 1: [0.5] * 2}, label="VAAL", arrays=arrays)
    figure, spread = discriminator.view(bench.study(cell), bins=4)  # the last stage on disk: 1
    counts = rows(figure.frame, "low high mean", side="unlabelled")
    assert counts == [[0, 0.25, 0.5], [0.25, 0.5, 3], [0.5, 0.75, 0], [0.75, 1, 0.5]]
    assert [c for *_, c in rows(figure.frame, "low mean", side="labelled")] == [0, 0, 1, 1]
    ((median, std, wide),) = rows(spread.frame, "median_mean std_mean range_5_95_mean", side="unlabelled")
    assert median == pytest.approx((0.325 + 0.3) / 2, rel=1e-6)
    assert std == pytest.approx(np.std([0.1, 0.3, 0.35, 0.9]) / 2, rel=1e-6)
    assert wide == pytest.approx(np.subtract(*np.percentile([0.1, 0.3, 0.35, 0.9], [95, 5])) / 2, rel=1e-6)
    figure, _ = discriminator.view(bench.study(cell), bins=4, of="likelihood", labelled=False)
    assert set(frame_of(figure)["side"]) == {"unlabelled"}
    assert [c for *_, c in rows(figure.frame, "low mean")] == [0.5, 0, 3, 0.5]
    with pytest.raises(UserError, match="did you mean likelihood"):
        discriminator.view(bench.study(cell), of="likelyhood")


def test_true_losses_stand_over_the_likelihood_and_the_picks_are_marked(bench):
    arrays = {
        (0, 0): said([0.5], [0.9, 0.2, 0.4], true_losses=np.array([1.0, 2, 6]), picks=np.array([1, 2])),
        (1, 0): said([0.5], [0.9, 0.2, 0.4], true_losses=np.array([3.0, 3, 3]), picks=np.array([0])),
    }
    cell = bench.cell("vaal", {0: [0.5], 1: [0.5]}, label="VAAL", arrays=arrays)
    figure, table = loss_scatter.view(bench.study(cell))
    assert frame_of(figure)["selected"].tolist() == [False, True, True]
    np.testing.assert_allclose(
        rows(figure.frame, "likelihood true_loss"), [[0.1, 1], [0.8, 2], [0.6, 6]], rtol=1e-6
    )
    ((selected, every, difference, n),) = rows(table.frame, "selected_mean candidates_mean difference n")
    assert (selected, every, difference, n) == (3.5, 3, 0.5, 2)
    (other, _) = loss_scatter.view(bench.study(cell), seed=1)
    assert frame_of(other)["selected"].tolist() == [True, False, False]
    unaudited = bench.cell("vaal", {0: [0.5]}, label="not audited", arrays={(0, 0): said([0.5], [0.5])})
    with pytest.raises(UserError, match=r"Run it with diagnostics\.audit=true"):
        loss_scatter.view(bench.study(unaudited))


def pictures(indices: list[int]) -> np.ndarray:
    return np.array([np.full((4, 4, 1), i, np.uint8) for i in indices])


def test_the_image_grid_frames_the_dominant_class_and_knows_what_was_bought(bench):
    picks = [7, 3, 9]
    arrays = {(0, 0): {"picks": np.array(picks), "pick_images": pictures(picks)}}
    cell = bench.cell(
        "coreset",
        {0: [0.5, 0.5]},
        label="Core-set",
        arrays=arrays,
        config=DOMINANT,
        acquired={0: [(0, 1, 0), (1, 7, 1), (1, 3, 2)]},
    )
    (made,) = image_grid.view(bench.study(cell), n=5)
    assert rows(made.frame, "rank index class framed") == [
        [0, 7, 1, True],
        [1, 3, 2, False],
        [2, 9, -1, False],
    ]
    axes = figure_of(made).axes
    assert [int(np.asarray(a.images[0].get_array()).mean()) for a in axes] == picks
    assert [a.spines["left"].get_visible() for a in axes] == [True, False, False]
    assert "framed: class one" in made.caption
    (made,) = image_grid.view(bench.study(cell), n=1, classes=[2])
    assert rows(made.frame, "index framed") == [[7, False]]


def test_percentiles_put_ties_in_the_middle():
    np.testing.assert_allclose(importance.percentiles(np.array([3.0, -1, 3, 9, 3])), [50, 0, 50, 100, 50])
    assert importance.percentiles(np.array([4.0])).tolist() == [50]


def test_importance_compares_methods_on_the_same_images(bench):
    """Class 1 is dominant. Of six candidates, 0 and 1 are dominant and right, 2 dominant and wrong, 3 rare and right, 4 and
    5 rare and wrong."""
    seen = {
        "candidates": np.arange(6),
        "true_labels": np.array([1, 1, 1, 0, 0, 2]),
        "predicted": np.array([1, 1, 0, 0, 1, 1]),
        "example_indices": np.array([3, 4, 0, 1, 2, 5]),
        "example_images": pictures([3, 4, 0, 1, 2, 5]),
    }
    scores = {"Core-set": [5.0, 4, 3, 2, 1, 0], "VaB-AL": [0.0, 1, 2, 3, 4, 5]}
    cells = [
        bench.cell(
            strategy,
            {0: [0.5]},
            label=label,
            config=DOMINANT,
            arrays={(0, 0): {**seen, "scores": np.array(scores[label])}},
        )
        for strategy, label in (("coreset", "Core-set"), ("vab_al", "VaB-AL"))
    ]
    table, figure = importance.view(bench.study(*cells), n=1)
    means = "label dominant_right_mean rare_wrong_mean"
    assert rows(table.frame, means) == [["Core-set", 90, 10], ["VaB-AL", 10, 90]]
    columns = "label index group class predicted percentile"
    assert rows(figure.frame, columns) == [
        ["Core-set", 0, "dominant", "one", "one", 100],
        ["Core-set", 4, "rare", "zero", "one", 20],
        ["VaB-AL", 0, "dominant", "one", "one", 0],
        ["VaB-AL", 4, "rare", "zero", "one", 80],
    ]
    shown = [int(np.asarray(a.images[0].get_array()).mean()) for a in figure_of(figure).axes if a.images]
    assert shown == [0, 4]
