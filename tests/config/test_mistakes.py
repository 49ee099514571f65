"""Every mistake gets one line on stderr and exit code 2, and none of them loads torch."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from altool.cli.main import main
from altool.config import words as words_module
from altool.config.files import options

QUOTED = """'dataset.path="/data/a=b"'"""
COMMA = """'dataset.path="/data/a,b"'"""

MISTAKES = {
    "strateggy=ta_vaal": "strateggy is no key of a run: did you mean strategy=ta_vaal?",
    "+strateggy=ta_vaal": "strateggy is no key of a run: did you mean strategy=ta_vaal?",
    "++strategy=random": "++strategy=random: altool takes no ++: type strategy=random",
    "~strategy": "~strategy: altool takes no ~: every key of a run keeps a value",
    "strategy=tavaal": "strategy=tavaal: there is no such strategy: did you mean strategy=ta_vaal?",
    "strategy.betta=2": "strategy.betta is no key of strategy: did you mean strategy.beta=2?",
    "learner.epoch=3": "learner.epoch is no key of learner: did you mean learner.epochs=3?",
    "learner.model.chanels=[1]": "learner.model.chanels is no key of learner.model: "
    "did you mean learner.model.channels=[1]?",
    "ta_vaal": "ta_vaal is not key=value: did you mean strategy=ta_vaal?",
    "strategy": "strategy is not key=value: give it a value, strategy=…",
    "--seed 3": "--seed is no option: settings are key=value words, type seeds=3",
    "--seed=3": "--seed=3 is no option: settings are key=value words, type seeds=3",
    "--strategy random": "--strategy is no option: settings are key=value words, type strategy=random",
    "--fast": "--fast is no option: settings are key=value words, type fail_fast=…",
    "seeds=0,1": "seeds=0,1 is a sweep: add -m for one run per value, "
    "or type seeds=[0,1] for one run with these seeds.",
    "strategy=random,entropy": "strategy=random,entropy is a sweep: add -m for one run per value.",
    "learner.epochs=ten": "learner.epochs=ten: must be a whole number.",
    "learner.lr=fast": "learner.lr=fast: must be a number.",
    "profile=maybe": "profile=maybe: must be true or false.",
    "trace=banana": "trace=banana: give false, true or last (the last stage alone).",
    "trace=1": "trace=1: give false, true or last (the last stage alone).",
    "budget.step=0.5": "budget.step=0.5: must be a whole number.",
    "dataset.path=/data/a=b": f"dataset.path=/data/a=b: the value cannot be read as it stands; type {QUOTED}",
    "dataset.path=/data/a,b": "dataset.path=/data/a,b is a sweep: add -m for one run per value, "
    f"or type {COMMA} if the comma belongs to the value.",
    "precision=fp64": "precision=fp64: known: auto, bf16, fp32",
    "budget.start_rule=balance": "budget.start_rule=balance: did you mean balanced?",
    "seeds=ten": "seeds=ten: seeds are whole numbers from 0 up, such as seeds=3 or seeds=[0,1,2].",
    "seeds=[1,1]": "seeds=[1, 1]: give at least one seed, and each of them once.",
    "dataset.name=a/../b": "dataset.name=a/../b: use letters, digits, _ . + and - only; it names a folder.",
    "compat=papr": "compat=papr: did you mean paper?",
    "threads=0": "threads=0: must be at least 1.",
    "hydra/launcher=slurm": "hydra/launcher=slurm needs a plugin that is not installed: "
    'pip install "altool[slurm]"',
    "-m strategy=random,tavaal": "strategy=tavaal: there is no such strategy: did you mean strategy=ta_vaal?",
    "-m learner.epochs=1,ten": "learner.epochs=ten: must be a whole number.",
    "--config-dir nowhere": "--config-dir nowhere: there is no such folder.",
}


@pytest.fixture(autouse=True)
def no_launchers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without launcher plugins, whatever this one has."""
    monkeypatch.setattr(words_module, "_installed", lambda module: False)


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What `altool run words` says, without the program's name; it must say one line and return 2."""
    code = main(["run", *words])
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert err.startswith("altool: ") and err.count("\n") == 1, err
    return err.removeprefix("altool: ").rstrip("\n")


@pytest.mark.parametrize("typed", MISTAKES)
def test_a_mistake_gets_one_line(
    typed: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told(capsys, *typed.split(" ")) == MISTAKES[typed]
    made = [path for path in tmp_path.rglob("*") if path.name != "multirun.yaml" and path.is_file()]
    assert made == []


def test_a_run_needs_a_strategy(capsys: pytest.CaptureFixture[str]) -> None:
    line = told(capsys, "strategy=null")
    assert line == f"strategy=null: a run needs one strategy; known: {', '.join(sorted(options('strategy')))}"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder for --config-dir."""
    for group in ("learner", "strategy"):
        (tmp_path / group).mkdir()
    return tmp_path


def test_a_yaml_file_that_does_not_parse(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = own / "strategy" / "mine.yaml"
    file.write_text("# mine\nname: mine\nrank: [1,\nbeta: 3\n")
    line = told(capsys, "--config-dir", str(own), "strategy=mine")
    assert line == f"{file}, line 5: this is not YAML: expected ',' or ']', but got '<stream end>'."


def test_a_yaml_file_with_an_unknown_key(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own / "learner" / "mine.yaml").write_text("name: mine\nepoch: 3\n")
    line = told(capsys, "--config-dir", str(own), "learner=mine")
    assert line == (
        "learner.epoch is no key of learner: did you mean learner.epochs=…? "
        "(set in a YAML file, not on the command line)"
    )


def test_a_yaml_file_with_a_wrong_type(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own / "learner" / "mine.yaml").write_text("name: mine\nepochs: three\n")
    line = told(capsys, "--config-dir", str(own), "learner=mine")
    assert line == (
        "learner.epochs in learner/mine.yaml: Value 'three' of type 'str' could not be converted to "
        "Integer; it must be a whole number."
    )


def test_a_yaml_file_with_a_key_left_out(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own / "learner" / "mine.yaml").write_text("name: mine\nepochs: 3\n")
    line = told(capsys, "--config-dir", str(own), "learner=mine")
    assert line == "learner.batch_size has no value: type learner.batch_size=…"


def test_composition_errors_do_not_load_torch() -> None:
    script = textwrap.dedent(
        """
        import sys
        from altool.cli.main import main
        assert main(["run", "strateggy=ta_vaal"]) == 2
        assert main(["run", "strategy.betta=2"]) == 2
        assert main(["run", "learner.epochs=ten"]) == 2
        assert "torch" not in sys.modules
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_device_and_the_data_must_be_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import torch

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert told(capsys, "device=cuda") == (
        "device=cuda: there is no CUDA device here: type device=cpu, or see altool doctor."
    )
    assert told(capsys, "device=gpu") == "device=gpu: give auto, cpu, cuda, cuda:1 or mps."
    line = told(capsys, "dataset=cifar10", "data_root=/nowhere", "device=cpu")
    assert line.startswith("cifar10 is not in /nowhere: run altool data get cifar10")
    line = told(capsys, "budget.stages=1000", "device=cpu")
    assert "pool holds" in line and line.endswith(" fits.")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = told(capsys, f"outputs={tmp_path}/file/outputs", "device=cpu")
    assert line == f"{tmp_path}/file cannot be written: name another folder with outputs=…"
