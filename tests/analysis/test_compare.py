"""`altool compare`: the numbers by hand, and that it says what cannot be said."""

import io

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from altool.analysis.compare import PARTS, render
from altool.cli.main import main
from altool.core.errors import UserError


@pytest.fixture
def runs(write_run, tmp_path):
    for seed, shift in enumerate((0.0, 0.02)):
        write_run("random", seed, [0.5 + shift, 0.6 + shift, 0.7 + shift])
        write_run("ta_vaal", seed, [0.5 + shift, 0.68 + shift, 0.74])
        write_run("vaal", seed, [0.5 + shift, 0.56 + shift, 0.6 + shift])
    return tmp_path


def test_differences(runs):
    frame = pd.read_csv(io.StringIO(render([runs], "differences", "csv"))).set_index("label")
    ta_vaal = frame.loc["TA-VAAL"]
    # differences 0, 0.08, 0.04 and 0, 0.08, 0.02: areas (0.04 + 0.06)/2 = 0.05 and (0.04 + 0.05)/2 = 0.045
    assert ta_vaal["aubc_mean"] == pytest.approx(0.0475)
    interval = stats.ttest_1samp([0.05, 0.045], 0).confidence_interval(0.95)
    assert (ta_vaal["aubc_low"], ta_vaal["aubc_high"]) == pytest.approx((interval.low, interval.high))
    assert ta_vaal["p"] == pytest.approx(stats.ttest_1samp([0.05, 0.045], 0)[1])
    assert (ta_vaal["final_mean"], ta_vaal["final_n"], ta_vaal["n_labelled"]) == (
        pytest.approx(0.03),
        2,
        3000,
    )
    assert (ta_vaal["ahead"], ta_vaal["stages"], frame.loc["VAAL", "ahead"]) == (2, 2, 0)
    # two strategies: the smaller p twice, and never below it for the other
    p = frame["p"].to_numpy()
    assert sorted(frame["p_holm"]) == pytest.approx(sorted([2 * p.min(), max(2 * p.min(), p.max())]))
    # means: random ends with 0.71; ours 0.69 at 2,000 and 0.74 at 3,000: there after 2,400
    assert ta_vaal["labels_saved"] == pytest.approx(600) and pd.isna(ta_vaal["bound"])
    assert frame.loc["VAAL", "bound"] == "<" and frame.loc["VAAL", "labels_saved"] == 0


def test_lower_is_better_for_nll(runs):
    nll, accuracy = (
        pd.read_csv(io.StringIO(render([runs], "differences", "csv", metric)))
        for metric in ("nll", "accuracy")
    )
    numbers = ["aubc_mean", "final_mean", "ahead", "labels_saved"]
    assert np.allclose(nll[numbers], accuracy[numbers])
    assert "the lower NLL counts as the better" in render([runs], "differences", metric="nll")


def test_all_parts_in_words(runs):
    text = render([runs], width=160)
    assert "Accuracy against Random (percentage points)" in text
    assert "600 (20 %)" in text and "+4.75 [+1.57, +7.93]" in text and "2 of 2" in text
    saved = text.split("labels saved against Random")[1]
    # at 2,000 ours has 0.69, which random has at 2,800; at 3,000 it has 0.74, which random never has
    assert "+800" in saved and ">+0" in saved
    assert "-400" in saved  # VAAL's 0.57 at 2,000 is random's at 1,600
    assert "Pairwise penalties: Accuracy" in text and "(is beaten, mean)" in text
    assert "n = 2 is small: a sign or Wilcoxon test cannot go below p = 0.5" in text
    assert [render([runs], part, width=160) in text for part in PARTS] == [True] * 3


@pytest.mark.parametrize("format", ["markdown", "latex"])
def test_other_formats_hold_the_same_numbers(runs, format):
    text = render([runs], None, format)
    assert "+4.75 [+1.57, +7.93]" in text and text.count("TA-VAAL") == 4
    if format == "latex":
        assert r"600 (20 \%)" in text and r"$>$+0" in text and text.count(r"\bottomrule") == 3


def test_csv_of_the_other_parts(runs):
    labels = pd.read_csv(io.StringIO(render([runs], "labels", "csv")))
    assert labels.loc[labels["label"] == "TA-VAAL", "labels_saved"].tolist() == pytest.approx([800, 0])
    penalty = pd.read_csv(io.StringIO(render([runs], "penalty", "csv"))).set_index("beats")
    assert penalty.loc["TA-VAAL", "VAAL"] >= 0 and list(penalty.index) == list(penalty.columns)


def test_one_seed_says_so_and_tests_nothing(write_run, tmp_path):
    for strategy, end in (("random", 0.6), ("vaal", 0.65)):
        write_run(strategy, 0, [0.5, end])
    text = render([tmp_path], width=120)
    assert (
        "n = 1: no test and no interval." in text
        and "+5.00" in text
        and "[" not in text.split("Differences")[0]
    )
    assert "nothing can be tested" in text


def test_bad_input(runs):
    with pytest.raises(UserError, match="did you mean penalty"):
        render([runs], "penalti")
    with pytest.raises(UserError, match="--part differences"):
        render([runs], None, "csv")
    with pytest.raises(UserError, match="no such runs"):
        render([runs], relative_to="coreset")


def test_the_command(runs, capsys):
    assert main(["compare", str(runs), "--part", "labels", "--relative-to", "vaal"]) == 0
    assert "labels saved against VAAL" in capsys.readouterr().out
    assert main(["compare", str(runs), "--metric", "acuracy"]) == 2
    assert "did you mean accuracy?" in capsys.readouterr().err


def test_smoke_runs_are_no_strategies_to_compare_with(runs, write_run, caplog):
    before = render([runs], width=160)
    smoke = {"root": "outputs/smoke", "start": 10, "step": 10, "stamp": "Smoke scale: no result."}
    for seed in (0, 1):
        for strategy in ("random", "coreset", "ta_vaal"):
            write_run(strategy, seed, [0.1, 0.2 + 0.1 * seed, 0.3], **smoke)
    assert render([runs], width=160) == before
    assert "6 smoke runs are left out" in caplog.text
    alone = render([runs / "outputs/smoke"], width=160)
    assert alone.count("Smoke scale: no result.") == 3  # differences, labels, penalties
    both = render([runs, runs / "outputs/smoke"], "penalty", width=160)
    assert "added up over 1 setting" in both and "Core-set" not in both and "Smoke" not in both
