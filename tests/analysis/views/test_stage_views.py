"""Views of stages.csv: their numbers against what a hand or SciPy makes of the same rows."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from scipy import stats

from altool.analysis.study import Output, Study
from altool.analysis.views import (
    ablation,
    accuracy_table,
    class_entropy,
    class_heatmap,
    class_share,
    curves,
    dataset_table,
    epochs,
    published_table,
    selection_time,
    sensitivity,
)
from altool.core.errors import UserError

DOMINANT = {"imbalance": {"rule": "cut_others", "classes": [1]}}


def figure_of(output: Output) -> Figure:
    assert output.figure is not None
    return output.figure


def frame_of(output: Output) -> pd.DataFrame:
    assert output.frame is not None
    return output.frame


def numbers(frame: pd.DataFrame | None, columns: str, **where: object) -> list[list[float]]:
    assert frame is not None
    chosen = frame
    for key, value in where.items():
        chosen = pd.DataFrame(chosen.loc[chosen[key] == value])
    return chosen[columns.split()].to_numpy(float).round(9).tolist()


def texts(frame: pd.DataFrame | None) -> list[list[str]]:
    assert frame is not None
    return [list(frame.columns), *frame.astype(str).to_numpy().tolist()]


def only_axes(output: Output) -> Axes:
    (axes,) = figure_of(output).axes
    return axes


def test_curves_are_means_over_the_seeds_that_are_there(bench):
    cell = bench.cell("vaal", {0: [0.5, 0.6], 1: [0.7]}, label="VAAL", seeds=(0, 1, 2), stages=2)
    (made,) = curves.view(bench.study(cell))
    assert (made.name, made.kind) == ("accuracy", "figure") and "n = 1 to 2 seeds" in made.caption
    expected = [[10, 0.6, np.sqrt(0.02), 2], [20, 0.6, np.nan, 1]]
    np.testing.assert_allclose(numbers(made.frame, "n_labelled mean std n"), expected)
    line = only_axes(made).lines[0]
    np.testing.assert_allclose(np.asarray(line.get_xydata(), float), [[10, 60], [20, 60]])


def test_improvements_are_paired_by_seed_and_have_t_intervals(bench):
    random = bench.cell("random", {0: [0.5, 0.5], 1: [0.6, 0.5]}, label="Random")
    ours = bench.cell("ta_vaal", {0: [0.6, 0.7], 1: [0.6, 0.9], 2: [0.9, 0.9]}, label="TA-VAAL")
    (made,) = curves.view(bench.study(random, ours), relative_to="random")
    assert made.name == "accuracy_vs_random"
    np.testing.assert_allclose(numbers(made.frame, "stage mean n"), [[0, 0.05, 2], [1, 0.3, 2]])
    low, high = stats.t.interval(0.95, 1, 0.3, stats.sem([0.2, 0.4]))
    np.testing.assert_allclose(numbers(made.frame, "low high", stage=1), [[low, high]])
    assert only_axes(made).get_ylabel() == "Accuracy over Random\n(percentage points)"


def test_of_several_baselines_the_one_set_up_alike_is_subtracted(bench):
    cells = [
        bench.cell(s, {0: [value, value]}, label=f"{s} {step}", settings={"budget.step": step})
        for s, value, step in (("random", 0.1, 5), ("random", 0.2, 9), ("vaal", 0.5, 5), ("vaal", 0.5, 9))
    ]
    (made,) = curves.view(bench.study(*cells), relative_to="random")
    assert numbers(made.frame, "mean", stage=0) == [[0.4], [0.3]]


def test_error_queried_round_and_validation(bench):
    cell = bench.cell("ldr", {0: [0.5, 0.75]}, val={0: [0.25, 0.5]}, start=100, step=50)
    (made,) = curves.view(bench.study(cell), error=True, x="queried")
    assert made.name == "error" and only_axes(made).get_ylabel() == "Test error (%)"
    assert numbers(made.frame, "n_queried mean") == [[0, 0.5], [50, 0.25]]
    assert only_axes(made).get_xlabel() == "Number of queried images"
    (made,) = curves.view(bench.study(cell), metric="val_accuracy", x="round")
    assert numbers(made.frame, "round mean") == [[1, 0.25], [2, 0.5]]
    assert only_axes(made).get_ylabel() == "Validation accuracy (%)"


def test_panels_are_figures_of_their_own_or_one_set_of_trials(bench):
    cells = [
        bench.cell("random", {0: [low], 1: [high]}, label="Random", panel=panel)
        for panel, low, high in (("CIFAR-10+[1]", 0.1, 0.2), ("CIFAR-10+[5]", 0.3, 0.6))
    ]
    study = bench.study(*cells)
    assert [made.name for made in curves.view(study)] == ["accuracy_cifar_10_1", "accuracy_cifar_10_5"]
    (made,) = curves.view(study, pool_panels=True)
    values = [0.1, 0.2, 0.3, 0.6]
    np.testing.assert_allclose(numbers(made.frame, "mean std n"), [[0.3, np.std(values, ddof=1), 4]])
    assert "n = 4 runs of CIFAR-10+[1]; CIFAR-10+[5] taken together" in made.caption
    (legend,) = figure_of(made).legends
    assert legend.get_title().get_text() == "Mean ± 1 std over 4 runs"


def test_individual_runs_beside_the_range_of_the_others(bench):
    ours = bench.cell("vab_al", {0: [0.5, 0.7], 1: [0.6, 0.9]}, label="VaB-AL")
    random = bench.cell("random", {0: [0.1, 0.2], 1: [0.3, 0.6]}, label="Random")
    (made,) = curves.view(bench.study(random, ours), individual="vab_al")
    assert list(dict.fromkeys(frame_of(made)["label"])) == ["Random", "VaB-AL, seed 0", "VaB-AL, seed 1"]
    assert numbers(made.frame, "mean", label="VaB-AL, seed 1") == [[0.6], [0.9]]
    (band,) = only_axes(made).collections
    vertices = {tuple(v) for v in np.asarray(band.get_paths()[0].vertices, float).round(6).tolist()}
    assert vertices == {(10, 10), (10, 30), (20, 20), (20, 60)}


def test_what_is_not_there_is_said(bench):
    nothing = bench.study(bench.cell("vaal", {}, seeds=(0, 1)))
    with pytest.raises(UserError, match="no run of it has a finished stage yet"):
        curves.view(nothing)
    some = bench.study(bench.cell("vaal", {0: [0.5]}, label="VAAL"))
    mistakes: list[tuple[dict[str, Any], str]] = [
        ({"relative_to": "random"}, "relative_to=random: no such runs here yet"),
        ({"x": "labeled"}, "did you mean labelled"),
        ({"strategies": ["val"]}, "no cell val"),
        ({"metric": "val_accuracy"}, "val_accuracy on record"),
        ({"metric": "acuracy"}, "accuracy"),
    ]
    for wrong, message in mistakes:
        with pytest.raises(UserError, match=message):
            curves.view(some, **wrong)
    for view, ask_for in ((epochs, "trace=last"), (selection_time, "budget.stages=2")):
        with pytest.raises(UserError, match=ask_for):
            view.view(some)


def test_entropy_bars_stand_side_by_side_at_their_height(bench):
    counts = {0: [[5, 5], [15, 5]], 1: [[10, 0], [10, 10]]}
    one = bench.cell("vaal", {0: [0.5, 0.5], 1: [0.5, 0.5]}, label="VAAL", counts=counts)
    two = bench.cell("random", {0: [0.5]}, label="Random", counts={0: [[1, 1]]}, stages=2)
    (made,) = class_entropy.view(bench.study(one, two))
    skewed = stats.entropy([0.75, 0.25])
    means = [np.log(2) / 2, (skewed + np.log(2)) / 2]
    np.testing.assert_allclose(numbers(made.frame, "mean", label="VAAL"), np.reshape(means, (2, 1)))
    axes = only_axes(made)
    rectangles = [bar for bars in axes.containers if isinstance(bars, BarContainer) for bar in bars.patches]
    heights = [bar.get_height() for bar in rectangles]
    np.testing.assert_allclose(heights[:3], [*means, np.log(2)])
    centres = [bar.get_x() + bar.get_width() / 2 for bar in rectangles[:3]]
    np.testing.assert_allclose(centres, [-0.21, 0.79, 0.21])


def test_rare_shares_count_what_the_imbalance_cut(bench):
    counts = {0: [[2, 8, 0], [5, 10, 5]], 1: [[0, 9, 1], [1, 18, 1]]}
    cell = bench.cell("vab_al", {0: [0.5] * 2, 1: [0.5] * 2}, counts=counts, config=DOMINANT)
    (made,) = class_share.view(bench.study(cell))
    np.testing.assert_allclose(numbers(made.frame, "round mean n"), [[1, 0.15, 2], [2, 0.3, 2]])
    (made,) = class_share.view(bench.study(cell), classes=[0])
    np.testing.assert_allclose(numbers(made.frame, "mean"), [[0.1], [0.15]])
    with pytest.raises(UserError, match="has the classes 0 to 2"):
        class_share.view(bench.study(cell), classes=[3])
    plain = bench.cell("random", {0: [0.5]})
    with pytest.raises(UserError, match="which classes are rare"):
        class_share.view(bench.study(plain))


def test_selection_time_is_per_bought_item_and_leaves_out_the_last_look(bench):
    ours = bench.cell(
        "ta_vaal", {0: [0.5] * 3}, label="TA-VAAL", seconds={0: [(8, 1, 1), (12, 3, 1), (99, 99, 99)]}
    )
    coreset = bench.cell(
        "coreset", {0: [0.5] * 3}, label="Core-set", seconds={0: [(0, 20, 10), (0, 25, 5), (0, 0, 0)]}
    )
    (made,) = selection_time.view(bench.study(ours, coreset))
    columns = "fit_seconds choosing_seconds total_seconds n"
    assert numbers(made.frame, columns) == [[1, 0.3, 1.3, 2], [0, 3, 3, 2]]
    ratios = "times_ta_vaal_without_fit times_ta_vaal_with_fit"
    np.testing.assert_allclose(numbers(made.frame, ratios, label="Core-set"), [[10, 3 / 1.3]])


def test_a_sweep_is_a_line_over_its_key_and_others_are_levels(bench):
    cells = [
        bench.cell(
            "ldr",
            {0: [0.1, a], 1: [0.1, b]},
            label=f"{p}",
            settings={"strategy.percentile": p, "trace": p == 70, "dataset": "mnist"},
        )
        for p, a, b in ((99, 0.5, 0.7), (70, 0.2, 0.4))
    ]
    random = bench.cell("random", {0: [0.1, 0.3]}, label="Random")
    (made,) = sensitivity.view(bench.study(*cells, random), key="strategy.percentile")
    assert made.name == "sensitivity_percentile"
    expected = [[99, 0.6, 2], [70, 0.3, 2], [np.nan, 0.3, 1]]
    np.testing.assert_allclose(numbers(made.frame, "value mean n"), expected)
    assert set(frame_of(made)["line"]) == {"LDR", "Random"}  # one line, traced or not
    axes = only_axes(made)
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_xydata(), float), [[70, 30], [99, 60]])
    (made,) = sensitivity.view(bench.study(*cells), key="strategy.percentile", at="mean")
    np.testing.assert_allclose(numbers(made.frame, "mean"), [[0.35], [0.2]])
    (made,) = sensitivity.view(bench.study(*cells), key="strategy.percentile", at=10)
    assert numbers(made.frame, "mean") == [[0.1], [0.1]]
    with pytest.raises(UserError, match=r"did you mean strategy\.percentile"):
        sensitivity.view(bench.study(*cells), key="strategy.percentil")
    with pytest.raises(UserError, match="no run of an_experiment has been there"):
        sensitivity.view(bench.study(*cells), key="strategy.percentile", at=11)


def test_tables_read_as_the_papers_print_them(bench):
    ours = bench.cell("vab_al", {0: [0.5, 0.75], 1: [0.6, 0.8]}, label="Both", panel="A")
    other = bench.cell("vab_al", {0: [0.5, 0.55]}, label="Neither", panel="A", stages=2)
    more = bench.cell("vab_al", {0: [0.1], 1: [0.3]}, label="Both", panel="B", stages=2)
    study = bench.study(ours, other, more)
    (made,) = accuracy_table.view(study, at=["mean", "final"])
    assert texts(made.frame) == [
        ["Strategy", "n", "A avg.", "A final", "B avg."],
        ["Both", "2", "66.25 ± 5.30", "77.50 ± 3.54", "–"],
        ["Neither", "1", "52.50", "55.00", "–"],
    ]
    (made,) = accuracy_table.view(bench.study(ours), queried=True)
    assert texts(made.frame) == [["Strategy", "n", "0", "10"], ["Both", "2", "55.00 ± 7.07", "77.50 ± 3.54"]]
    (made,) = accuracy_table.view(bench.study(ours), at=20)
    assert texts(made.frame)[0] == ["Strategy", "n", "20"]
    (made,) = accuracy_table.view(bench.study(ours), at=[1000, 20])
    assert texts(made.frame) == [["Strategy", "n", "20", "1,000"], ["Both", "2", "77.50 ± 3.54", "–"]]
    with pytest.raises(UserError, match="at=last"):
        accuracy_table.view(study, at="last")


def test_an_ablation_is_judged_by_paired_differences(bench):
    both = bench.cell("vab_al", {0: [0.5, 0.7], 1: [0.6, 0.9], 2: [0.1, 0.1]}, label="Both")
    neither = bench.cell("vab_al", {1: [0.5, 0.6], 0: [0.3, 0.6]}, label="Neither")
    table, differences = ablation.view(bench.study(neither, both), at="final", versus="Neither")
    assert texts(table.frame)[1:] == [["Neither", "2", "60.00 ± 0.00"], ["Both", "3", "56.67 ± 41.63"]]
    low, high = 100 * np.array(stats.t.interval(0.95, 1, 0.2, stats.sem([0.1, 0.3])))
    assert texts(differences.frame) == [["Strategy", "final"], ["Both", f"+20.00 [{low:+.2f}, {high:+.2f}]"]]
    with pytest.raises(UserError, match="did you mean Neither"):
        ablation.view(bench.study(neither, both), versus="Nether")


def test_the_heat_map_is_at_the_stage_that_all_seeds_have(bench):
    recalls = {
        0: [[0.0, 0.0, 0.0], [0.5, 1.0, None], [1.0, 1.0, 1.0]],
        1: [[0.0, 0.0, 0.0], [0.7, 1.0, None]],
    }
    cell = bench.cell("vaal", {0: [0.5] * 3, 1: [0.5] * 2}, recalls=recalls)
    (made,) = class_heatmap.view(bench.study(cell))
    assert frame_of(made)["class"].tolist() == ["zero", "one", "two"]
    np.testing.assert_allclose(numbers(made.frame, "mean n_labelled"), [[0.6, 20], [1, 20], [np.nan, 20]])
    image = figure_of(made).axes[0].images[0].get_array()
    np.testing.assert_allclose(np.asarray(image)[0, :2], [60, 100])


def test_a_band_of_errors_ends_where_no_error_can_be(bench):
    rows = {
        seed: [
            {"stage": 1, "seed": seed, "epoch": e, "train_loss": 1, "test_loss": 1, "test_accuracy": a}
            for e in (0, 1)
        ]
        for seed, a in enumerate((1.0, 1.0, 0.7))
    }
    cell = bench.cell("ldr", {seed: [0.5] * 2 for seed in rows}, label="LDR", epochs=rows)
    (made,) = epochs.view(bench.study(cell), columns="test_error")  # 0, 0, 30: mean 10, std 17.3
    (axes,) = figure_of(made).axes
    (band,) = axes.collections
    heights = np.asarray(band.get_paths()[0].vertices, float)[:, 1]
    assert heights.min() == 0 and heights.max() == pytest.approx(10 + np.sqrt(300))
    assert axes.get_ylim()[0] < 0  # its lower edge is seen
    assert "as far as values can be" in figure_of(made).legends[0].get_title().get_text()


def test_epochs_count_from_one_and_take_the_stage_asked_for(bench):
    rows = {
        seed: [
            {
                "stage": s,
                "seed": seed,
                "epoch": e,
                "train_loss": 1,
                "test_loss": s + e + seed,
                "test_accuracy": 0.5 + e / 4,
            }
            for s in (0, 1)
            for e in (0, 1)
        ]
        for seed in (0, 1)
    }
    cell = bench.cell("ldr", {0: [0.5] * 2, 1: [0.5] * 2}, label="LDR", epochs=rows)
    (made,) = epochs.view(bench.study(cell), columns=["test_loss", "test_error"])
    np.testing.assert_allclose(
        numbers(made.frame, "epoch mean std", column="test_loss"),
        [[1, 1.5, np.sqrt(0.5)], [2, 2.5, np.sqrt(0.5)]],
    )
    assert numbers(made.frame, "mean", column="test_error") == [[50], [25]]
    (made,) = epochs.view(bench.study(cell), stage=0)
    assert numbers(made.frame, "mean") == [[0.5], [1.5]]
    with pytest.raises(UserError, match="did you mean test_loss"):
        epochs.view(bench.study(cell), columns="tst_loss")


def test_the_sets_of_p0_have_the_entropies_it_prints():
    """P0 Table 1 cuts off the digits of 1.6570 and 2.1146 (facts.md section 2)."""
    datasets = pd.DataFrame(
        {
            "label": ["first", "third"],
            "class_counts": [
                "3000;3000;4000;5000;50;100;100;100;200;1000",
                "3000;3000;4000;5000" + ";1000" * 5 + ";3000",
            ],
            "start": [1000, 100],
            "n_test": [10000, 200],
        }
    )
    (made,) = dataset_table.view(Study("table1", {}, (), datasets=datasets))
    assert numbers(made.frame, "Total") == [[16550], [23000]]
    assert [f"{v:.4f}" for v in frame_of(made)["Entropy (nats)"]] == ["1.6570", "2.1146"]
    assert frame_of(made)[["Start set", "Test"]].to_numpy().tolist() == [[1000, 10000], [100, 200]]
    with pytest.raises(UserError, match="none of its sets"):
        dataset_table.view(Study("table1", {}, ()))


def test_what_was_published_stands_beside_what_was_measured():
    """P0 Table 1: the first set is measured as printed, the second is not at hand, the third has an image too many."""
    datasets = pd.DataFrame(
        {"panel": ["Entropy 1.65", "Entropy 2.11"], "n_pool": [16550, 23001], "entropy": [1.6570, 2.1146]}
    )
    (made,) = published_table.view(Study("ta_vaal_draft_table1", {}, (), datasets=datasets))
    sizes = frame_of(made)[frame_of(made)["Published"].str.contains("16550|19000|23000|16,550|19,000|23,000")]
    assert sizes["Verdict"].tolist() == ["agrees", "not measured", "differs"]
    assert sizes["Measured ± SE"].tolist() == ["16,550", "–", "23,001"]
    assert sizes["Difference"].tolist() == ["0", "–", "1"]
    (smoke,) = published_table.view(Study("ta_vaal_draft_table1", {}, (), True, datasets))
    assert set(frame_of(smoke)["Verdict"]) == {"not measured"}
    assert published_table.view(Study("nobody_published_this", {}, ())) == []
