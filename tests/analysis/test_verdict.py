"""Verdicts on runs whose numbers the test chose, so that every mean and standard error is known by hand."""

import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from altool.analysis import verdict
from altool.analysis.published import Statement
from altool.analysis.study import Study, StudyCell
from altool.analysis.tallies import as_shown, tally
from altool.analysis.verdict import ALONE, judge
from altool.analysis.views import published_table

NAMES = {"random": "Random", "vaal": "VAAL", "ta_vaal": "TA-VAAL", "bald": "BALD"}


def said(
    kind="claim", strategy="ta_vaal", versus="", at="final", relation=">", value=None, **more
) -> Statement:
    unit = more.pop("unit", "%" if value is not None and not versus else "")
    known = dict(
        dataset="", metric="accuracy", std=None, trials=5, read_to=None, origin="paper", text="words"
    )
    place = dict(experiment="x", paper="P0", item="Fig. 2a", section="5.4", page="")
    about = dict(
        kind=kind, strategy=strategy, versus=versus, at=at, relation=relation, value=value, unit=unit
    )
    return Statement(**{**place, **known, **about, **more})


@pytest.fixture
def study(write_run, tmp_path):
    """study({"random": [[0.5, 0.6], [0.5, 0.62]], …}) → one cell per strategy, one list of accuracies per seed."""

    def make(runs, *, planned=None, generated=False, labels=None, datasets=None, **options) -> Study:
        cells = []
        for name, seeds in runs.items():
            panel, _, strategy = name.rpartition("/")
            overrides = {"strategy.k": name} if labels and name in labels else None
            folders = [
                write_run(
                    strategy,
                    s,
                    a,
                    planned=planned,
                    dataset=panel or "cifar10",
                    overrides=overrides,
                    **options,
                )
                for s, a in enumerate(seeds)
            ]
            label = (labels or {}).get(name, NAMES.get(strategy, strategy))
            stages = planned or len(seeds[0])
            cells.append(StudyCell(label, panel, strategy, {}, folders[0].parent, (0, 1, 2, 3, 4), stages))
        return Study("x", {}, tuple(cells), generated, pd.DataFrame(datasets or []))

    return make


@pytest.fixture
def verdict_on(monkeypatch):
    def call(study: Study, *statements: Statement) -> pd.DataFrame:
        monkeypatch.setattr(verdict, "statements", lambda name: list(statements))
        return judge(study)

    return call


def test_a_value_agrees_within_two_standard_errors_of_our_mean(study, verdict_on):
    # 60, 62, 64 %: mean 62, standard deviation 2, standard error 2/√3 = 1.1547; two of them 2.309
    ours = study({"ta_vaal": [[0.5, 0.60], [0.5, 0.62], [0.5, 0.64]]})
    value = {"kind": "value", "relation": "="}
    near, far = said(**value, value=64.3), said(**value, value=64.4)
    printed_std = said(**value, value=64.4, std=1.0, trials=4)  # √(1.1547² + 0.5²) = 1.2583, twice: 2.517
    table = verdict_on(ours, near, far, printed_std)
    assert table["measured"].tolist() == pytest.approx([62.0] * 3)
    assert table["se"].tolist() == pytest.approx([2 / math.sqrt(3)] * 3)
    assert table["difference"].tolist() == pytest.approx([-2.3, -2.4, -2.4])
    assert table["n"].tolist() == [3, 3, 3]
    assert table["within"].tolist() == ["yes", "no", "yes"]
    assert table["verdict"].tolist() == ["agrees", "differs", "agrees"]
    assert table["published"].tolist() == ["64.3 %", "64.4 %", "64.4 %"]


def test_one_seed_has_a_difference_but_no_standard_error(study, verdict_on):
    (row,) = verdict_on(study({"ta_vaal": [[0.5, 0.6]]}), said("value", relation="=", value=61)).to_dict(
        "records"
    )
    assert row["measured"] == pytest.approx(60) and row["difference"] == pytest.approx(-1) and row["n"] == 1
    assert (row["verdict"], row["within"]) == ("", ALONE)
    assert math.isnan(row["se"])


def test_a_printed_difference_and_a_ratio_are_paired(study, verdict_on):
    runs = study({"ta_vaal": [[0.5, 0.60], [0.5, 0.66]], "random": [[0.5, 0.50], [0.5, 0.60]]})
    # differences 10 and 6: mean 8, se √8/√2 = 2; ratios 1.2 and 1.1: mean 1.15, se 0.05
    difference = said("value", versus="random", relation="=", value=4.0, unit="pp")
    ratio = said("value", versus="random", relation="=", value=1.26, unit="times")
    table = verdict_on(runs, difference, ratio)
    assert table["measured"].tolist() == pytest.approx([8, 1.15])
    assert table["se"].tolist() == pytest.approx([2, 0.05])
    assert table["verdict"].tolist() == ["agrees", "differs"]


def test_every_stage_is_every_one_after_the_first_query(study, verdict_on):
    higher = study({"ta_vaal": [[0.4, 0.6, 0.7]] * 2, "random": [[0.5, 0.5, 0.6]] * 2})
    order = said(versus="random", at="every")
    (row,) = verdict_on(higher, order).to_dict("records")
    assert row["verdict"] == "agrees" and "holds in 2 of 2 comparisons" in row["note"]
    assert verdict_on(higher, said(versus="random", at="first"))["verdict"].tolist() == ["differs"]


def test_an_interval_that_holds_zero_resolves_no_order(study, verdict_on):
    runs = study({"ta_vaal": [[0.4, 0.6, 0.58], [0.4, 0.6, 0.6]], "random": [[0.5, 0.5, 0.6]] * 2})
    better, worse = said(versus="random", at="every"), said(versus="random", at="final", relation="<")
    first, second = verdict_on(runs, better, worse).to_dict("records")
    assert (first["verdict"], second["verdict"]) == ("not resolved", "not resolved")
    # at 3,000: differences −2 and 0: mean −1, se 1; t interval −1 ± 12.706
    assert first["measured"] == pytest.approx(-1) and first["se"] == pytest.approx(1)
    assert first["note"] == (
        "tightest: TA-VAAL − Random at 3,000 labelled; 95 % interval -13.71 to +11.71; "
        "holds in 1 of 2 comparisons, 1 not resolved"
    )


def test_one_stage_that_fails_beyond_its_interval_makes_the_claim_differ_and_is_named(study, verdict_on):
    # at 2,000 differences −9, 1, −1 hold zero; at 3,000 −1.9, −2, −2.1: mean −2, se 0.0577, t(0.975, 2) = 4.3027: ± 0.248
    ours = [[0.4, 0.41, 0.581], [0.4, 0.51, 0.58], [0.4, 0.49, 0.579]]
    runs = study({"ta_vaal": ours, "random": [[0.5, 0.5, 0.6]] * 3})
    (row,) = verdict_on(runs, said(versus="random", at="every")).to_dict("records")
    assert row["verdict"] == "differs" and row["measured"] == pytest.approx(-2)
    assert row["note"] == (
        "tightest: TA-VAAL − Random at 3,000 labelled; 95 % interval -2.25 to -1.75; "
        "holds in 0 of 2 comparisons, 1 not resolved"
    )


def test_one_seed_has_a_sign_and_no_interval(study, verdict_on):
    runs = study({"ta_vaal": [[0.5, 0.6]], "random": [[0.5, 0.5]]})
    table = verdict_on(runs, said(versus="random"), said(versus="random", relation="<"))
    assert table["verdict"].tolist() == ["agrees", "differs"]
    assert set(table["note"]) == {
        "tightest: TA-VAAL − Random at 2,000 labelled; n = 1, no interval: the sign alone"
    }
    assert "1 agrees, 1 differs (2 by the sign of one seed)" in tally(table)
    assert as_shown(table)["verdict"].tolist() == ["agrees in sign", "differs in sign"]
    (shown,) = published_table.table(table)
    assert shown.frame is not None and shown.frame["Verdict"].tolist() == [
        "agrees in sign",
        "differs in sign",
    ]


@pytest.mark.parametrize(
    ("relation", "ours"), [(r, a) for r in ("<", "<=", ">", ">=", "<<", ">>") for a in range(9)]
)
def test_a_single_comparison_beside_scipy(study, verdict_on, relation, ours):
    """Order is what SciPy's t test at 5 % says; not above and not below are refuted by it alone."""
    rng = np.random.default_rng(ours)
    values = 0.6 + 0.004 * (ours - 4) + 0.01 * rng.standard_normal(5)
    runs = study({"ta_vaal": [[0.5, float(value)] for value in values], "random": [[0.5, 0.6]] * 5})
    (row,) = verdict_on(runs, said(versus="random", relation=relation)).to_dict("records")
    told = abs((values - 0.6).mean()) > scipy.stats.t.ppf(0.975, 4) * scipy.stats.sem(values - 0.6)
    side = (values.mean() > 0.6) == relation.startswith(">")
    weak = relation.endswith("=") and side
    expected = "agrees" if weak or (told and side) else "differs" if told else "not resolved"
    assert row["verdict"] == expected


def test_exceptions_are_left_out(study, verdict_on):
    runs = study({"ta_vaal": [[0.4, 0.6, 0.58], [0.4, 0.6, 0.6]], "random": [[0.5, 0.5, 0.6]] * 2})
    excepted = said(versus="random", at="every except 3000")
    assert verdict_on(runs, excepted)["verdict"].tolist() == ["agrees"]


def test_missing_stages_leave_a_claim_open_unless_it_fails_already(study, verdict_on):
    runs = study({"ta_vaal": [[0.5, 0.6]] * 2, "random": [[0.5, 0.5]] * 2}, planned=3)
    better, worse = said(versus="random", at="every"), said(versus="random", at="every", relation="<")
    late = said(versus="random", at="final")
    table = verdict_on(runs, better, worse, late, said(versus="random", at="mean"))
    assert table["verdict"].tolist() == ["not measured", "differs", "not measured", "not measured"]
    assert "holds in 1 of 2 comparisons, 1 open" in table["note"][0]
    assert table["note"][2] == "nothing measured at 3,000 labelled yet"
    assert pd.isna(table["measured"][2])


def test_order_over_several_rivals(study, verdict_on):
    runs = {"ta_vaal": [[0.5, 0.6]] * 2, "random": [[0.5, 0.5]] * 2, "vaal": [[0.5, 0.61]] * 2}
    made = study(runs)
    (row,) = verdict_on(made, said(versus="random | vaal")).to_dict("records")
    assert row["verdict"] == "differs" and row["measured"] == pytest.approx(-1)
    assert "TA-VAAL − VAAL" in row["note"] and "holds in 1 of 2" in row["note"]
    assert verdict_on(made, said(versus="random"))["verdict"].tolist() == ["agrees"]


def test_a_rival_without_runs_leaves_it_open_and_is_named(study, verdict_on):
    runs = study({"ta_vaal": [[0.5, 0.6]] * 2, "random": [[0.5, 0.5]] * 2})
    (row,) = verdict_on(runs, said(versus="random | coreset")).to_dict("records")
    assert row["verdict"] == "not measured" and "holds so far; no coreset in this study" in row["note"]
    (failing,) = verdict_on(runs, said(versus="random | coreset", relation="<")).to_dict("records")
    assert failing["verdict"] == "differs"


def test_best_and_worst_of_several(study, verdict_on):
    runs = study({"ta_vaal": [[0.5, 0.6]] * 2, "random": [[0.5, 0.5]] * 2, "vaal": [[0.5, 0.62]] * 2})
    not_best = said(versus="best of random | vaal", relation="<=")
    above_worst = said(versus="worst of random | vaal")
    table = verdict_on(runs, not_best, above_worst)
    assert table["verdict"].tolist() == ["agrees", "agrees"]
    assert table["measured"].tolist() == pytest.approx([-2, 10])
    lacking = verdict_on(runs, said(versus="best of random | coreset"))
    assert lacking["verdict"].tolist() == ["not measured"]


@pytest.mark.parametrize(
    ("relation", "value", "expected"),
    [
        (">", 59, "agrees"),
        (">", 61, "differs"),
        ("<", 61, "agrees"),
        ("<=", 59, "differs"),
        (">=", 59, "agrees"),
        (">", 59.9, "not resolved"),
        ("<", 60.1, "not resolved"),
        (">=", 60.1, "not resolved"),  # below on average, but that may be chance
        ("<=", 60.1, "agrees"),
    ],
)
def test_bounds(study, verdict_on, relation, value, expected):
    # 59.9, 60, 60.1: mean 60 ± 0.248
    runs = study({"ta_vaal": [[0.5, 0.599], [0.5, 0.6], [0.5, 0.601]]})
    assert verdict_on(runs, said(relation=relation, value=value))["verdict"].tolist() == [expected]


def test_a_margin_in_points(study, verdict_on):
    runs = study({"ta_vaal": [[0.5, 0.6]] * 2, "random": [[0.5, 0.54]] * 2})
    five = said(versus="random", value=5.0, unit="pp")
    assert verdict_on(runs, five, said(versus="random", value=7.0, unit="pp"))["verdict"].tolist() == [
        "agrees",
        "differs",
    ]


def test_substantially_is_beyond_the_interval_and_never_told_by_one_seed(study, verdict_on):
    # differences 1, 2, 3: mean 2, se 0.577, t(0.975, 2) = 4.3027: 2 ± 2.484 holds 0
    noisy = study({"ta_vaal": [[0.5, x] for x in (0.61, 0.62, 0.63)], "random": [[0.5, 0.6]] * 3})
    words = said(versus="random", relation=">>"), said(versus="random")
    assert verdict_on(noisy, *words)["verdict"].tolist() == ["not resolved", "not resolved"]
    # 1.9, 2, 2.1: 2 ± 0.248
    clear = study({"dfal": [[0.5, x] for x in (0.619, 0.62, 0.621)], "coreset": [[0.5, 0.6]] * 3})
    told = [said(strategy="dfal", versus="coreset", relation=r) for r in (">>", "<<")]
    assert verdict_on(clear, *told)["verdict"].tolist() == ["agrees", "differs"]
    alone = study({"vaal": [[0.5, 0.7]], "bald": [[0.5, 0.5]]})
    (row,) = verdict_on(alone, said(strategy="vaal", versus="bald", relation=">>")).to_dict("records")
    assert row["verdict"] == "not measured" and ALONE in row["note"]


@pytest.mark.parametrize(
    ("differences", "margin", "expected"),
    [
        ((-9, 12), None, "not resolved"),  # noise is no agreement
        ((0.97, 0.99, 0.95, 0.96, 0.98), None, "agrees"),  # a difference beyond doubt, and within a point
        ((0.9, 1.1, 0.8, 1.2, 1.0), None, "not resolved"),
        ((1.9, 2.0, 2.1), None, "differs"),
        ((-1.9, -2.0, -2.1), None, "differs"),
        ((1.9, 2.0, 2.1), 3.0, "agrees"),  # the claim's own margin
        ((0.5,), None, "not measured"),
    ],
)
def test_comparable_is_a_test_of_equivalence(study, verdict_on, differences, margin, expected):
    runs = study(
        {"ta_vaal": [[0.5, 0.6 + d / 100] for d in differences], "random": [[0.5, 0.6]] * len(differences)}
    )
    close = said(versus="random", relation="~", value=margin, unit="pp")
    (row,) = verdict_on(runs, close).to_dict("records")
    assert row["verdict"] == expected
    assert row["difference"] == pytest.approx(np.mean(differences))
    if len(differences) > 1:
        assert f", margin ±{margin or 1:g}" in row["note"]
        wide, points = margin or 1, np.array(differences)

        def p(edge: float, side: str) -> float:
            return float(scipy.stats.ttest_1samp(points, edge, alternative=side).pvalue)  # type: ignore[attr-defined]

        within = max(p(-wide, "greater"), p(wide, "less")) < 0.025  # two one-sided tests
        outside = min(p(wide, "greater"), p(-wide, "less")) < 0.025
        assert expected == ("agrees" if within else "differs" if outside else "not resolved")


def test_a_value_read_off_a_figure_is_allowed_how_well_it_was_read(study, verdict_on):
    # 60, 62, 64 %: mean 62, two standard errors 2.309
    ours = study({"ta_vaal": [[0.5, 0.60], [0.5, 0.62], [0.5, 0.64]]})
    value = {"kind": "value", "relation": "="}
    rows = [said(**value, value=v, read_to=r) for v, r in ((64.4, None), (64.4, 0.5), (64.9, 0.5))]
    table = verdict_on(ours, *rows, said(**value, value=62, std=1.0))
    assert table["verdict"].tolist() == ["differs", "agrees", "differs", "agrees"]
    nothing = "no spread is printed: counted as none"
    assert table["note"].tolist() == [nothing, *[f"read to ±0.5; {nothing}"] * 2, ""]


def test_the_mean_over_all_rounds_needs_them_all_seed_by_seed(study, verdict_on):
    # P2's average: (40 + 50 + 60)/3 = 50 and (42 + 52 + 62)/3 = 52; the third seed lacks a stage
    runs = study({"ta_vaal": [[0.4, 0.5, 0.6], [0.42, 0.52, 0.62], [0.9, 0.9]]}, planned=3)
    (row,) = verdict_on(runs, said("value", at="mean", relation="=", value=51)).to_dict("records")
    assert (row["measured"], row["n"], row["verdict"]) == (pytest.approx(51), 2, "agrees")
    assert row["at"] == "mean of all stages"


def test_annotations_have_two_readings(study, verdict_on):
    # 100 start, 100 a query (L1): 100 labelled is the start set, 200 labelled the first query
    runs = study({"ta_vaal": [[0.80, 0.91], [0.82, 0.93]]}, start=100, step=100)
    table = verdict_on(runs, said("value", at="100 annotations", relation="=", value=91.16))
    readings = ["100 annotations as 100 labelled", "100 annotations as 200 labelled"]
    assert table["at"].tolist() == readings
    missing = said("value", strategy="ldr", at="100 annotations", relation="=", value=1)
    assert verdict_on(runs, missing)["at"].tolist() == readings
    assert table["measured"].tolist() == pytest.approx([81, 92])
    assert table["verdict"].tolist() == ["differs", "agrees"]


def test_most_is_decided_as_soon_as_it_can_be(study, verdict_on):
    # 4 stages after the first query, 3 measured
    runs = study({"ta_vaal": [[0.5, 0.6, 0.6, 0.6]], "random": [[0.5, 0.5, 0.5, 0.7]]}, planned=5)
    up, down = said(versus="random", at="most"), said(versus="random", at="most", relation="<")
    assert verdict_on(runs, up, down)["verdict"].tolist() == ["not measured", "differs"]
    clear = study({"vaal": [[0.5, 0.6, 0.6, 0.6]], "bald": [[0.5] * 4]}, planned=5)
    assert verdict_on(clear, said(strategy="vaal", versus="bald", at="most"))["verdict"].tolist() == [
        "agrees"
    ]


def test_panels_one_by_one_by_name_or_taken_together(study, verdict_on):
    runs = {"A/ta_vaal": [[0.5, 0.6]] * 2, "A/random": [[0.5, 0.5]] * 2}
    runs |= {"B/ta_vaal": [[0.5, 0.5]] * 2, "B/random": [[0.5, 0.52]] * 2}
    order = {"versus": "random"}
    statements = [said(**order), *(said(**order, dataset=d) for d in ("A", "B", "A | B", "C"))]
    table = verdict_on(study(runs), *statements)
    assert table["verdict"].tolist() == ["differs", "agrees", "differs", "not resolved", "not measured"]
    assert "(B)" in table["note"][0]
    # together: differences 10, 10, −2, −2 in four pairs: 4 ± 3.182 × 3.464
    assert (table["measured"][3], table["n"][3]) == (pytest.approx(4), 4)


def test_two_readings_of_a_dataset(study, verdict_on):
    runs = study({"A/ta_vaal": [[0.5, 0.6]] * 2, "A, more/ta_vaal": [[0.5, 0.9]] * 2})
    table = verdict_on(runs, said("value", relation="=", value=90.0, dataset="A or A, more"))
    assert table["dataset"].tolist() == ["A", "A, more"]
    assert table["verdict"].tolist() == ["differs", "agrees"]


def test_labels_come_before_strategies_and_one_can_be_left_out(study, verdict_on):
    runs = {"vab_al": [[0.5, 0.7]] * 2, "0/vab_al": [[0.5, 0.4]] * 2, "random": [[0.5, 0.6]] * 2}
    made = study(runs, labels={"0/vab_al": "λ = 0", "vab_al": "λ = 1"})
    cells = tuple(StudyCell(**{**vars(cell), "panel": ""}) for cell in made.cells)
    both = Study("x", {}, cells)
    names = ("λ = 0", "vab_al", "vab_al except λ = 0")
    table = verdict_on(both, *(said(strategy=name, versus="random") for name in names))
    assert table["verdict"].tolist() == ["differs", "differs", "agrees"]


def test_two_names_of_one_strategy(study, verdict_on):
    runs = study({"bald": [[0.5, 0.7]] * 2, "random": [[0.5, 0.6]] * 2})
    assert verdict_on(runs, said(strategy="mc_dropout", versus="random"))["verdict"].tolist() == ["agrees"]


def test_facts_of_datasets_allow_for_cut_digits(study, verdict_on):
    facts = [{"panel": "A", "n_pool": 16550, "n_test": 10000, "entropy": 1.6570}]
    made = study({"random": [[0.5]]}, datasets=facts)
    fact = {"kind": "value", "strategy": "", "relation": "=", "at": "", "dataset": "A"}
    rows = [("pool_size", 16550), ("pool_entropy", 1.65), ("pool_entropy", 1.64), ("test_size", 9999)]
    table = verdict_on(made, *(said(**fact, metric=metric, value=value) for metric, value in rows))
    assert table["verdict"].tolist() == ["agrees", "agrees", "differs", "differs"]
    assert tally(table) == "Sizes and entropies: 2 of 4 to the digits printed."
    other = verdict_on(made, said(**{**fact, "dataset": "B"}, metric="pool_size", value=1))
    assert other["verdict"].tolist() == ["not measured"]


def test_words_alone_and_generated_data_are_never_judged(study, verdict_on):
    words = verdict_on(study({"ta_vaal": [[0.5, 0.6]]}), said(relation=""))
    assert words["verdict"].tolist() == ["not measured"] and "in words only" in words["note"][0]
    smoke = study({"vaal": [[0.5, 0.6]]}, generated=True)
    statements = said("value", strategy="vaal", relation="=", value=60), said(strategy="vaal", value=1)
    table = verdict_on(smoke, *statements)
    assert table["verdict"].tolist() == ["not measured"] * 2 and table["measured"].isna().all()
    assert set(table["within"]) == {""}


def test_nothing_on_disk_is_not_measured(study, verdict_on, tmp_path):
    cell = StudyCell("TA-VAAL", "", "ta_vaal", {}, tmp_path / "none" / "1000+1000x4", (0,), 5)
    statements = said("value", relation="=", value=60), said(versus="random", at="every")
    table = verdict_on(Study("x", {}, (cell,)), *statements)
    assert table["verdict"].tolist() == ["not measured"] * 2
    assert table["note"][0] == "no accuracy of TA-VAAL yet"


def test_the_tally_counts(study, verdict_on):
    # 60 and 62 %: two standard errors are 2; random 50 and 52 less a hair, so that the pairs are almost equal
    runs = {"ta_vaal": [[0.5, 0.60], [0.5, 0.62]], "random": [[0.5, 0.5], [0.5, 0.5201]]}
    runs = study(runs | {"bald": [[0.5, 0.55], [0.5, 0.65]]})
    value = {"kind": "value", "relation": "="}
    statements = [said(**value, value=61), said(**value, value=70), said(**value, strategy="vaal", value=70)]
    statements += [said(versus="random"), said(versus="random", relation="<"), said(relation="")]
    statements += [said(versus="bald")]
    assert tally(verdict_on(runs, *statements)) == (
        "Values: 1 of 2 within two standard errors, 1 not measured. Claims: 1 agrees, 1 differs, "
        "1 not resolved, 1 not measured."
    )
    assert tally(verdict_on(runs)) == ""
