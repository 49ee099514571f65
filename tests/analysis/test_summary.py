"""The tidy table of means, and what a finished command leaves in its cell."""

import numpy as np
import pandas as pd
import pytest

from altool.analysis.summary import summary_frame, write_cell_summary


def test_one_row_per_configuration_and_stage(write_run, tmp_path):
    write_run("vaal", 0, [0.5, 0.7], overrides={"strategy.beta": 2})
    write_run("vaal", 1, [0.7, 0.8], overrides={"strategy.beta": 2})
    write_run("random", 0, [0.4, 0.5])
    frame = summary_frame([tmp_path])
    assert frame["label"].tolist() == ["Random"] * 2 + ["VAAL (beta=2)"] * 2
    assert frame["overrides"].tolist() == ["", "", "strategy.beta=2", "strategy.beta=2"]
    assert frame["n"].tolist() == [1, 1, 2, 2]
    assert frame["mean"].tolist() == pytest.approx([0.4, 0.5, 0.6, 0.75])
    assert frame["std"].tolist()[2:] == pytest.approx([np.sqrt(0.02), np.sqrt(0.005)])
    assert frame["std"].isna().tolist() == [True, True, False, False]
    assert frame["aubc_mean"].tolist() == pytest.approx([0.45, 0.45, 0.675, 0.675])
    assert frame["aubc_n"].tolist() == [1, 1, 2, 2]


def test_differences_come_with_their_interval(write_run, tmp_path):
    for seed, gain in enumerate((0.1, 0.2, 0.3)):
        write_run("random", seed, [0.4])
        write_run("vaal", seed, [0.4 + gain])
    row = summary_frame([tmp_path], relative_to="random").iloc[0]
    half = 4.302652729911275 * 0.1 / np.sqrt(3)  # t(0.975, 2) from a printed table
    assert (row["mean"], row["n"], row["relative_to"]) == (pytest.approx(0.2), 3, "Random")
    assert (row["low"], row["high"]) == pytest.approx((0.2 - half, 0.2 + half))


def test_a_cell_gets_summary_and_curve(write_run):
    cell = write_run("vaal", 0, [0.5, 0.7]).parent
    write_run("vaal", 1, [0.7], planned=2, status="stopped")
    files = write_cell_summary(cell)
    assert files == [cell / "summary.csv", cell / "curve.png"]
    frame = pd.read_csv(cell / "summary.csv")
    assert frame["stage"].tolist() == [0, 1]
    assert frame["n_labelled"].tolist() == [1000, 2000]
    assert frame["n_seeds"].tolist() == [2, 1]
    assert frame["accuracy_mean"].tolist() == pytest.approx([0.6, 0.7])
    stds = frame["accuracy_std"].tolist()
    assert stds == pytest.approx([np.sqrt(0.02), np.nan], nan_ok=True)
    assert frame["nll_mean"].tolist() == pytest.approx([0.4, 0.3])
    assert frame["miou_mean"].isna().tolist() == [True, True]  # no segmentation: empty, not zero
    before = [file.read_bytes() for file in files]
    assert write_cell_summary(cell) == files
    assert [file.read_bytes() for file in files] == before
    assert sorted(p.name for p in cell.iterdir() if p.is_file()) == ["curve.png", "summary.csv"]


def test_a_cell_before_its_first_stage_is_left_as_it_is(write_run):
    cell = write_run("vaal", 0, [], planned=2, status="running").parent
    assert write_cell_summary(cell) == []
    assert [p.name for p in cell.iterdir()] == ["seed_000"]


def test_somebody_elses_curve_is_kept_and_named(write_run, caplog):
    cell = write_run("vaal", 0, [0.5]).parent
    (cell / "curve.png").write_bytes(b"mine")
    assert write_cell_summary(cell) == [cell / "summary.csv"]
    assert (cell / "curve.png").read_bytes() == b"mine"
    assert "was not made by altool" in caplog.text
