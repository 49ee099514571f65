"""Rows: the promised columns, exact floats, lists as a;b;c."""

import pytest

from altool.core.records import Purchase, cell, is_volatile, read_purchases, write_purchases

PROMISED = (
    "schema dataset imbalance learner strategy compat seed stage n_labelled n_distinct accuracy balanced_accuracy "
    "macro_f1 recall_per_class nll ece class_counts class_entropy fit_seconds strategy_fit_seconds score_seconds "
    "select_seconds query_seconds evaluate_seconds peak_memory_mib device val_accuracy"
).split()


def test_all_promised_columns_are_there_and_only_timing_is_volatile(record):
    row = record.row()
    assert set(PROMISED) <= set(row)
    volatile = {column for column in row if is_volatile(column)}
    seconds = ("fit", "strategy_fit", "score", "select", "query", "evaluate")
    assert volatile == {*(f"{s}_seconds" for s in seconds), "peak_memory_mib", "device"}
    assert row["query_seconds"] == 9.0


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), (1 / 3, repr(1 / 3)), (None, ""), ((1.0, None, 2), "1.0;;2"), (True, "true"), ("a", "a")],
)
def test_cells(value, text):
    assert cell(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_cell_that_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match="record"):
        cell(value)


def test_purchases_come_back_as_they_went(tmp_path):
    rows = [Purchase(0, 0, 17, 3, None), Purchase(1, 0, 4, 9, 1 / 3), Purchase(1, 1, 5, None, -0.0)]
    write_purchases(tmp_path / "acquired.csv", rows)
    assert read_purchases(tmp_path / "acquired.csv") == rows
