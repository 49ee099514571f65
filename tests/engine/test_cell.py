"""Several seeds in one run: the bytes of each alone; what fails, fails alone; what only watches changes nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp

from altool.core.records import read_purchases, read_rows
from altool.core.runfolder import read_run
from altool.engine.cell import DiagnosticsOptions


@pytest.fixture
def failing(make_cell):
    """A cell of the strategy that fails in the way `how`."""

    def make(outputs, how: str, **changes):
        strategy = type(make_cell(outputs, "nan").strategy)(how=how)
        return make_cell(outputs, strategy, **changes)

    return make


def test_packed_equals_alone_in_any_order(tmp_path, make_cell, run, files):
    assert run(make_cell(tmp_path / "packed", seeds=(0, 1, 2))).done == [0, 1, 2]
    assert run(make_cell(tmp_path / "turned", seeds=(2, 0, 1))).done == [2, 0, 1]
    for seed in (0, 1, 2):
        run(make_cell(tmp_path / "alone", seeds=(seed,)))
    packed, turned, alone = (files(tmp_path / name / "remembering") for name in ("packed", "turned", "alone"))
    assert packed == turned == alone
    assert packed["seed_000/acquired.csv"] != packed["seed_001/acquired.csv"]


@pytest.mark.parametrize(("strategy", "at_once"), [("remembering", 3), ("learning_loss", 3), ("dfal", 2)])
def test_seeds_in_turn_leave_the_bytes_of_each_alone(tmp_path, make_cell, run, files, strategy, at_once):
    shared = make_cell(tmp_path / "in turn", strategy, seeds=(0, 1, 2), seeds_at_once=at_once, trace=True)
    assert sorted(run(shared).done) == [0, 1, 2]
    alone = make_cell(tmp_path / "alone", strategy, seeds=(0, 1, 2), trace=True)
    run(alone)
    assert files(shared.folder) == files(alone.folder)
    assert (read_run(shared.folder / "seed_001") or {})["seeds_at_once"] == at_once
    assert "seeds_at_once" not in (read_run(alone.folder / "seed_001") or {})


def test_of_seeds_in_turn_one_fails_alone_and_logs_alone(tmp_path, failing, run):
    cell = failing(tmp_path, "raise", seeds=(0, 1, 2), seeds_at_once=3)
    result = run(cell)
    assert (sorted(result.done), list(result.failures)) == ([0, 2], [1])
    logs = [(cell.folder / f"seed_00{seed}" / "run.log").read_text() for seed in (0, 1, 2)]
    assert ["ZeroDivisionError" in log for log in logs] == [False, True, False]


@pytest.mark.parametrize(
    "how,reason",
    [
        ("raise", "stage 1: ZeroDivisionError: no luck"),
        ("nan", "stage 1: the strategy gave 1 of 60 candidates a score that is not finite"),
        ("shape", "stage 1: the strategy scored (59,), not one number for each of 60 candidates"),
        ("twice", "stage 1: Failing: select returned an index twice"),
        ("labelled", "stage 1: Failing: select returned an index that is no candidate"),
    ],
)
def test_a_seed_that_fails_stops_no_other_and_can_go_on(how, reason, tmp_path, failing, run, files):
    cell = failing(tmp_path / "mended", how, seeds=(0, 1, 2))
    result = run(cell)
    assert (result.done, result.failures) == ([0, 2], {1: reason})
    folder = cell.folder / "seed_001"
    record = read_run(folder) or {}
    assert (record["status"], record["reason"]) == ("failed", reason)
    assert len(read_rows(folder / "stages.csv")) == 1 and not (folder / "lock").exists()
    assert reason in (folder / "run.log").read_text()
    mended = run(failing(tmp_path / "mended", "not at all", seeds=(0, 1, 2)))
    assert (mended.done, mended.already_done) == ([1], [0, 2])
    assert (read_run(folder) or {})["reason"] is None
    if how == "raise":
        run(failing(tmp_path / "whole", "not at all", seeds=(0, 1, 2)))
        assert files(cell.folder) == files(tmp_path / "whole" / "failing")


def test_the_trace_changes_no_byte_of_the_other_files(tmp_path, make_cell, run, files):
    plain, traced = make_cell(tmp_path / "plain"), make_cell(tmp_path / "traced", trace=True)
    for cell in (plain, traced):
        run(cell)
    with_trace = files(traced.folder)
    rows = read_rows(traced.folder / "seed_000" / "epochs.csv")
    del with_trace["seed_000/epochs.csv"]
    assert with_trace == files(plain.folder)
    assert [(row["stage"], row["epoch"]) for row in rows] == [(s, e) for s in "012" for e in "01"]
    stages = read_rows(traced.folder / "seed_000" / "stages.csv")
    last = [row["test_accuracy"] for row in rows if row["epoch"] == "1"]
    assert last == [row["accuracy"] for row in stages]
    losses = [float(row["test_loss"]) for row in rows if row["epoch"] == "1"]
    np.testing.assert_allclose(losses, [float(row["nll"]) for row in stages], rtol=1e-5)


def test_the_trace_of_the_last_stage_is_the_whole_ones_and_changes_no_byte(tmp_path, make_cell, run, files):
    plain, last, whole = (
        make_cell(tmp_path / str(trace), trace=trace, cache_mib=0) for trace in (False, "last", True)
    )
    for cell in (plain, last, whole):
        run(cell)
    left, everything = files(last.folder), files(whole.folder)
    lines = everything["seed_000/epochs.csv"].splitlines(keepends=True)
    assert left.pop("seed_000/epochs.csv") == b"".join([lines[0], *lines[-2:]])
    assert left == files(plain.folder)
    assert last.fingerprint == plain.fingerprint


def test_a_last_look_buys_nothing(tmp_path, make_cell, run, files):
    plain = make_cell(tmp_path / "plain")
    looks = make_cell(tmp_path / "looks", diagnostics=DiagnosticsOptions(final=True))
    for cell in (plain, looks):
        run(cell)
    with_look, without = files(looks.folder), files(plain.folder)
    assert with_look.keys() == without.keys()
    for name in ("acquired.csv", "stages.csv", "diagnostics/stage_001.npz", "carry/stage_002.npz"):
        assert with_look[f"seed_000/{name}"] == without[f"seed_000/{name}"]
    bought = [p.index for p in read_purchases(looks.folder / "seed_000" / "acquired.csv")]
    with np.load(plain.folder / "seed_000" / "diagnostics" / "stage_002.npz") as last:
        posterior = dict(last)
        assert "picks" not in posterior
    with np.load(looks.folder / "seed_000" / "diagnostics" / "stage_002.npz") as last:
        assert len(last["picks"]) == 6 and not np.isin(last["candidates"], bought).any()
        assert all(np.array_equal(last[name], array) for name, array in posterior.items())


def test_the_audit_tells_true_losses(tmp_path, make_cell, run, files):
    audited = make_cell(tmp_path / "audited", diagnostics=DiagnosticsOptions(audit=True))
    for cell in (audited, make_cell(tmp_path / "plain")):
        run(cell)
    truth = audited.load(0).oracle.audit(np.arange(800))
    for stage in (0, 1):
        path = audited.folder / "seed_000" / "diagnostics" / f"stage_{stage:03d}.npz"
        with np.load(path) as stored:
            logits = stored["logits"].astype(np.float64)
            chosen = logits[np.arange(len(logits)), truth[stored["candidates"]]]
            np.testing.assert_allclose(
                stored["true_losses"], logsumexp(logits, axis=1) - chosen, rtol=1e-4, atol=1e-6
            )
            order = np.argsort(-stored["scores"])[:6]
            assert list(stored["picks"]) == list(stored["candidates"][order])
    for name in ("acquired.csv", "stages.csv"):
        assert (
            files(audited.folder)[f"seed_000/{name}"] == files(tmp_path / "plain/remembering/seed_000")[name]
        )


def test_without_arrays_no_file_is_left(tmp_path, make_cell, run):
    cell = make_cell(tmp_path, diagnostics=DiagnosticsOptions(arrays=False))
    run(cell)
    assert not (cell.folder / "seed_000" / "diagnostics").exists()
    assert len(read_rows(cell.folder / "seed_000" / "diagnostics.csv")) == 2


def test_the_records_add_up(tmp_path, make_cell, run):
    cell = make_cell(tmp_path)
    run(cell)
    rows = read_rows(cell.folder / "seed_000" / "stages.csv")
    bought = read_purchases(cell.folder / "seed_000" / "acquired.csv")
    truth = cell.load(0).oracle.audit(np.arange(800))
    assert [int(row["n_labelled"]) for row in rows] == [12, 18, 24]
    assert [p.rank for p in bought] == [*range(12), *range(6), *range(6)]
    assert [p.stage for p in bought] == [0] * 12 + [1] * 6 + [2] * 6
    assert [p.label for p in bought] == list(truth[[p.index for p in bought]])
    assert len({p.index for p in bought}) == 24
    assert not np.isin([p.index for p in bought], cell.load(0).val.indices).any()
    for row in rows:
        labels = [p.label for p in bought if p.stage <= int(row["stage"])]
        assert row["class_counts"] == ";".join(str(labels.count(c)) for c in (0, 1))
        assert row["val_accuracy"] and row["device"] == "cpu"
        query = sum(float(row[f"{part}_seconds"]) for part in ("strategy_fit", "score", "select"))
        assert float(row["query_seconds"]) == pytest.approx(query)
    record = json.loads((cell.folder / "seed_000" / "run.json").read_text())
    assert (record["status"], record["seed"], record["stage"]) == ("done", 0, 3)
    assert record["platform"]["threads"] == 1 and record["versions"]["torch"]


@pytest.mark.parametrize("other", ["random", "entropy", "learning_loss"])
def test_strategies_start_alike_and_see_the_same_candidates(other, tmp_path, make_cell, run):
    """Beyond the first purchase at most `step` candidates differ: as many as one pool has and the other has not."""
    cells = [make_cell(tmp_path, name) for name in ("remembering", other)]
    for cell in cells:
        run(cell)
    folders = [cell.folder / "seed_000" for cell in cells]
    starts = [[p for p in read_purchases(f / "acquired.csv") if p.stage == 0] for f in folders]
    assert starts[0] == starts[1]
    seen = [[np.load(f / "diagnostics" / f"stage_00{s}.npz")["candidates"] for f in folders] for s in (0, 1)]
    assert (seen[0][0] == seen[0][1]).all() and len(seen[0][0]) == 60
    assert len(np.setdiff1d(*seen[1])) <= 6
    assert len(np.setdiff1d(seen[0][0], seen[1][0])) > 6  # each stage offers others


def test_a_balanced_start_is_as_equal_as_the_pool_allows(tmp_path, make_cell):
    from altool.engine.loop import draw_start

    cell = make_cell(tmp_path)
    balanced = replace(cell, budget=replace(cell.budget, start_rule="balanced", start=13))
    truth = cell.load(0).oracle.audit(np.arange(800))
    starts = [draw_start(balanced, seed, cell.load(seed)) for seed in range(8)]
    for start in starts:
        assert len(np.unique(start)) == 13 and sorted(np.bincount(truth[start])) == [6, 7]
    assert len({tuple(start) for start in starts}) == 8
    plain = [np.bincount(truth[draw_start(cell, seed, cell.load(seed))]) for seed in range(8)]
    assert any(abs(counts[0] - counts[1]) > 1 for counts in plain)

    few = cell.load(0)
    kept = np.concatenate([few.members[truth[few.members] == 0], few.members[truth[few.members] == 1][:3]])
    scarce = draw_start(balanced, 0, replace(few, members=np.sort(kept)))
    assert list(np.bincount(truth[scarce])) == [10, 3]
