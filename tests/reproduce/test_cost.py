"""Costs against counts by hand and against facts.md section 7."""

import re
from dataclasses import replace

import pytest

from altool.config.build import build_cell
from altool.config.load import load
from altool.config.words import parse
from altool.engine.cell import Cell
from altool.reproduce.cost import Cost, Unit, cell_cost, count
from altool.reproduce.grid import Wanted, grid_of
from altool.reproduce.machine import Machine
from altool.reproduce.outlook import outlook
from altool.reproduce.sizes import Sizes, sizes_of


def built(*words: str) -> tuple[Cell, Sizes]:
    run, origin = load(parse([*words, "device=cpu"]))
    sizes = sizes_of(run)
    assert sizes is not None
    return build_cell(run, origin), sizes


def test_a_perceptron_counted_by_hand() -> None:
    cell, sizes = built("dataset=moons_imb10", "strategy=random")
    assert sizes == Sizes((2,), 2, 550, 1000, 0)
    unit = count(cell, sizes)
    weights = [2 * 64, 64 * 64, 64 * 2]
    forward = 2 * sum(weights)
    backward = 2 * sum(weights) + 2 * sum(weights[1:])  # no gradient to the points
    assert (unit.viewed, unit.trained, unit.step) == (forward, forward + backward, 0)
    assert (unit.queried, unit.iteration) == (0, 0)
    cost = cell_cost(cell, sizes, 3, unit)
    labels = 20 + 30 + 40 + 50 + 60
    assert cost.flops == 3 * (100 * labels * unit.trained + 5 * 1000 * forward)
    assert (cost.runs, cost.models, cost.epochs, cost.steps) == (3, 15, 1500, 1500)


def test_what_a_query_costs_is_counted_for_what_is_offered() -> None:
    cell, sizes = built("dataset=moons_imb10", "strategy=entropy")
    unit = count(cell, sizes)
    # candidates are looked at once; of the few items of the count, labelled ones are a third
    assert unit.queried == pytest.approx(unit.viewed * 8 / 12)
    plain = cell_cost(cell, sizes, 1, replace(unit, queried=0.0))
    offered = 4 * 100 + (20 + 30 + 40 + 50)
    assert cell_cost(cell, sizes, 1, unit).flops - plain.flops == pytest.approx(offered * unit.queried)
    traced = replace(cell, trace=True)
    more = cell_cost(traced, sizes, 1, unit).flops - cell_cost(cell, sizes, 1, unit).flops
    assert more == 5 * 100 * 1000 * unit.viewed
    last = (
        cell_cost(replace(cell, trace="last"), sizes, 1, unit).flops - cell_cost(cell, sizes, 1, unit).flops
    )
    assert last == pytest.approx(100 * 1000 * unit.viewed)


def test_resnet18_on_cifar10_costs_what_the_reference_says() -> None:
    cell, sizes = built("dataset=cifar10", "strategy=random")
    unit = count(cell, sizes)
    assert unit.viewed == pytest.approx(1.111e9, rel=1e-3)
    assert unit.trained == pytest.approx(3.329e9, rel=1e-3)
    assert cell_cost(cell, sizes, 1, unit).flops == pytest.approx(36.7e15, rel=2e-3)


def test_an_iteration_of_the_game_costs_what_the_reference_says() -> None:
    cell, sizes = built("dataset=cifar10_imb100", "strategy=ta_vaal")
    assert sizes.pool == 25_250
    assert count(cell, sizes).iteration == pytest.approx(829e9, rel=2e-3)  # performance.md 1.2, restructured


def test_costs_add_up_and_take_time() -> None:
    cost = Cost(1, 5, 100, 3e12, 1000) + Cost(2, 10, 200, 1e12, 500)
    assert cost == Cost(3, 15, 300, 4e12, 1500)
    assert Machine("m", 2e12, 1e-3).seconds(cost) == pytest.approx(2 + 1.5)
    assert cost.times(0.5) == Cost(3, 8, 150, 2e12, 750)


def test_units_of_nothing_cost_nothing() -> None:
    cell, sizes = built("dataset=moons_imb10", "strategy=random")
    assert cell_cost(cell, sizes, 2, Unit(0, 0, 0, 0, 0)).flops == 0


@pytest.mark.parametrize("name", ["ldr_fig3", "ldr_fig9"])
def test_the_header_of_an_experiment_says_what_its_runs_cost(name: str) -> None:
    grid = grid_of(Wanted(name))
    said = re.search(r"(\d+) runs, ([\d.]+) ([GTP])FLOP in all", grid.experiment.claim)
    assert said is not None
    total = outlook(grid.cells).total
    assert total.runs == int(said[1])
    assert total.flops == pytest.approx(float(said[2]) * {"G": 1e9, "T": 1e12, "P": 1e15}[said[3]], rel=0.03)
