"""Run folders are found wherever they lie, once each, and read as they are."""

import json
import shutil
from pathlib import Path

import pytest

from altool.analysis.read import find_seed_folders, read_stages
from altool.core.errors import UserError

SMOKE = "Smoke scale, generated data: no result."


def test_finds_seed_folders_below_and_ignores_cache_and_moved_ones(write_run, tmp_path):
    kept = [write_run("random", seed, [0.5]) for seed in (0, 1)]
    outputs = tmp_path / "outputs"
    shutil.copytree(kept[0], kept[0].with_name("seed_000.old-1"))
    shutil.copytree(kept[0], outputs / ".cache" / "stage0" / "seed_000")
    assert find_seed_folders([outputs]) == kept
    assert find_seed_folders([kept[1], outputs, kept[1] / "stages.csv"]) == kept


def test_a_missing_path_names_the_nearest(write_run, tmp_path):
    write_run("random", 0, [0.5])
    with pytest.raises(UserError, match=r"output: there is no such folder; did you mean outputs\?"):
        find_seed_folders([tmp_path / "output"])


def test_rows_carry_what_run_json_and_the_path_say(write_run, tmp_path):
    folder = write_run("ta_vaal", 3, [0.5, 0.6], overrides={"strategy.size": "small"})
    frame = read_stages([tmp_path])
    assert frame["accuracy"].tolist() == [0.5, 0.6]
    assert frame["n_labelled"].tolist() == [1000, 2000]
    assert frame["seed"].tolist() == [3, 3]
    assert set(frame["folder"]) == {str(folder)} and set(frame["cell"]) == {str(folder.parent)}
    assert [json.loads(o) for o in set(frame["overrides"])] == [{"strategy.size": "small"}]
    assert set(frame["budget"]) == {"1000+1000×1"}
    assert frame["recall_per_class"].tolist() == ["0.5;", "0.6;"]  # the second class: no such item
    assert frame["val_accuracy"].isna().tolist() == [True, True]
    assert frame["imbalance"].tolist() == ["step100", "step100"]


def test_a_name_that_pandas_takes_for_nothing_stays_a_name(write_run, tmp_path):
    write_run("random", 0, [0.5], dataset="NA", imbalance="none", learner="null")
    row = read_stages([tmp_path]).iloc[0]
    assert (row["dataset"], row["imbalance"], row["learner"]) == ("NA", "none", "null")


def test_unfinished_runs_are_read_as_far_as_they_are_and_marked(write_run, tmp_path):
    write_run("random", 0, [0.5, 0.6, 0.7])
    write_run("random", 1, [0.5, 0.6], planned=3, status="stopped")
    frame = read_stages([tmp_path])
    marks = frame.groupby("seed")[["finished", "status"]].first()
    assert marks["finished"].tolist() == [True, False]
    assert marks["status"].tolist() == ["done", "stopped"]
    assert frame.groupby("seed").size().tolist() == [3, 2]


def test_all_planned_stages_are_a_finished_run_whatever_the_status(write_run, tmp_path):
    write_run("random", 0, [0.5, 0.6], status="running")
    assert read_stages([tmp_path])["finished"].tolist() == [True, True]


def test_the_same_run_in_two_places_counts_once_and_the_longest_wins(write_run, tmp_path):
    short = {"planned": 3, "status": "stopped", "root": "carried"}
    write_run("random", 0, [0.5, 0.6], **short)
    write_run("random", 0, [0.5, 0.6, 0.7])
    write_run("random", 1, [0.4, 0.5, 0.6], root="carried")
    frame = read_stages([tmp_path])
    assert frame.groupby("seed").size().tolist() == [3, 3]
    assert len(set(frame["run"])) == 1


def test_nothing_there_says_what_to_give(write_run, tmp_path):
    with pytest.raises(UserError, match="no run here; give a folder that `altool run` wrote"):
        read_stages([tmp_path])
    write_run("random", 0, [], planned=3, status="running")
    with pytest.raises(UserError, match=r"1 run\(s\), none with a finished stage yet"):
        read_stages([tmp_path])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("accuracy", "acuracy", None),  # a column less is no reason to stop
        ("n_labelled", "labels", "it lacks n_labelled"),
        ("\n1,cifar10", "\n2,cifar10", r"another altool \(schema 2\)"),
        ("\n1,cifar10,step100,resnet18,random,recommended,0,1,", "\n1,c,s,r,x,y,0,0,", "twice"),
    ],
)
def test_a_table_that_is_not_ours_is_refused_by_name(write_run, tmp_path, old, new, message):
    path: Path = write_run("random", 0, [0.5, 0.6]) / "stages.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    if message is None:
        assert "accuracy" not in read_stages([tmp_path])
    else:
        with pytest.raises(UserError, match=message) as caught:
            read_stages([tmp_path])
        assert str(path) in str(caught.value)


def test_numbers_that_are_none_are_named_by_column(write_run, tmp_path):
    path = write_run("random", 0, [0.5]) / "stages.csv"
    path.write_text(path.read_text().replace(",1.5,", ",soon,"))
    with pytest.raises(UserError, match="column fit_seconds holds no numbers"):
        read_stages([tmp_path])


def test_smoke_runs_are_left_out_beside_results_and_stamped_by_themselves(write_run, tmp_path, caplog):
    write_run("random", 0, [0.5, 0.6])
    write_run("random", 0, [0.1, 0.2], root="outputs/smoke", start=10, step=10, stamp=SMOKE)
    both = read_stages([tmp_path / "outputs"])
    assert both["accuracy"].tolist() == [0.5, 0.6] and set(both["stamp"]) == {""}
    (line,) = [record.getMessage() for record in caplog.records]
    place = tmp_path / "outputs/smoke/cifar10-step100/resnet18/random/10+10x1/seed_000"
    assert line == (
        f"{tmp_path}/outputs: 1 smoke run is left out, being no results; give {place} alone to see them"
    )
    caplog.clear()
    for asked in ([tmp_path / "outputs/smoke"], [place]):
        alone = read_stages(asked)
        assert alone["accuracy"].tolist() == [0.1, 0.2] and set(alone["stamp"]) == {SMOKE}
    assert not caplog.records
    named_too = read_stages([tmp_path / "outputs", tmp_path / "outputs/smoke"])
    assert set(named_too["accuracy"]) == {0.1, 0.2, 0.5, 0.6}
