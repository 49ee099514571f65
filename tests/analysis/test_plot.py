"""Figures land where they are looked for, and nothing of anybody else's is lost."""

import subprocess
import sys
from pathlib import Path

import pytest

from altool.analysis.plot import main_plot
from altool.core.errors import UserError

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def two_methods(write_run, tmp_path) -> Path:
    for seed in (0, 1):
        write_run("random", seed, [0.5, 0.6])
        write_run("vaal", seed, [0.52, 0.66])
    return tmp_path / "outputs" / "cifar10-step100" / "resnet18"


def test_one_cell_gets_its_curve(two_methods):
    cell = two_methods / "vaal" / "1000+1000x1"
    for path in (cell, cell / "seed_001"):
        assert main_plot([path]) == [cell / "curve.png"]
    assert (cell / "curve.png").read_bytes().startswith(PNG)
    assert main_plot([cell], metric="nll") == [cell / "curve_nll.png"]


def test_several_cells_get_one_figure_in_their_common_folder(two_methods, tmp_path):
    expected = two_methods / "accuracy_cifar10-step100_resnet18.png"
    assert main_plot([tmp_path]) == [expected]
    assert main_plot([two_methods / "random", two_methods / "vaal"]) == [expected]
    (relative,) = main_plot([tmp_path], relative_to="random", formats=["svg"])
    assert relative == two_methods / "accuracy_vs_random_cifar10-step100_resnet18.svg"
    assert "Accuracy over Random" in relative.read_text()


def test_several_panels_get_a_file_and_a_title_each(two_methods, write_run, tmp_path):
    write_run("vaal", 0, [0.9, 0.95], dataset="mnist", imbalance="none", learner="cnn")
    files = main_plot([tmp_path / "outputs"], formats=["svg"])
    assert files == [
        tmp_path / "outputs" / "accuracy_cifar10-step100_resnet18.svg",
        tmp_path / "outputs" / "accuracy_mnist-none_cnn.svg",
    ]
    assert "MNIST, CNN" in files[1].read_text()
    named = main_plot([tmp_path / "outputs"], out=tmp_path / "fig.pdf")
    assert [file.name for file in named] == [
        "fig_cifar10-step100_resnet18.pdf",
        "fig_mnist-none_cnn.pdf",
    ]


def test_out_is_a_folder_or_a_file(two_methods, tmp_path):
    assert main_plot([two_methods], out=tmp_path / "fig3.pdf") == [tmp_path / "fig3.pdf"]
    files = main_plot([two_methods], out=tmp_path / "new", formats=["png", "pdf"])
    assert files == [tmp_path / "new" / f"accuracy_cifar10-step100_resnet18.{end}" for end in ("png", "pdf")]
    assert all(file.stat().st_size > 1000 for file in files)
    with pytest.raises(UserError, match=r"figures end in .png, .pdf, .svg; or name a folder"):
        main_plot([two_methods], out=tmp_path / "fig.jpg")
    with pytest.raises(UserError, match=r"format pgn: did you mean png\?"):
        main_plot([two_methods], formats=["pgn"])


@pytest.mark.parametrize("file_format", ["png", "pdf", "svg"])
def test_own_figures_are_made_anew_and_others_left_alone(two_methods, tmp_path, file_format):
    (path,) = main_plot([two_methods], formats=[file_format])
    first = path.read_bytes()
    assert main_plot([two_methods], formats=[file_format]) == [path]
    assert path.read_bytes() == first
    path.write_bytes(b"a photograph")
    with pytest.raises(UserError, match="was not made by altool: move it away"):
        main_plot([two_methods], formats=[file_format])
    assert path.read_bytes() == b"a photograph"


def test_a_place_that_cannot_be_written(two_methods, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        main_plot([two_methods], out=tmp_path / "file" / "fig.png")


def test_analysis_needs_neither_torch_nor_hydra_nor_pyplot():
    code = (
        "import sys, altool.analysis.plot, altool.analysis.table, altool.analysis.summary\n"
        "print(sorted({'torch', 'hydra', 'omegaconf', 'matplotlib.pyplot'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_script_draws_everything(two_methods):
    script = Path(__file__).parents[2] / "scripts" / "plot_figures.py"
    done = subprocess.run([sys.executable, script, two_methods], capture_output=True, text=True, check=True)
    assert "VAAL" in done.stdout and done.stderr == ""
    assert len(list(two_methods.glob("accuracy_*.*"))) == 6


def test_a_figure_of_smoke_runs_says_so(two_methods, write_run, tmp_path):
    write_run("random", 0, [0.1, 0.2], root="outputs/smoke", start=10, stamp="Smoke scale: no result.")
    (plain,) = main_plot([tmp_path / "outputs"], formats=["svg"])
    (stamped,) = main_plot([tmp_path / "outputs/smoke"], formats=["svg"])
    assert "Smoke" not in plain.read_text() and "Smoke scale: no result." in stamped.read_text()
