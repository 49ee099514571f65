"""The wheel: what is in it, and that it works from an empty folder with no checkout in reach."""

import csv
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (built,) = WheelBuilder(str(ROOT)).build(
        directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"]
    )
    return Path(built)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but what the wheel brings."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def call(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )


def test_it_holds_the_package_with_its_configuration_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entry_points = next(n for n in names if n.endswith("entry_points.txt"))
        assert "altool = altool.cli.main:main" in archive.read(entry_points).decode()
    tops = {name.split("/")[0] for name in names}
    assert "altool" in tops and len(tops) == 2
    assert all(top == "altool" or top.endswith(".dist-info") for top in tops)
    inside = {name.removeprefix("altool/") for name in names if name.startswith("altool/")}
    modules = {str(p.relative_to(ROOT / "altool")) for p in (ROOT / "altool").rglob("*.py")}
    files = {f"_conf/{p.relative_to(ROOT / 'conf')}" for p in (ROOT / "conf").rglob("*.yaml")}
    assert "_conf/run.yaml" in files
    assert inside == modules | files | {"analysis/published.csv", "report/page.css"}


def test_it_lists_what_there_is(installed: Path, tmp_path: Path) -> None:
    where = call(installed, tmp_path, "-c", "import altool; print(altool.__file__)")
    assert Path(where.stdout.strip()) == installed / "altool" / "__init__.py"
    listed = call(installed, tmp_path, "-m", "altool", "ls", "strategy")
    assert listed.returncode == 0, listed.stderr
    found = {line.split()[0] for line in listed.stdout.splitlines() if line.strip()}
    assert {path.stem for path in (ROOT / "conf" / "strategy").glob("*.yaml")} <= found


def test_it_runs(installed: Path, tmp_path: Path) -> None:
    words = ("strategy=entropy", "seeds=0", "device=cpu", "threads=1", "progress=plain")
    small = ("budget=small", "budget.stages=2", "learner.epochs=2")
    ran = call(installed, tmp_path, "-m", "altool", "run", *words, *small)
    assert ran.returncode == 0, ran.stderr
    (stages,) = (tmp_path / "outputs").glob("digits-none/cnn_small/entropy/*/seed_000/stages.csv")
    with stages.open(newline="") as file:
        assert [row["n_labelled"] for row in csv.DictReader(file)] == ["20", "30"]
    assert [path.name for path in tmp_path.iterdir()] == ["outputs"]
