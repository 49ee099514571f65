"""The measures against cases worked out by hand, the intervals against SciPy's tests."""

import importlib.util
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.datasets import make_moons

from altool.analysis import behaviour
from altool.analysis.queries import Query, read_queries
from altool.core.errors import UserError
from altool.core.records import Purchase, write_purchases


def test_shares_and_balance():
    labels = np.array([2, 2, 2, 0])
    assert behaviour.share(labels, 2) == 0.75 and behaviour.share(labels, 1) == 0
    assert math.isnan(behaviour.share(labels[:0], 1))
    assert behaviour.balance(np.array([0, 0, 1, 1]), 4) == pytest.approx(0.5)  # ln 2 / ln 4
    assert behaviour.balance(np.array([0, 1, 2, 3]), 4) == pytest.approx(1)
    assert behaviour.balance(np.array([3, 3]), 4) == 0
    entropy = stats.entropy(np.bincount(labels)) / math.log(3)
    assert behaviour.balance(labels, 3) == pytest.approx(entropy)


def test_roughness_of_picks():
    arrays = {
        "candidates": np.array([40, 10, 30, 20, 50]),
        "scores": np.array([4.0, 1.0, 3.0, 2.0, 0.0]),
        "picks": np.array([30, 40]),
        "pseudo_labels": np.array([1, 0, 0, 0, 0]),
    }
    found = behaviour.roughness(Query(0, arrays, {"ldr_threshold": 3.5}, np.array([])), 2)
    assert found == {
        "ldr_of_picks": 3.5,
        "ldr_median": 2.0,
        "ldr_threshold": 3.5,
        "ldr_over_median": 1.5,
        "ldr_over_threshold": 0.0,
        "share_above_threshold": 0.5,
        "pseudo_balance": 1.0,
    }


def test_ranks_beside_the_score():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=30).round(1)  # with ties
    raw = scores + rng.normal(size=30)
    raw[:6] = [-4.59, 4.59, -4.6, 4.6, -50, 50]  # ln 99 = 4.595
    arrays = {"scores": scores, "rank_candidates": raw, "rank_labelled": np.array([0.0, math.log(3)])}
    found = behaviour.ranking(Query(0, arrays, {}, np.array([])))
    assert found["rank_correlation"] == pytest.approx(stats.spearmanr(scores, raw)[0])
    assert found["rank_saturated"] == pytest.approx(4 / 30)
    expected = (1 / 2 + 3 / 4) / 2 - (1 / (1 + np.exp(-raw))).mean()
    assert found["rank_of_labelled_over_candidates"] == pytest.approx(expected)
    constant = {**arrays, "rank_candidates": np.ones(30)}
    assert math.isnan(behaviour.ranking(Query(0, constant, {}, np.array([])))["rank_correlation"])


@pytest.fixture
def values() -> pd.DataFrame:
    """Two queries a seed; `ours` lacks seed 3."""
    rng = np.random.default_rng(0)
    rows = [
        {"strategy": strategy, "seed": seed, "stage": stage, "value": rng.normal(seed, 1)}
        for strategy, seeds in (("ours", (0, 1, 2, 4)), ("theirs", (0, 1, 2, 3, 4)))
        for seed in seeds
        for stage in (0, 1)
    ]
    return pd.DataFrame(rows).assign(dataset="moons", imbalance="none", setting="", measure="spread")


def of(values: pd.DataFrame, strategy: str) -> np.ndarray:
    """The mean over the queries of each seed, in the order of the seeds."""
    chosen = values[values["strategy"] == strategy]
    return np.array([chosen.loc[chosen["seed"] == s, "value"].mean() for s in sorted(set(chosen["seed"]))])


def test_means_and_paired_differences_are_those_of_scipy(values):
    ours, theirs = of(values, "ours"), of(values, "theirs")
    table = behaviour.compare(values, {"spread": ["theirs"]}).set_index("strategy")
    single = stats.ttest_1samp(ours, 0).confidence_interval(0.95)
    assert table.loc["ours", ["n", "mean", "low", "high"]].tolist() == pytest.approx(
        [4, ours.mean(), *single]
    )
    paired = stats.ttest_rel(ours, theirs[[0, 1, 2, 4]]).confidence_interval(0.95)
    difference = (ours - theirs[[0, 1, 2, 4]]).mean()
    columns = ["pairs", "difference", "difference_low", "difference_high"]
    assert table.loc["ours", columns].tolist() == pytest.approx([4, difference, *paired])
    assert table.loc["ours", "against"] == "theirs" and pd.isna(table.loc["theirs", "against"])
    assert table.loc["theirs", "n"] == 5


def test_a_fixed_rival_several_rivals_and_single_stages(values):
    table = behaviour.compare(values, {"spread": [0.5, "theirs", "absent"]}, by_stage=["spread"])
    assert list(table.columns) == behaviour.COLUMNS
    ours = table.loc[(table["strategy"] == "ours") & (table["stage"] == "1")]
    assert ours["against"].tolist() == [0.5, "theirs"]
    second = values[(values["strategy"] == "ours") & (values["stage"] == 1)]["value"]
    interval = stats.ttest_1samp(second - 0.5, 0).confidence_interval(0.95)
    assert ours[["difference_low", "difference_high"]].to_numpy()[0].tolist() == pytest.approx([*interval])
    assert set(table["stage"]) == {"all", "0", "1"}


def test_a_rival_with_options_in_all_runs_is_found_under_its_plainest_name(values):
    named = values.replace({"strategy": {"theirs": "theirs (a=1)", "ours": "theirs (a=1, b=2)"}})
    table = behaviour.compare(named, {"spread": ["theirs"]}).set_index("strategy")
    assert table.loc["theirs (a=1, b=2)", "against"] == "theirs (a=1)"
    assert pd.isna(table.loc["theirs (a=1)", "against"])


def leave_queries(folder: Path, picks_T_n: list[np.ndarray], labels_P: np.ndarray) -> None:
    """What `altool run` leaves of queries that bought `picks`, the last of them after the last stage."""
    (folder / "diagnostics").mkdir()
    rows = []
    for stage, picks in enumerate(picks_T_n):
        np.savez(folder / "diagnostics" / f"stage_{stage:03d}.npz", candidates=np.sort(picks), picks=picks)
        if stage < len(picks_T_n) - 1:
            rows += [Purchase(stage + 1, r, int(i), int(labels_P[i]), 0.0) for r, i in enumerate(picks)]
    write_purchases(folder / "acquired.csv", rows)


def test_queries_are_read_with_the_labels_that_they_bought(write_run):
    folder = write_run("random", 0, [0.5, 0.6])
    with pytest.raises(UserError, match="arrays=true"):
        read_queries(folder)
    leave_queries(folder, [np.array([7, 3]), np.array([5, 1])], np.arange(10) % 4)
    (folder / "diagnostics.csv").write_text("stage,agreement,other\n0,0.25,\n")
    first, last = read_queries(folder)
    assert first.labels.tolist() == [3, 3] and len(last.labels) == 0
    assert first.numbers == {"agreement": 0.25} and last.numbers == {}
    assert first.picked.tolist() == [1, 0] and last.stage == 1


def script() -> Any:
    path = Path(__file__).parents[2] / "scripts" / "behaviour.py"
    spec = importlib.util.spec_from_file_location("behaviour_script", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def test_the_script_measures_against_the_oracle_of_the_pool(write_run, tmp_path, capsys):
    """On the half circles, points of one class beside the other are nearer to the boundary than those far from it."""
    from altool.core.streams import stream

    draw = int(stream(0, "points", "moons_imb10", "train").integers(2**31))
    drawn: Any = make_moons(n_samples=(500, 50), noise=0.2, random_state=draw)  # pyright: ignore[reportArgumentType]
    points, labels = drawn
    other = np.linalg.norm(points[labels == 0][:, None] - points[labels == 1], axis=2).min(1)
    order = np.flatnonzero(labels == 0)[np.argsort(other)]
    about = {"dataset": "moons_imb10", "imbalance": "none", "learner": "mlp"}
    for seed in (0, 1):
        for strategy, picks in (("entropy", order[:10]), ("vaal", order[-10:])):
            folder = write_run(strategy, seed, [0.5, 0.6], **about)
            leave_queries(folder, [picks, picks], labels)
    csv = tmp_path / "table.csv"
    assert script().main([tmp_path / "outputs"], csv) == 0
    assert "**boundary_distance** (moons_imb10; budget=1000+1000×1)" in capsys.readouterr().out
    table = pd.read_csv(csv).query("stage == 'all'").set_index(["measure", "strategy"])
    assert table.loc[("boundary_distance", "entropy"), "mean"] < 0.3
    assert table.loc[("boundary_distance", "vaal"), "mean"] > 0.5
    assert table.loc[("boundary_distance", "entropy"), "difference_high"] < 0
    assert table.loc[("dominant_share", "vaal"), "mean"] == 1
    spread = np.linalg.norm(points[order[:10], None] - points[order[:10]], axis=2).sum() / 90
    assert table.loc[("pairwise_distance", "entropy"), "mean"] == pytest.approx(spread, rel=1e-4)
