"""The one file of published numbers and claims: every row is in the grammar and says what the paper prints."""

import re
from collections import Counter

import pandas as pd
import pytest

from altool.analysis.metric import METRICS
from altool.analysis.moment import moments
from altool.analysis.published import KINDS, ORIGINS, OWN, RELATIONS, everything, has_values, rows, statements
from altool.analysis.quantity import DERIVED
from altool.analysis.verdict import FACTS

TABLE = everything()
ALL = [said for name in dict.fromkeys(TABLE["experiment"]) for said in statements(name)]
QUANTITIES = {*METRICS, *DERIVED, *FACTS, "val_accuracy"}


def test_every_row_is_in_the_grammar():
    for said in ALL:
        assert said.kind in KINDS and said.origin in ORIGINS and said.relation in RELATIONS, said
        assert said.metric in QUANTITIES and said.paper in ("P0", "P1", "P2", "P3"), said
        assert said.section or said.origin not in ("paper", "derived"), said
        assert len(said.text) <= 125, "paraphrased, not quoted at length"
        if said.kind == "value":
            assert said.relation == "=" and said.value is not None and said.unit, said
        else:
            assert said.relation != "=" and said.origin == "paper", said
        if said.kind == "claim" and said.relation:
            assert said.at and said.strategy, said
            assert said.versus or said.value is not None, "a claim compares with something"
        if said.relation == "~" and said.value is None:
            in_points = METRICS.get(said.metric.removeprefix("val_"))
            assert in_points is not None and in_points.unit == "%", "the margin is a point"
        assert (said.read_to is not None) == ("read to ±" in said.text), said
    assert len({repr(said) for said in ALL}) == len(ALL)


def test_every_row_names_the_place_where_it_stands():
    """A page of the paper; of the draft, whose text shows none, the section; of others' numbers repository and file."""
    for said in ALL:
        if said.origin in OWN:
            assert (
                re.fullmatch(r"\d+(–\d+)?", said.page)
                if said.paper != "P0"
                else re.match(r"\d", said.section)
            ), said
        else:
            assert re.search(r"[\w-]+/[\w-]+", said.text) and re.search(
                r"\.\w+$|\bExp_Result$", said.section
            ), said


def test_pages_of_the_conference_paper_rise_with_its_sections():
    own = TABLE.query("paper == 'P1' and origin == 'paper'").sort_values("section", kind="stable")
    assert own["page"].str.extract(r"(\d+)$")[0].astype(int).is_monotonic_increasing


def test_every_moment_can_be_read():
    for at in {said.at for said in ALL if said.relation and said.metric not in FACTS}:
        for moment in moments(at, range(1000, 11000, 1000)):
            assert moment.stages and moment.text


def test_every_experiment_of_the_list_has_rows_but_none_has_a_strange_name():
    names = [f"ta_vaal_draft_fig{x}" for x in ("2a", "2b", "2c", "3a", "3b", "3c", "4", "5", "6a", "6b", "7")]
    names += ["ta_vaal_draft_table1", "ta_vaal_cvpr_selection_time"]
    names += [f"ta_vaal_cvpr_fig{x}" for x in ("1", "3a", "3b", "4a", "4b", "4c", "5", "6", "7a", "7b", "8")]
    p2 = ("1", "3a", "3b", "3c", "3d", "3e", "3f", "4", "5a", "5b", *map(str, range(6, 22)))
    names += [f"vab_al_fig{x}" for x in p2]
    names += ["vab_al_table1", "vab_al_table2", *(f"ldr_fig{k}" for k in range(2, 11))]
    names += [f"ldr_table{k}" for k in range(1, 5)]
    assert set(TABLE["experiment"]) == set(names)
    assert rows("no_such_figure").empty and list(rows("no_such_figure").columns) == list(TABLE.columns)


def test_figures_without_printed_numbers_say_so():
    assert (
        has_values("ta_vaal_draft_fig2a")
        and has_values("ldr_table3")
        and has_values("ta_vaal_cvpr_selection_time")
    )
    assert not has_values("ta_vaal_cvpr_fig4a")
    assert not has_values("ta_vaal_cvpr_fig4b"), "third-party numbers are not the paper's"
    assert not has_values("vab_al_fig10") and not has_values("no_such_figure")


def number(experiment: str, strategy: str, at: str, dataset: str) -> float:
    found = rows(experiment).query(
        "kind == 'value' and strategy == @strategy and at == @at and dataset == @dataset and origin == 'paper'"
    )
    (value,) = found["value"]
    return float(value)


@pytest.mark.parametrize(
    ("experiment", "strategy", "at", "dataset", "printed"),
    [  # one of every table, from the papers' text
        ("ta_vaal_draft_fig2a", "ta_vaal", "final", "CIFAR-10", 90.32),
        ("vab_al_table1", "Both", "final", "CIFAR-10+[1]", 70.35),
        ("vab_al_table1", "Prior p(ŷ)", "mean", "CIFAR-10 or CIFAR-10, 2,500 a round", 82.91),
        ("vab_al_table2", "|z|", "mean", "CIFAR-10+[10]", 46.80),
        ("vab_al_table2", "sigmoid(z)", "final", "CIFAR-10+[5]", 49.84),
        ("ldr_table2", "entropy", "100 annotations", "MNIST", 83.26),
        ("ldr_table3", "ldr_vat", "1000 annotations", "SVHN", 73.66),
        ("ldr_table4", "dfal", "500 annotations", "CIFAR-10", 34.42),
    ],
)
def test_values_are_the_papers(experiment, strategy, at, dataset, printed):
    assert number(experiment, strategy, at, dataset) == printed


def test_tables_are_complete():
    counts = Counter(said.experiment for said in ALL if said.kind == "value" and said.origin == "paper")
    # strategies × columns as printed
    assert counts["vab_al_table1"] == 4 * 4 and counts["vab_al_table2"] == 3 * 6
    assert [counts[f"ldr_table{k}"] for k in (2, 3, 4)] == [5 * 5] * 3
    assert counts["ldr_table1"] == 3 * 2 and counts["ta_vaal_draft_table1"] == 3 * 2


def test_statements_are_typed():
    first, *rest = statements("ta_vaal_draft_fig4")
    assert first.value is None and first.trials == 5 and first.printed() == ">"
    printed = {statement.printed() for statement in rest}
    assert printed == {"92.27 %", "92.75 %", "-0.48 pp", "0.24 pp"}
    assert not any(isinstance(value, float) and pd.isna(value) for s in rest for value in vars(s).values())
    assert re.fullmatch(r"[A-Za-z0-9.-]+", first.section)
