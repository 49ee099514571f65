"""Stage 0 is trained once for all strategies with the same recipe, and what comes from the cache is what was trained."""

import os
from dataclasses import replace

import numpy as np
import pytest

import altool.learners.learner
from altool.core.streams import Streams
from altool.engine.cell import Platform
from altool.engine.shared_fit import SharedFit, StageZeroCache
from altool.learners.learner import FitRequest
from altool.strategies.learning_loss import LearningLoss
from altool.strategies.random import Random
from altool.strategies.ta_vaal import TAVAAL


@pytest.fixture
def trainings(monkeypatch):
    """The stages that were trained since."""
    seen: list[int] = []
    plain = altool.learners.learner.train

    def counted(job, *told):
        seen.append(len(job.items))
        return plain(job, *told)

    monkeypatch.setattr(altool.learners.learner, "train", counted)
    return seen


def stored(outputs):
    return sorted((outputs / ".cache" / "stage0").glob("*"))


def test_equal_recipes_share_one_training(tmp_path, make_cell, run, files, trainings):
    for name, expected in (
        ("random", [12, 18, 24]),
        ("entropy", [18, 24]),
        ("learning_loss", [12, 18, 24]),
    ):
        trainings.clear()
        run(make_cell(tmp_path / "shared", name))
        assert trainings == expected, name
        run(make_cell(tmp_path / name, name))
        assert files(tmp_path / "shared" / make_cell(tmp_path, name).identity.strategy) == files(
            make_cell(tmp_path / name, name).folder
        )
    assert len(stored(tmp_path / "shared")) == 2


@pytest.mark.parametrize("damage", ["empty", "cut", "one bit", "another file"])
def test_a_damaged_file_is_repaired(damage, tmp_path, make_cell, run, files, trainings):
    run(make_cell(tmp_path, "random"))
    (path,) = stored(tmp_path)
    good = path.read_bytes()
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    path.write_bytes(
        {"empty": b"", "cut": good[:-100], "one bit": bytes(flipped), "another file": b"PK" * 500}[damage]
    )
    trainings.clear()
    run(make_cell(tmp_path, "entropy"))
    assert trainings[0] == 12
    cell = make_cell(tmp_path / "fresh", "entropy")
    run(cell)
    assert files(tmp_path / "entropy") == files(cell.folder)
    trainings.clear()
    run(replace(make_cell(tmp_path, "random"), folder=tmp_path / "again"))
    assert trainings == [18, 24]  # the repaired file serves


def test_a_fit_that_evaluates_differently_is_trained_again(tmp_path, make_cell, run, files, trainings):
    run(make_cell(tmp_path, "random"))
    cache = cache_of(make_cell(tmp_path))
    found = cache.load()
    assert found is not None and found.accuracy != 0.5
    turned = {k: -v if k.startswith("head.") else v for k, v in found.state["task"].items()}
    worse = {"task": turned}  # every answer is the other class
    for wrong in (replace(found, accuracy=found.accuracy + 0.005), replace(found, state=worse)):
        cache.store(wrong)
        trainings.clear()
        run(make_cell(tmp_path, "entropy", rerun=True))
        assert trainings == [12, 18, 24]
    healed = cache.load()
    assert healed is not None and healed.accuracy == found.accuracy


def test_weights_of_another_network_are_trained_again(tmp_path, make_cell, run, trainings):
    cell = make_cell(tmp_path)
    cache = cache_of(cell)
    run(make_cell(tmp_path, "random"))
    found = cache.load()
    assert found is not None
    short = dict(list(found.state["task"].items())[:-1])
    for state in ({"task": short}, {}):
        cache.store(replace(found, state=state))
        trainings.clear()
        assert run(make_cell(tmp_path, "entropy", rerun=True)).done == [0]
        assert trainings == [12, 18, 24]


def test_a_trace_trains_for_itself(tmp_path, make_cell, run, trainings):
    run(make_cell(tmp_path, "random"))
    trainings.clear()
    run(make_cell(tmp_path, "entropy", trace=True))
    assert trainings == [12, 18, 24]
    trainings.clear()
    run(make_cell(tmp_path, "entropy", trace="last", rerun=True))
    assert trainings == [18, 24]


def request_of(cell, seed: int = 0) -> FitRequest:
    """What stage 0 of a run asks for."""
    from altool.engine.loop import draw_start

    task = cell.load(seed)
    labelled = draw_start(cell, seed, task)
    unlabelled = np.setdiff1d(task.members, labelled)
    streams = Streams(seed, 0)
    candidates = cell.budget.draw_candidates(unlabelled, len(task.store), streams)
    labels = task.oracle.audit(labelled)
    return FitRequest(task.store, labelled, labels, unlabelled, candidates, 2, streams)


def cache_of(cell, seed: int = 0, extension=None, digest: str | None = None, **changes) -> StageZeroCache:
    digest = cell.load(seed).digest if digest is None else digest
    return StageZeroCache(cell, seed, digest, extension, replace(request_of(cell, seed), **changes))


def test_the_key_is_the_one_that_a_run_uses_and_what_changes_it(tmp_path, make_cell, run):
    cell = make_cell(tmp_path, "random")
    run(cell)
    key = cache_of(cell).path
    assert [key] == stored(tmp_path)
    request = request_of(cell)
    other_learner = replace(cell.learner, recipe={**cell.learner.recipe, "lr": 0.3})
    keys = {
        "seed": StageZeroCache(cell, 1, cell.load(0).digest, None, request).path,
        "recipe": cache_of(replace(cell, learner=other_learner)).path,
        "threads": cache_of(replace(cell, platform=replace(cell.platform, threads=2))).path,
        "precision": cache_of(replace(cell, platform=replace(cell.platform, precision="bf16"))).path,
        "data": cache_of(cell, digest="other").path,
        "labelled": cache_of(cell, labelled=request.labelled[::-1]).path,
        "labels": cache_of(cell, labels=1 - request.labels).path,
        "extension": cache_of(cell, extension=LearningLoss().extension()).path,
    }
    assert len({key, *keys.values()}) == 1 + len(keys)
    assert isinstance(cell.platform, Platform)
    same = make_cell(tmp_path, "entropy", seeds=(4, 0), trace=True, budget=replace(cell.budget, stages=9))
    assert cache_of(same).path == key


@pytest.mark.parametrize(
    "extension,counts",
    [
        (None, False),
        (LearningLoss().extension(), False),
        (TAVAAL(coupling="joint").extension(), True),
    ],
    ids=["none", "labelled only", "unlabelled too"],
)
def test_unlabelled_items_count_where_they_are_trained_on(extension, counts, tmp_path, make_cell):
    cell = make_cell(tmp_path, Random())
    request = request_of(cell)
    key = cache_of(cell, extension=extension).path
    fewer = cache_of(cell, extension=extension, unlabelled=request.unlabelled[1:]).path
    others = cache_of(cell, extension=extension, candidates=request.candidates[1:]).path
    assert [other != key for other in (fewer, others)] == [counts, counts]


def test_the_oldest_go_when_the_cap_is_reached(tmp_path, make_cell, run):
    run(make_cell(tmp_path, "random"))
    (first,) = stored(tmp_path)
    size = first.stat().st_size
    roomy = make_cell(tmp_path, cache_mib=2.5 * size / 2**20)
    fit = cache_of(roomy).load()
    assert fit is not None
    first.unlink()
    paths = []
    for n in range(4):
        cache = cache_of(roomy, digest=f"data {n}")
        if n == 3:  # reading the older of the two makes it the younger
            os.utime(paths[1], (3e8, 3e8))
            os.utime(paths[2], (4e8, 4e8))
            cache_of(roomy, digest="data 1").load()
        cache.store(fit)
        paths.append(cache.path)
        os.utime(cache.path, (n * 1e8, n * 1e8))
    assert stored(tmp_path) == sorted([paths[1], paths[3]])


def test_what_is_larger_than_the_cap_is_not_kept(tmp_path, make_cell, run, files):
    run(make_cell(tmp_path, cache_mib=0.0))
    assert stored(tmp_path) == []


def test_a_fit_comes_back_as_it_was(tmp_path, make_cell, run):
    cell = make_cell(tmp_path)
    run(cell)
    fit = cache_of(cell).load()
    assert fit is not None and fit.fit_seconds > 0
    cache = cache_of(cell, digest="copy")
    cache.store(fit)
    copy = cache.load()
    assert isinstance(copy, SharedFit)
    assert all((copy.state["task"][k] == v).all() for k, v in fit.state["task"].items())
    assert (copy.accuracy, copy.fit_seconds) == (fit.accuracy, fit.fit_seconds)
