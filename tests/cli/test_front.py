"""The front: quick, light, and every help ends with an example."""

import subprocess
import sys
import time

import pytest

import altool
from altool.cli.main import main
from altool.cli.parser import COMMANDS, parser

HEAVY = ("torch", "hydra", "omegaconf", "numpy", "pandas", "matplotlib", "rich", "yaml")


def python(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    script = f"""
import sys, time
begin = time.perf_counter()
from altool.cli.main import main
for words in (["--help"], ["ls", "--help"], ["--version"], ["run", "--help"]):
    try:
        main(words)
    except SystemExit as end:
        assert not end.code
print(time.perf_counter() - begin)
loaded = [name for name in {HEAVY!r} if name in sys.modules]
assert not loaded, loaded
"""
    done = min((python(script) for _ in range(3)), key=lambda run: float(run.stdout.split()[-1]))
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[-1]) < 0.3


def test_the_whole_process_of_help_is_within_the_limit() -> None:
    def seconds() -> float:
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-m", "altool", "--help"], capture_output=True, check=True)
        return time.perf_counter() - begin

    assert min(seconds() for _ in range(5)) < 0.3


def test_listing_the_choices_needs_no_hydra() -> None:
    done = python(
        "import sys; from altool.cli.main import main; assert main(['ls', 'strategy']) == 0;"
        "assert not {'torch', 'hydra', 'omegaconf'} & set(sys.modules)"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_ends_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main([command, "--help"])
    except SystemExit as end:
        code = end.code
    assert not code
    out = capsys.readouterr().out.strip()
    example = out.rpartition("example")[2].partition(":")[2]
    assert example.strip().startswith(("altool ", 'eval "$(altool'))
    assert example.count("\n") <= 4, "the example is the last thing"


def test_the_parser_has_exactly_the_commands() -> None:
    from altool.cli.parser import parser

    (commands,) = (a for a in parser()._actions if a.choices)
    assert tuple(commands.choices or ()) == COMMANDS


@pytest.mark.parametrize(
    "words",
    [
        ["reproduce", "ldr_fig3", "--seeds", "0", "threads=1", "--device", "cpu", "cache_mib=0"],
        ["reproduce", "--seeds", "0", "--device", "cpu", "ldr_fig3", "threads=1", "cache_mib=0"],
        ["reproduce", "ldr_fig3", "threads=1", "cache_mib=0", "--device", "cpu", "--seeds", "0"],
    ],
)
def test_words_and_options_may_come_in_any_order(words: list[str]) -> None:
    read = parser().parse_args(words)
    assert (read.action, read.words, read.seeds, read.device) == (
        *("ldr_fig3", ["threads=1", "cache_mib=0"]),
        *("0", "cpu"),
    )


def test_a_word_too_many_is_still_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["ls", "strategy", "--config-dir", "x", "random", "margin"])
    assert "unrecognized arguments: margin" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert not end.value.code
    assert capsys.readouterr().out == f"altool {altool.__version__}\n"


def test_an_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rum", "strategy=random"]) == 2
    assert capsys.readouterr().err == "altool: rum is no command: did you mean run?\n"


def test_a_setting_without_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["strategy=random"]) == 2
    assert (
        capsys.readouterr().err == "altool: strategy=random is no command: type altool run strategy=random\n"
    )


def test_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("usage: altool")
