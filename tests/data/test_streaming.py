"""A pool that is larger than `memory_gib` streams from its memory map, and nothing of the results shows it."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from altool.core.streams import Streams
from altool.data.prepare import prepare
from altool.data.reading import Reading
from altool.data.rows import Rows, take
from altool.data.spec import DatasetSpec, ImbalanceSpec
from altool.data.store import Store, Transforms
from altool.data.task import Task
from altool.learners.learner import FitRequest, Learner
from altool.models.cnn import CNN


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for i in range(60):
        path = tmp_path / "photos" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8 + i % 3, 8, 3), dtype=np.uint8)).save(path)
    return tmp_path / "photos"


def tasks(folder: Path) -> list[Task]:
    """The same set, resident and streamed."""
    spec = DatasetSpec("photos", "folder", path=str(folder), test=0.2, size=8, crop_pad=1, flip=True)
    readings = [Reading(folder.parent / "cache", memory_gib=gib) for gib in (1, 0)]
    return [prepare(spec, ImbalanceSpec(), 0, "cpu", reading) for reading in readings]


def test_both_ways_give_the_same_bytes(folder: Path) -> None:
    resident, streamed = tasks(folder)
    assert resident.store._items is not None and streamed.store._items is None
    assert resident.digest == streamed.digest
    assert resident.store.transforms == streamed.store.transforms
    indices = np.array([5, 0, 7, 7, 3])
    moves = [torch.tensor(v, dtype=torch.uint8) for v in ([0, 1, 2, 0, 1], [2, 1, 0, 1, 0])]
    flips = torch.tensor([True, False, True, False, True])
    for a, b in ((resident.store, streamed.store), (resident.test.store, streamed.test.store)):
        assert len(a) == len(b) and a.shape == b.shape
        assert torch.equal(a.images(indices), b.images(indices))
        assert torch.equal(a.images(torch.tensor(indices)), b.images(torch.tensor(indices)))
        assert torch.equal(a.pixels(indices), b.pixels(indices))
        assert a.images(indices).stride() == b.images(indices).stride()
        dy, dx = moves
        moved = [s.augmented(torch.tensor(indices), dy, dx, flips) for s in (a, b)]
        assert torch.equal(*moved)
        assert b.images(np.empty(0, np.int64)).shape == (0, 3, 8, 8)


def test_models_trained_either_way_are_equal(folder: Path) -> None:
    learner = Learner(
        **{"name": "cnn", "recipe": {}, "epochs": 2, "batch_size": 8, "optimiser": "sgd", "lr": 0.1},
        make_model=lambda shape, n: CNN(shape, n, channels=(4, 4), kernel=3, hidden=8),
    )
    logits = []
    for task in tasks(folder):
        labelled, rest = task.members[:20], task.members[20:]
        labels = task.oracle.reveal(labelled)
        request = FitRequest(task.store, labelled, labels, rest, rest, 2, Streams(0, 0))
        fitted = learner.fit(request, None)
        logits.append(
            (fitted.probe(rest, ["logits"])["logits"], fitted.predict(task.test.store, task.test.indices))
        )
    for a, b in zip(*logits, strict=True):
        assert torch.equal(a, b)


def test_nothing_is_read_before_it_is_asked_for(folder: Path) -> None:
    _, streamed = tasks(folder)
    host: Any = streamed.store._host
    assert isinstance(host, Rows)
    assert isinstance(host._source, np.memmap)


def test_rows_are_indexed_as_numpy_indexes() -> None:
    source = np.random.default_rng(0).integers(0, 256, (10, 4, 5, 3), dtype=np.uint8)
    positions = np.array([7, 2, 2, 9, 0])
    rows, plain = Rows(source, positions), source[positions]
    cases: list[Any] = [
        3,
        -1,
        slice(1, 4),
        slice(None),
        [0, 0, 4],
        np.array([True, False, True, False, True]),
    ]
    cases += [(slice(None), 0), (slice(1, 3), 0, 0, 0), (2, 1), np.empty(0, np.int64)]
    for which in cases:
        assert np.array_equal(rows[which], plain[which])
    assert np.array_equal(np.asarray(rows), plain)
    assert (rows.shape, rows.ndim, rows.dtype, rows.nbytes, len(rows)) == (
        plain.shape,
        4,
        np.uint8,
        plain.nbytes,
        5,
    )
    assert np.array_equal(np.asarray(take(rows, np.array([4, 1]))), plain[[4, 1]])
    assert rows[0].flags.writeable and not np.shares_memory(rows[:], source)


def test_what_is_read_ahead_is_read_once_and_the_same(monkeypatch) -> None:
    """The batch that was announced comes from the reader's thread, any other from the map, whatever else was announced."""
    items = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    reads: list[tuple[int, bool]] = []

    class Counted(Rows):
        def __getitem__(self, which: Any) -> np.ndarray:
            reads.append((len(which), threading.current_thread() is threading.main_thread()))
            return super().__getitem__(which)

    resident = Store(items, Transforms(), "cpu")
    streamed = Store(Counted(items, np.arange(40)), Transforms(), "cpu", resident=False)
    first, second, other = np.arange(5), np.array([9, 7, 30]), np.arange(20, 28)
    for store in (resident, streamed):
        store.prefetch(first)
        store.prefetch(torch.tensor(second))
    for indices in (first, other, second, second):
        assert torch.equal(streamed.pixels(indices), resident.pixels(indices))
    assert sorted(reads) == [(3, False), (3, True), (5, False), (8, True)]


def test_a_pool_pass_and_a_fit_announce_all_but_their_first_batch(folder: Path, monkeypatch) -> None:
    streamed = tasks(folder)[1]
    announced: list[int] = []
    monkeypatch.setattr(Store, "prefetch", lambda store, indices: announced.append(len(indices)))
    model = lambda shape, n_classes: CNN(shape, n_classes, (4, 4), 3, 8)  # noqa: E731
    learner = Learner("cnn", model, {}, epochs=1, batch_size=8, optimiser="sgd", lr=0.1, eval_batch=20)
    labelled, rest = streamed.members[:20], streamed.members[20:]
    labels = np.arange(20) % 2
    fitted = learner.fit(FitRequest(streamed.store, labelled, labels, rest, rest, 2, Streams(0, 0)), None)
    assert announced == [8, 4]
    fitted.probe(rest, ["logits"])
    assert announced == [8, 4, len(rest) - 20, 0]
