"""ls, check, doctor, data, completion, plot and table."""

import subprocess
import sys
from pathlib import Path

import pytest

from altool.cli import doctor
from altool.cli.main import COMMANDS, main
from altool.config.files import GROUPS, conf_dir, options

Capture = pytest.CaptureFixture[str]


def test_ls_shows_groups_choices_and_files(capsys: Capture) -> None:
    assert main(["ls"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()] == list(GROUPS)
    assert main(["ls", "strategy"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(options("strategy"))
    assert all(len(line.split()) > 2 for line in lines), "every choice has its help"
    assert main(["ls", "learner", "resnet18"]) == 0
    file = conf_dir() / "learner" / "resnet18.yaml"
    assert capsys.readouterr().out == f"# {file}\n{file.read_text()}"


def test_ls_shows_what_is_in_a_users_folder(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "strategy").mkdir()
    (tmp_path / "strategy" / "mine.yaml").write_text("# My own idea\nname: mine\n")
    assert main(["ls", "strategy", "--config-dir", str(tmp_path)]) == 0
    assert "My own idea" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words,line",
    [
        (["ls", "strategies"], "strategies is no group: did you mean strategy?"),
        (["ls", "strategy", "coresett"], "there is no strategy coresett: did you mean coreset?"),
        (
            ["data", "get"],
            "altool data get needs a name, such as altool data get mnist; altool data ls shows them.",
        ),
        (["data", "get", "mnst"], "mnst is no dataset to fetch: did you mean mnist?"),
        (
            ["check", "strategy=tavaal"],
            "strategy=tavaal: there is no such strategy: did you mean strategy=ta_vaal?",
        ),
        (
            ["status", "nowhere"],
            "there are no runs in nowhere: start one with altool run, or name the folder they are in.",
        ),
    ],
)
def test_mistakes_get_one_line(words: list[str], line: str, capsys: Capture) -> None:
    assert main(words) == 2
    assert capsys.readouterr().err == f"altool: {line}\n"


def test_check_tries_a_batch_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["check", "strategy=ta_vaal", "device=cpu", "budget=small"]) == 0
    out = capsys.readouterr().out
    assert "40 labels bought in 3 stages" in out
    assert "the strategy reads auxiliary of shape ('N',)" in out
    assert "on cpu with fp32" in out and f"{tmp_path}/outputs/digits-none/cnn_small/ta_vaal/20+10x2" in out
    assert list(tmp_path.iterdir()) == []


def test_check_explains_a_key(capsys: Capture) -> None:
    assert main(["check", "threads=1", "--explain", "threads"]) == 0
    assert capsys.readouterr().out == "threads = 1: the command line\n"


def test_check_refuses_a_budget_larger_than_the_pool(capsys: Capture) -> None:
    assert main(["check", "budget.stages=500", "device=cpu"]) == 2
    assert "but the pool holds" in capsys.readouterr().err


def test_doctor_finds_nothing_wrong_here(tmp_path: Path, capsys: Capture) -> None:
    assert main(["doctor", "--outputs", str(tmp_path / "new")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.split()[0] in ("ok", "note") for line in lines)
    for word in ("Python", "torch", "hydra-core", "data:", "outputs:", "disk:", "threads:"):
        assert any(word in line for line in lines), word
    assert list(tmp_path.iterdir()) == []


def test_doctor_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    assert main(["doctor", "--outputs", str(tmp_path)]) == 1
    assert f"problem  outputs: {tmp_path} cannot be written (Permission denied)" in capsys.readouterr().out


def test_data_ls_tells_what_is_there(tmp_path: Path, capsys: Capture) -> None:
    assert main(["data", "ls", "--data-root", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"data_root: {tmp_path}\n")
    rows = {line.split()[0]: line.split()[1] for line in out.splitlines()[1::2]}
    assert rows["digits"] == "there"
    assert rows["cifar10"] == "missing"
    assert "altool data get cifar10" in out


def completions(line: str, monkeypatch: pytest.MonkeyPatch, capfd: Capture) -> list[str]:
    monkeypatch.setenv("COMP_LINE", line)
    assert main(["-sc", "query=bash"]) == 0
    return capfd.readouterr().out.split()


@pytest.mark.parametrize("command", ["run", "check"])
def test_completion_of_settings(command: str, monkeypatch: pytest.MonkeyPatch, capfd: Capture) -> None:
    found = completions(f"altool {command} strategy=ra", monkeypatch, capfd)
    assert found == ["strategy=random"]
    found = completions(f"altool {command} dataset=cifar10 learner.epo", monkeypatch, capfd)
    assert found == ["learner.epochs="]


def test_completion_of_commands(monkeypatch: pytest.MonkeyPatch, capfd: Capture) -> None:
    assert completions("altool ", monkeypatch, capfd) == list(COMMANDS)
    assert completions("altool st", monkeypatch, capfd) == ["status"]
    assert completions("altool status ", monkeypatch, capfd) == []
    assert completions("altool plot --rel", monkeypatch, capfd) == ["--relative-to"]
    assert completions("altool ls str", monkeypatch, capfd) == ["strategy"]
    assert completions("altool ls strategy ta", monkeypatch, capfd) == ["ta_vaal"]
    assert completions("altool data get fash", monkeypatch, capfd) == ["fashion_mnist"]
    assert completions("altool replay outputs/x learner=resnet1", monkeypatch, capfd) == [
        "learner=resnet18",
        "learner=resnet18_imagenet",
    ]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_installed_for_altool_alone(shell: str, capsys: Capture) -> None:
    assert main(["completion", shell]) == 0
    out = capsys.readouterr().out
    assert (
        "hydra_fish_completion" in out
        if shell == "fish"
        else out.strip().endswith("hydra_bash_completion altool")
    )


def test_bash_takes_the_completion_script() -> None:
    script = f"""
PATH=$PWD:$PATH
altool() {{ {sys.executable} -m altool "$@"; }}
eval "$(altool completion bash)"
complete -p altool
"""
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert "-F hydra_bash_completion altool" in done.stdout, done.stderr


def test_plot_and_table_hand_over_to_analysis(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path
) -> None:
    import altool.analysis.plot
    import altool.analysis.table

    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(altool.analysis.plot, "main_plot", lambda *a: calls.append(a) or [tmp_path / "a.pdf"])
    monkeypatch.setattr(altool.analysis.table, "render", lambda *a: calls.append(a) or "a table\n")
    words = ["plot", "x", "y", "--relative-to", "random", "--format", "pdf", "--format", "svg"]
    assert main([*words, "--metric", "nll"]) == 0
    assert main(["table", "x", "--format", "latex", "--relative-to", "random"]) == 0
    assert calls == [
        ([Path("x"), Path("y")], "random", None, ("pdf", "svg"), "nll"),
        ([Path("x")], "latex", "accuracy", "random"),
    ]
    assert capsys.readouterr().out == f"{tmp_path / 'a.pdf'}\na table\n"
