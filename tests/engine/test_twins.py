"""DFAL's adversarial twins through the engine: trained on, no annotations, and there again after a kill."""

import numpy as np
import pytest

from altool.core.records import read_rows
from altool.learners.train import TrainingItems
from altool.strategies.dfal import DFAL


@pytest.fixture(scope="module")
def whole(tmp_path_factory, make_cell, run):
    cell = make_cell(tmp_path_factory.mktemp("whole"), "dfal")
    assert run(cell).done == [0]
    return cell.folder


def test_twins_train_but_are_not_counted(tmp_path, make_cell, run, monkeypatch):
    """Three stages of 12, 18, 24 labels; 0, 6, 12 twins."""
    seen: list[tuple[list[int], list[int], np.ndarray | None]] = []
    plain = TrainingItems.of

    def spied(*given):
        items = plain(*given)
        extra = None if items.extra is None else items.extra.numpy()
        seen.append((items.indices.tolist(), items.labels.tolist(), extra))
        return items

    monkeypatch.setattr(TrainingItems, "of", staticmethod(spied))
    cell = make_cell(tmp_path, DFAL())
    assert run(cell).done == [0]
    seed = cell.folder / "seed_000"
    rows = read_rows(seed / "stages.csv")
    assert [row["n_labelled"] for row in rows] == ["12", "18", "24"]
    assert [row["n_distinct"] for row in rows] == ["12", "18", "24"]
    bought = read_rows(seed / "acquired.csv")
    label_of = {int(row["index"]): int(row["label"]) for row in bought}
    for stage, (indices, labels, extra) in enumerate(seen):
        assert len(indices) == 12 + 6 * stage
        if not stage:
            assert extra is None and len(labels) == 12
            continue
        with np.load(seed / "carry" / f"stage_{stage:03d}.npz") as carry:
            assert extra is not None and np.array_equal(extra, carry["images"])
            twins = carry["indices"].tolist()
        assert twins == [int(row["index"]) for row in bought if 0 < int(row["stage"]) <= stage]
        assert labels == [label_of[i] for i in indices + twins]
        originals = cell.load(0).store.images(twins).numpy()
        moved = np.linalg.norm(extra - originals, axis=1)
        assert len(twins) == 6 * stage and (moved > 0).all()


def test_they_change_what_is_learned_and_stage_0_is_everybodys(tmp_path, make_cell, run, whole):
    cell = make_cell(tmp_path, DFAL(twins=False))
    assert run(cell).done == [0]
    with_twins, without = (read_rows(folder / "seed_000" / "stages.csv") for folder in (whole, cell.folder))
    nll = [[row["nll"] for row in rows] for rows in (with_twins, without)]
    assert nll[0][0] == nll[1][0] and nll[0][1] != nll[1][1]
    bought = [read_rows(folder / "seed_000" / "acquired.csv") for folder in (whole, cell.folder)]
    assert bought[0][:18] == bought[1][:18]
    run(make_cell(tmp_path, "random"))
    assert len(list((tmp_path / ".cache").rglob("*.pt"))) == 1


def test_killed_around_the_twins(tmp_path, make_cell, run, files, whole, elsewhere):
    lived = elsewhere(tmp_path / "lived", copies=tmp_path, strategy="dfal")
    assert lived.code == 0 and files(tmp_path / "lived" / "dfal") == files(whole)
    stored = [n for n, name in enumerate(lived.moments, 1) if name.startswith("stage_00")]
    assert len(stored) == 5  # diagnostics and carry of two queries, diagnostics of the last model
    for n in (n + later for n in stored[1:4:2] for later in (0, 1)):
        run(make_cell(tmp_path / str(n), "dfal"))
        assert files(tmp_path / str(n) / "dfal") == files(whole), f"killed before {lived.moments[n - 1]}"
