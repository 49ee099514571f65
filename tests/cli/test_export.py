"""`altool export` and `altool import`: a study leaves one machine and goes on at another."""

import csv
import json
import os
import shutil
from pathlib import Path

import pytest

import altool.engine.loop
from altool.cli.main import main
from altool.core.errors import EXIT_STOPPED, Stopped
from altool.core.records import is_volatile, read_rows
from altool.core.runfolder import read_run

Capture = pytest.CaptureFixture[str]
# DFAL hands arrays from stage to stage
RUN = [
    *"strategy=dfal dataset=moons learner=mlp budget.candidates=12".split(),
    *"budget.start=6 budget.step=3 budget.stages=3 learner.epochs=2 seeds=[0,1]".split(),
]
QUIET = ("device=cpu", "progress=quiet")


def files(cell: Path) -> dict[str, object]:
    """What a cell's seeds must hold to be the same; timing columns aside."""
    found: dict[str, object] = {}
    for path in cell.glob("seed_*/*.csv"):
        rows = [{k: v for k, v in row.items() if not is_volatile(k)} for row in read_rows(path)]
        found[str(path.relative_to(cell))] = rows
    for path in cell.glob("seed_*/carry/*"):
        found[str(path.relative_to(cell))] = path.read_bytes()
    return found


def cell_in(outputs: Path, strategy: str = "dfal") -> Path:
    (cell,) = {seed.parent for seed in outputs.glob(f"*/*/{strategy}/*/seed_*")}
    return cell


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that was stopped in the middle of its second seed, and its zip."""
    room = tmp_path_factory.mktemp("packed")
    real = altool.engine.loop.run_stage

    def stopped_in_the_middle(cell, seed, stage, *more):
        if (seed, stage) == (1, 1):
            raise Stopped("stopped by SIGTERM", EXIT_STOPPED)
        return real(cell, seed, stage, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(room)
        patch.setattr(altool.engine.loop, "run_stage", stopped_in_the_middle)
        try:
            code = main(["run", *RUN, *QUIET, "outputs=here"])
        except SystemExit as end:  # a stop that a signal asked for ends the process
            code = end.code
        assert code == EXIT_STOPPED
        assert main(["export", "here", "--out", "study.zip"]) == 0
    return room


@pytest.fixture
def unfinished(packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(packed, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_unfinished_study_goes_on_elsewhere_to_the_same_bytes(unfinished: Path, capsys: Capture) -> None:
    assert main(["run", *RUN, *QUIET, "outputs=whole"]) == 0
    assert main(["import", "study.zip", "--outputs", "there"]) == 0
    capsys.readouterr()
    there = cell_in(unfinished / "there")
    assert main(["status", "there"]) == 0
    said = capsys.readouterr().out
    assert "stopped" in said and "done" in said
    done = (there / "seed_000" / "stages.csv").stat().st_mtime_ns
    assert main(["run", *RUN, *QUIET, "outputs=there"]) == 0
    assert (there / "seed_000" / "stages.csv").stat().st_mtime_ns == done, "what was done is not run again"
    whole = files(cell_in(unfinished / "whole"))
    assert files(there) == whole and any(name.endswith(".npz") for name in whole)


def test_another_platform_asks_for_consent_there_too(unfinished: Path, capsys: Capture) -> None:
    assert main(["import", "study.zip", "--outputs", "there"]) == 0
    record = cell_in(unfinished / "there") / "seed_001" / "run.json"
    run = json.loads(record.read_text())
    run["platform"]["processor"] = "another one"
    record.write_text(json.dumps(run))
    assert main(["run", *RUN, *QUIET, "outputs=there"]) == 2
    assert "processor: another one" in capsys.readouterr().err
    assert main(["run", *RUN, *QUIET, "outputs=there", "allow_platform_change=true"]) == 0
    assert (read_run(record.parent) or {})["status"] == "done"


def test_what_is_restored_is_plotted_tabled_and_replayed(unfinished: Path, capsys: Capture) -> None:
    assert main(["export", "here", "--out", "study"]) == 0
    assert main(["import", "study", "--outputs", "there"]) == 0
    assert main(["table", "there"]) == 0
    assert "DFAL" in capsys.readouterr().out
    assert main(["plot", "there", "--out", "figure.png"]) == 0
    assert Path("figure.png").stat().st_size > 1000
    words = ["learner=mlp", "learner.epochs=1", *QUIET, "outputs=replayed"]
    # a cell as it lies in a study packed as a folder, and as it was restored from it
    for cell in (cell_in(unfinished / "study" / "runs"), cell_in(unfinished / "there")):
        assert main(["replay", str(cell / "seed_000"), *words, "seeds=0"]) == 0
    bought = [
        [(p["stage"], p["index"]) for p in read_rows(seed / "acquired.csv")]
        for seed in (unfinished / "replayed").glob("*/*/dfal_replayed/*/seed_000")
    ]
    recorded = read_rows(cell_in(unfinished / "here") / "seed_000" / "acquired.csv")
    assert len(bought) == 2
    assert bought[0] == bought[1] == [(p["stage"], p["index"]) for p in recorded]


def test_index_sets_written_by_hand_are_replayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/studies.md: the least that altool replay needs."""
    monkeypatch.chdir(tmp_path)
    seed = tmp_path / "theirs" / "seed_000"
    seed.mkdir(parents=True)
    identity = {"dataset": "moons", "imbalance": "none", "learner": "mlp", "strategy": "theirs"}
    (seed / "run.json").write_text(
        json.dumps({"identity": identity, "seed": 0, "stages": 2, "overrides": {}})
    )
    assert main(["run", "strategy=random", "dataset=moons", "seeds=0", "budget.start=4", "budget.stages=1",
                 "budget.step=2", "learner.epochs=1", *QUIET]) == 0  # fmt: skip
    (own,) = tmp_path.glob("outputs/*/*/random/*/seed_000/acquired.csv")
    start = [row["index"] for row in read_rows(own)]
    rest = [str(i) for i in range(100) if str(i) not in start][:2]
    with (seed / "acquired.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["stage", "rank", "index", "label", "score"])
        table.writerows([0, r, i, "", ""] for r, i in enumerate(start))
        table.writerows([1, r, i, "", ""] for r, i in enumerate(rest))
    assert main(["replay", str(tmp_path / "theirs"), "learner.epochs=1", *QUIET]) == 0
    (replayed,) = tmp_path.glob("outputs/*/*/theirs_replayed/*/seed_000/acquired.csv")
    assert [row["index"] for row in read_rows(replayed)] == [*start, *rest]


def test_mistakes_get_one_line(unfinished: Path, capsys: Capture) -> None:
    for words, line in (
        (["export", "heer", "--out", "a.zip"], "heer: there is no such folder; did you mean here?"),
        (
            ["export", "here", "--out", "study.zip"],
            "study.zip is there already: name another --out, or remove it.",
        ),
        (["export", str(unfinished / "here" / ".cache"), "--out", "a.zip"], "no run here"),
        (["import", "nowhere.zip"], "nowhere.zip: there is no such file or folder."),
        (["import", "here"], "here is no study that altool export made: it has no SHA256SUMS."),
    ):
        assert main(words) == 2
        assert line in capsys.readouterr().err
    assert not Path("a.zip").exists() and not Path("outputs").exists()


def test_parquet_holds_what_csv_holds(unfinished: Path) -> None:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow", reason='pip install "altool[parquet]"')
    for format in ("csv", "parquet"):
        assert main(["export", "here", "--out", format, "--format", format]) == 0
    for name in ("stages", "acquired"):
        text = pd.read_csv(f"csv/{name}.csv")
        typed = pd.read_parquet(f"parquet/{name}.parquet")
        assert list(typed.columns) == list(text.columns) and len(typed) == len(text) > 3
        for column in text.select_dtypes("number"):
            assert typed[column].astype(float).equals(text[column].astype(float)), column
        assert typed["run"].tolist() == text["run"].tolist()
    assert main(["import", "parquet", "--outputs", "there"]) == 0


def test_without_pyarrow_parquet_says_what_to_install(
    unfinished: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["export", "here", "--out", "p", "--format", "parquet"]) == 2
    assert 'pip install "altool[parquet]"' in capsys.readouterr().err and not os.path.lexists("p")
