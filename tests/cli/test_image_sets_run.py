"""Whole cycles on small folders in the shapes that the sets are distributed in."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from altool.cli.main import main
from altool.data.image_sets import NEU_CODES

TINY = ["learner.epochs=1", "learner.model.width=16", "budget.start=12", "budget.step=4", "budget.stages=2"]
TINY += ["seeds=0", "device=cpu", "progress=quiet", "data_root=root", "budget.candidates=all"]


@pytest.fixture(autouse=True)
def small_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for code in NEU_CODES:
        for i in range(5):
            path = Path("root/NEU-CLS-64", code, f"{code}_{i}.jpg")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (64, 64), dtype=np.uint8)).save(path)
    for c in range(6):
        for i in range(1, 6):
            path = Path("root/caltech101/101_ObjectCategories", f"category{c}", f"image_{i:04d}.jpg")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (200, 300, 3), dtype=np.uint8)).save(path)


@pytest.mark.parametrize(
    "words",
    [
        ["dataset=neu", "strategy=vab_al"],
        ["dataset=neu", "strategy=ta_vaal", "strategy.size=small", "strategy.epochs=10"],
        [
            "dataset=caltech101",
            "dataset.test=6",
            "strategy=ta_vaal",
            "strategy.size=small",
            "strategy.epochs=10",
        ],
        ["dataset=caltech101", "dataset.test=6", "strategy=entropy", "learner=linear_probe", "memory_gib=0"],
    ],
)
def test_a_whole_cycle(words: list[str]) -> None:
    tiny = [w for w in TINY if "learner=linear_probe" not in words or "model.width" not in w]
    assert main(["run", *words, *tiny]) == 0
    (folder,) = Path("outputs").glob("*/*/*/*/seed_000")
    with (folder / "stages.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["n_labelled"] for row in rows] == ["12", "16"]
    run = json.loads((folder / "run.json").read_text())
    assert (run["status"], len(run["classes"])) == ("done", 9 if words[0] == "dataset=neu" else 6)


def test_skipped_files_are_named_before_the_training_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    broken = [f"{code}/{code}_0.jpg" for code in NEU_CODES[:6]]
    for name in broken:
        Path("root/NEU-CLS-64", name).write_text("broken")
    words = ["run", "dataset=neu", "learner=linear_probe", "learner.backbone=pixels", "progress=plain"]
    words += [w for w in TINY if "model.width" not in w and not w.startswith("progress")]
    assert main([*words, "strategy=random"]) == 2
    assert not Path("outputs").exists()
    capsys.readouterr()
    assert main([*words, "-m", "strategy=random,entropy", "on_corrupt=skip"]) == 0
    said = capsys.readouterr().err.splitlines()
    why = "it is no image that can be read"
    (at,) = (i for i, line in enumerate(said) if "skipped" in line)  # once for both runs
    assert said[at].startswith("6 files are skipped, 39 images are left: cr/cr_0.jpg (")
    assert said[at].endswith(f"ps/ps_0.jpg ({why}), …; all in run.log") and broken[5] not in said[at]
    assert at < min(i for i, line in enumerate(said) if "stage 0" in line)
    folders = [file.parent for file in Path("outputs").rglob("run.json")]
    assert len(folders) == 2
    for folder in folders:
        assert json.loads((folder / "run.json").read_text())["skipped_files"] == 6
        log = (folder / "run.log").read_text()
        assert all(f"\n  {name}: {why}" in log for name in broken)
