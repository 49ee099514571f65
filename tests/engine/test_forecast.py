"""Predicted time: by hand."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from altool.core.records import Identity, Metrics, Seconds, StageRecord
from altool.engine.cell import Cell
from altool.engine.forecast import Forecast, Rates, Work, human_seconds
from altool.engine.rehearsal import forecast, rehearse

RATES = Rates(trained=0.01, viewed=0.001, iteration=0.5)
WORK = Work(trained=1000, viewed=2000, iterations=4)  # 10 s of fit, 2 + 2 s of the rest


def finished(stage: int, seconds: Seconds, seed: int = 0) -> StageRecord:
    identity = Identity("digits", "none", "mlp", "random")
    return StageRecord(identity, seed, stage, 1, 1, Metrics(), Metrics(), (1,), 0.0, seconds, 1.0, "cpu")


def test_what_is_left_is_work_times_rates() -> None:
    left = Forecast(RATES, {(seed, stage): WORK for seed in (0, 1) for stage in (0, 1, 2)})
    assert left.left_seconds() == pytest.approx(6 * 14)
    left.skip({0: 2, 1: 1})
    assert sorted(left.todo) == [(0, 2), (1, 1), (1, 2)]
    assert left.left_seconds() == pytest.approx(3 * 14)


def test_every_finished_stage_corrects_its_own_rates() -> None:
    left = Forecast(RATES, {(0, stage): WORK for stage in range(4)})
    left.observe(finished(0, Seconds(fit=999.0)))  # a cached fit, or a first one: it teaches nothing
    assert left.left_seconds() == pytest.approx(3 * 14)
    left.observe(finished(1, Seconds(fit=20.0, strategy_fit=1.0, score=0.5, select=0.25, evaluate=0.25)))
    assert left.left_seconds() == pytest.approx(2 * (10 * 2 + 4 * 0.5))
    left.observe(finished(2, Seconds(fit=10.0, evaluate=10.0)))
    assert left.left_seconds() == pytest.approx(10 * 30 / 20 + 4 * 12 / 8)
    left.observe(finished(2, Seconds(fit=1e9)))  # not on the list any more
    left.observe(finished(3, Seconds(fit=1.0)))
    assert left.left_seconds() == 0


def test_no_expected_work_is_no_correction() -> None:
    left = Forecast(RATES, {(0, 1): Work(100, 0, 0), (0, 2): WORK})
    left.observe(finished(1, Seconds(fit=1.0, evaluate=3.0)))
    assert left.left_seconds() == pytest.approx(14)


@pytest.mark.parametrize(
    "seconds,text",
    [
        (0, "1 s"),
        (25.4, "25 s"),
        (89.4, "89 s"),
        (90, "2 min"),
        (240, "4 min"),
        (5399, "90 min"),
        (9000, "2.5 h"),
        (129_599, "36.0 h"),
        (267_840, "3.1 days"),
    ],
)
def test_durations_for_people(seconds: float, text: str) -> None:
    assert human_seconds(seconds) == text


def test_the_work_of_a_cell_by_hand(tmp_path: Path, make_cell: Callable[..., Cell]) -> None:
    """12, 18, 24 labels for 2 epochs; 200 test and 20 validation items; 60 candidates; 780 in the pool."""
    cell = make_cell(tmp_path, seeds=(0, 5))
    by_hand = [Work(24, 220 + 60 + 12, 0), Work(36, 220 + 60 + 18, 0), Work(48, 220, 0)]
    assert forecast(cell, RATES).todo == {(s, n): w for s in (0, 5) for n, w in enumerate(by_hand)}
    everything = replace(cell, strategy=make_cell(tmp_path, "random").strategy)
    assert [w.viewed for w in forecast(everything, RATES).todo.values()] == [220] * 6


def test_finished_stages_are_not_forecast(
    tmp_path: Path, make_cell: Callable[..., Cell], run: Callable[[Cell], object]
) -> None:
    cell = make_cell(tmp_path)
    run(cell)
    assert forecast(cell, RATES).todo == {}
    assert len(forecast(replace(cell, rerun=True), RATES).todo) == 3
    assert len(forecast(replace(cell, fingerprint="other"), RATES).todo) == 3


def test_a_rehearsal_measures_and_leaves_nothing(tmp_path: Path, make_cell: Callable[..., Cell]) -> None:
    cell = make_cell(tmp_path)
    before = cell.load(0).oracle.revealed
    found = rehearse(cell)
    assert found.rates.trained > 0 and found.rates.viewed > 0 and found.rates.iteration == 0
    assert 0 < found.loss < 10 and found.served == {"logits": (2,)}
    assert list(tmp_path.iterdir()) == [] and cell.load(0).oracle.revealed == before
