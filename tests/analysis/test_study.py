"""A study finds the seeds that are there, and is the same after it went through its file."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from altool.analysis.study import Study, StudyCell, load_study
from altool.core.errors import RunConflict, UserError


def cell_at(folder: Path, label: str, panel: str = "", seeds: tuple[int, ...] = (0, 1, 2)) -> StudyCell:
    return StudyCell(label, panel, "random", {"strategy": "random"}, folder, seeds, 2, ("strategy=random",))


@pytest.fixture
def study(write_run) -> Study:
    """Random with seeds 0 and 2 of three, and a cell of which there is nothing."""
    folders = [write_run("random", seed, [0.5, 0.6 + seed / 100]) for seed in (0, 2, 7)]
    cells = (cell_at(folders[0].parent, "Random"), cell_at(folders[0].parents[2] / "none", "Gone", "B"))
    return Study("fig", {"paper": "P1"}, cells)


def test_rows_of_wanted_seeds_alone(study: Study) -> None:
    assert study.stages[["label", "panel", "seed", "stage", "accuracy"]].values.tolist() == [
        ["Random", "", 0, 0, 0.5],
        ["Random", "", 0, 1, 0.6],
        ["Random", "", 2, 0, 0.5],
        ["Random", "", 2, 1, 0.62],
    ]
    assert [study.seeds_on_disk(cell) for cell in study.cells] == [[0, 2], []]
    assert study.panels() == ["", "B"]


def test_nothing_on_disk_has_the_columns_all_the_same(study: Study) -> None:
    empty = Study("fig", {}, study.cells[1:])
    assert empty.stages.empty
    assert [*empty.stages.columns] == [*study.stages.columns]
    assert empty.acquired(empty.cells[0]).empty and empty.arrays(empty.cells[0], 0, 0) == {}
    assert empty.run(empty.cells[0], 0) == {} and empty.config(empty.cells[0], 0) == {}


def test_side_tables_name_their_seed(study: Study) -> None:
    cell = study.cells[0]
    for seed, loss in ((0, 0.25), (2, 0.5)):
        (study.seed_folder(cell, seed) / "epochs.csv").write_text(f"stage,epoch,test_loss\n0,0,{loss}\n")
    assert study.epochs(cell).values.tolist() == [[0, 0, 0.25, 0], [0, 0, 0.5, 2]]
    for damage in (
        b"a,b\n1,2,3\n1,2\n4,5,6,7\n",
        b"stage,epoch,test_loss\n0,0,0.5\nrubbish,,x\n",
        b"stage,epoch,test_loss\n0,0,\n",
        b"\xff\xfe\n\n",
        b"\n\n",
    ):
        (study.seed_folder(cell, 2) / "epochs.csv").write_bytes(damage)
        with pytest.raises(RunConflict, match=r"seed_002/epochs\.csv is damaged"):
            study.epochs(cell)


def test_arrays_of_a_stage(study: Study) -> None:
    folder = study.seed_folder(study.cells[0], 0) / "diagnostics"
    folder.mkdir()
    np.savez(folder / "stage_001.npz", scores=np.arange(3))
    assert study.arrays(study.cells[0], 0, 1)["scores"].tolist() == [0, 1, 2]


def test_a_cell_by_its_label(study: Study) -> None:
    assert study.cell("Gone") is study.cells[1]
    with pytest.raises(UserError, match="has no cell Random2: did you mean Random"):
        study.cell("Random2")
    with pytest.raises(UserError, match="has no cell Random"):
        study.cell("Random", "B")


def test_the_same_after_its_file(study: Study, tmp_path: Path) -> None:
    whole = Study(study.name, study.spec, study.cells, True, pd.DataFrame({"label": ["A"], "n_pool": [3]}))
    (tmp_path / "study.json").write_text(json.dumps(whole.as_record()))
    again = load_study(tmp_path / "study.json")
    assert (again.name, again.spec, again.cells, again.generated) == (
        "fig",
        {"paper": "P1"},
        study.cells,
        True,
    )
    pd.testing.assert_frame_equal(again.datasets, whole.datasets)
    pd.testing.assert_frame_equal(again.stages, study.stages)
    (tmp_path / "study.json").write_text("{}")
    with pytest.raises(UserError, match="is no record of a study"):
        load_study(tmp_path / "study.json")
