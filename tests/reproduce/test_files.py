"""The files of the experiments: all that were asked for, each saying what it claims, each with views that exist."""

import importlib
import inspect
from typing import Any

import pytest
import yaml

from altool.analysis import published
from altool.config.files import options
from altool.reproduce.experiment import PAPERS, find_experiment

P0 = [
    "fig2a",
    "fig2b",
    "fig2c",
    "fig3a",
    "fig3b",
    "fig3c",
    "fig4",
    "fig5",
    "fig6a",
    "fig6b",
    "fig7",
    "table1",
]
P1 = [
    "fig1",
    "fig3a",
    "fig3b",
    "fig4a",
    "fig4b",
    "fig4c",
    "fig5",
    "fig6",
    "fig7a",
    "fig7b",
    "fig8",
    "selection_time",
]
P2 = ["fig1", *(f"fig3{letter}" for letter in "abcdef"), "fig4", "fig5a", "fig5b"]
P2 += [*(f"fig{n}" for n in range(6, 22)), "table1", "table2"]
P3 = [*(f"fig{n}" for n in range(2, 11)), "table1", "table2", "table3", "table4"]
PREFIXES = {"ta_vaal_draft": P0, "ta_vaal_cvpr": P1, "vab_al": P2, "ldr": P3}
NAMES = sorted(f"{prefix}_{item}" for prefix, items in PREFIXES.items() for item in items)
each_experiment = pytest.mark.parametrize("name", NAMES)


def spec_of(name: str) -> dict[str, Any]:
    """`reproduce:` as its file and those that it inherits say it."""
    node = yaml.safe_load(find_experiment(name).path.read_text(encoding="utf-8"))
    inherited = [entry for entry in node["defaults"] if isinstance(entry, str) and entry in NAMES]
    return {**(spec_of(inherited[0]) if inherited else {}), **node["reproduce"]}


def test_every_figure_and_table_has_its_experiment() -> None:
    assert [*options("experiment")] == NAMES


@each_experiment
def test_the_header_is_the_claim(name: str) -> None:
    experiment = find_experiment(name)
    spec = spec_of(name)
    first, *rest = experiment.claim.splitlines()
    item = spec["item"].replace("Section ", "")
    assert first.startswith(f"{spec['paper']} {item}:") and first.endswith(".")
    assert spec["paper"] in PAPERS
    text = "\n".join(rest)
    assert "Published: " in text and "Read as: " in text and "Time: " in text and "?" not in text
    assert rest[-1] == f"Command: altool reproduce {name}"


@each_experiment
def test_views_exist_and_take_their_options(name: str) -> None:
    views = spec_of(name)["views"]
    assert views
    for view in views:
        module = importlib.import_module(f"altool.analysis.views.{view['view']}")
        given = {key: value for key, value in view.items() if key not in ("view", "panels", "name")}
        inspect.signature(module.view).bind(None, **given)


def test_what_was_published_belongs_to_an_experiment() -> None:
    assert set(published.everything()["experiment"]) <= set(NAMES)
