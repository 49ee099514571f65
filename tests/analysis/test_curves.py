"""Curves per configuration, panels per setting, and differences that are paired or not taken."""

import itertools

import numpy as np
import pytest

from altool.analysis.curves import Curve, Panel, panels
from altool.analysis.read import read_stages
from altool.core.errors import UserError


def only_panel(tmp_path, relative_to=None, metric="accuracy") -> Panel:
    (panel,) = panels(read_stages([tmp_path]), metric, relative_to)
    return panel


def by_label(panel: Panel) -> dict[str, Curve]:
    return {curve.label: curve for curve in panel.curves}


def test_mean_std_and_n_per_stage_by_hand(write_run, tmp_path):
    write_run("vaal", 0, [0.5, 0.6, 0.9])
    write_run("vaal", 1, [0.7, 0.6], planned=3, status="running")
    curve = only_panel(tmp_path).curves[0]
    assert curve.n_labelled_T.tolist() == [1000, 2000, 3000]
    assert curve.mean_T == pytest.approx([0.6, 0.6, 0.9])
    assert curve.std_T[:2] == pytest.approx([np.sqrt(0.02), 0])
    assert np.isnan(curve.std_T[2])
    assert curve.n_T.tolist() == [2, 2, 1] and curve.n_seeds == 2 and curve.unfinished == 1
    # seed 0: (1.1/2 + 1.5/2) / 2; seed 1 lacks a stage
    assert curve.aubc_S[0] == pytest.approx(0.65) and np.isnan(curve.aubc_S[1])


def test_panels_and_the_order_of_curves(write_run, tmp_path):
    for strategy, dataset in itertools.product(
        ("ta_vaal", "zebra", "random", "coreset"), ("mnist", "cifar10")
    ):
        write_run(strategy, 0, [0.5], dataset=dataset)
    write_run("ta_vaal", 0, [0.5], dataset="mnist", overrides={"strategy.size": "small"})
    found = panels(read_stages([tmp_path]), "accuracy")
    assert [panel.slug for panel in found] == ["cifar10-step100_resnet18", "mnist-step100_resnet18"]
    expected = ["Random", "Core-set", "TA-VAAL", "TA-VAAL (size=small)", "zebra"]
    assert [curve.label for curve in found[1].curves] == expected


def test_seeds_that_lie_under_two_roots_are_one_curve(write_run, tmp_path):
    write_run("vaal", 0, [0.5])
    write_run("vaal", 1, [0.7], root="elsewhere")
    (curve,) = only_panel(tmp_path).curves
    assert curve.label == "VAAL" and curve.mean_T == pytest.approx([0.6])


def test_an_unknown_and_an_unrecorded_metric(write_run, tmp_path):
    write_run("vaal", 0, [0.5])
    stages = read_stages([tmp_path])
    with pytest.raises(UserError, match=r"--metric acuracy: did you mean accuracy\?"):
        panels(stages, "acuracy")
    with pytest.raises(UserError, match="did not record it; they have accuracy, nll, class_entrop"):
        panels(stages, "miou")


def test_differences_are_paired_by_seed_and_stage(write_run, tmp_path):
    rng = np.random.default_rng(0)
    values = {}
    for strategy, seeds, stages in (("random", (0, 1, 2, 5), 4), ("vaal", (5, 2, 1, 7), 3)):
        for seed in seeds:
            values[strategy, seed] = rng.random(stages).round(3).tolist()
            write_run(strategy, seed, values[strategy, seed], planned=4)
    panel = only_panel(tmp_path, "random")
    (curve,) = panel.curves
    assert panel.relative_to == "Random"
    assert curve.values.columns.tolist() == [1, 2, 5]  # only these seeds have both
    for t, (_, n_labelled) in enumerate(curve.values.index):
        assert n_labelled == 1000 * (t + 1)
        pairs = [values["vaal", seed][t] - values["random", seed][t] for seed in (1, 2, 5)]
        assert curve.values_TS[t] == pytest.approx(pairs)
        assert curve.mean_T[t] == pytest.approx(np.mean(pairs))
        assert curve.std_T[t] == pytest.approx(np.std(pairs, ddof=1))
    assert len(curve.values) == 3


def test_no_pair_across_different_learners_settings(write_run, tmp_path, caplog):
    write_run("random", 0, [0.5, 0.6])
    write_run("random", 0, [0.1, 0.2], overrides={"learner.epochs": 5})
    write_run("vaal", 0, [0.3, 0.5], overrides={"learner.epochs": 5, "strategy.beta": 2})
    write_run("ta_vaal", 0, [0.3, 0.5], overrides={"learner.epochs": 7})
    panel = only_panel(tmp_path, "random")
    assert by_label(panel).keys() == {"VAAL (beta=2, learner.epochs=5)"}
    assert panel.curves[0].mean_T == pytest.approx([0.2, 0.3])
    assert "TA-VAAL (learner.epochs=7) has no paired runs of random" in caplog.text


def test_budgets_of_other_lengths_pair_as_far_as_both_go(write_run, tmp_path):
    write_run("random", 0, [0.5, 0.6])
    write_run("random", 1, [0.5, 0.6, 0.7, 0.8])
    for seed in (0, 1):
        write_run("vaal", seed, [0.6, 0.7, 0.9])
    curve = by_label(only_panel(tmp_path, "random"))["VAAL"]
    assert curve.mean_T == pytest.approx([0.1, 0.1, 0.2])
    assert curve.n_T.tolist() == [2, 2, 1]


def test_other_steps_pair_at_no_stage_but_the_first(write_run, tmp_path):
    write_run("random", 0, [0.5, 0.6, 0.7], step=500)
    write_run("vaal", 0, [0.6, 0.9], step=1000)
    (curve,) = only_panel(tmp_path, "random").curves
    assert curve.n_labelled_T.tolist() == [1000]


def test_a_baseline_that_is_not_there(write_run, tmp_path):
    write_run("random", 0, [0.5])
    write_run("vaal", 1, [0.5])
    with pytest.raises(UserError, match=r"--relative-to randon: .* did you mean random\?"):
        only_panel(tmp_path, "randon")
    with pytest.raises(UserError, match="run both with the same seeds, budget and learner"):
        only_panel(tmp_path, "random")


def test_a_baseline_with_variants_is_the_plain_one_or_asked_for(write_run, tmp_path):
    small, wide = {"strategy.size": "small"}, {"strategy.width": 64}
    write_run("ta_vaal", 0, [0.5], overrides=small)
    write_run("ta_vaal", 0, [0.6], overrides=wide)
    write_run("random", 0, [0.4])
    with pytest.raises(UserError, match=r"which of TA-VAAL \(size=small\); TA-VAAL \(width=64\)\?"):
        only_panel(tmp_path, "ta_vaal")
    write_run("ta_vaal", 0, [0.8])
    curves = by_label(only_panel(tmp_path, "ta_vaal"))
    assert curves["TA-VAAL (size=small)"].mean_T == pytest.approx([-0.3])
    assert curves["Random"].mean_T == pytest.approx([-0.4])
