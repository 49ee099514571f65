"""The front: sub-commands and their help. What a sub-command needs is imported when it is called, not before."""

import argparse
import keyword
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from altool import __version__
from altool.core.errors import (
    EXIT_BAD_INPUT,
    EXIT_INTERRUPTED,
    AltoolError,
    UserError,
    did_you_mean,
)

COMMANDS = (
    *("run", "ls", "check", "replay", "status", "retry", "plot", "table", "export", "import"),
    *("doctor", "data", "completion"),
)

RUN_HELP = """\
usage: altool run [-m] [--cells FILE] [key=value …]

Runs active learning: a dataset, a learner, a strategy and a budget by name; every other setting by its key.
The same command again does nothing if the run is done, and continues it if not.

groups (altool ls GROUP shows what there is):
  dataset=digits        also names its paper's learner, imbalance and budget
  strategy=ta_vaal      strategy.KEY=… sets an option of it
  learner=resnet18      learner.epochs=…, learner.lr=…, learner.batch_size=…
  budget=paper          or small; budget.start=…, budget.step=…, budget.stages=…, budget.candidates=10x
  imbalance=none        how classes are thinned out
  experiment=NAME       a paper's curve

often used:
  seeds=[0,1,2,3,4]     one command runs them all; seeds=3 is that one seed
  device=auto           cpu, cuda, cuda:1, mps
  threads=2             CPU threads; each learner has its own default
  outputs=outputs       where run folders go; data_root=… where datasets lie ($ALTOOL_DATA)
  hydra/launcher=local  with -m: cells side by side, a GPU each; slurm: as Slurm jobs; ray: on Ray (docs/clusters.md)
  fail_fast=true        the first failure stops the other seeds and cells
  rerun=true            moves the old run aside and starts again
  trackers=tensorboard  or mlflow, wandb, or [a,list] of them; they are told of every stage

options:
  -m, --multirun        sweep: every value of strategy=random,coreset is a run of its own
  --cells FILE          runs the cells that a CSV lists: a row is a cell, a column a key, an empty value the default;
                        other words are shared by all
  --config-dir DIR      adds your own YAML files: DIR/strategy/mine.yaml is strategy=mine
  --cfg job             prints the configuration and stops
  --info defaults-tree  prints where the files come from and stops

examples:
  altool run
  altool run strategy=ta_vaal dataset=cifar10_imb100
  altool run -m strategy=random,coreset,ta_vaal budget=small
  altool run --cells cells.csv budget=small
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if words[:1] in (["-sc"], ["--shell-completion"]):
            return _complete(words)
        if words[:1] == ["run"]:
            if {"-h", "--help"} & set(words[1:]):
                print(RUN_HELP, end="")
                return 0
            from altool.run import run

            return run(words[1:])
        if not words:
            _parser().print_help(sys.stderr)
            return EXIT_BAD_INPUT
        if words[0] not in COMMANDS and not words[0].startswith("-"):
            _refuse_command(words)
        options = _parser().parse_args(words)
        return options.call(options)
    except AltoolError as error:
        print(f"altool: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # `altool ls | head` is no error
        sys.stderr.close()
        return 0


def _refuse_command(words: list[str]) -> NoReturn:
    if "=" in words[0]:
        raise UserError(f"{words[0]} is no command: type altool run {' '.join(words)}")
    raise UserError(f"{words[0]} is no command: {did_you_mean(words[0], COMMANDS)}")


def _complete(words: list[str]) -> int:
    from altool.cli.completion import complete

    return complete(words)


def flags(command: str) -> list[str]:
    """The long flags of a sub-command, for completion."""
    (commands,) = (a for a in _parser()._actions if isinstance(a, argparse._SubParsersAction))
    chosen = commands.choices.get(command)
    return [flag for flag in chosen._option_string_actions if flag.startswith("--")] if chosen else []


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="altool",
        description="Deep active learning experiments by name: paired, resumable, faithful to their papers.",
        epilog="example: altool run strategy=ta_vaal dataset=digits",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"altool {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, help: str, example: str) -> argparse.ArgumentParser:
        text = help[0].upper() + help[1:] + "."
        sub = commands.add_parser(
            name, help=help, description=text, epilog=f"example: {example}", allow_abbrev=False
        )
        sub.set_defaults(call=lambda options: _call(name, options))
        return sub

    command(
        "run",
        "run what the key=value words mean",
        "altool run -m strategy=random,ta_vaal budget=small",
    )

    ls = command("ls", "list what there is to choose from", "altool ls strategy ta_vaal")
    ls.add_argument("group", nargs="?", help="dataset, imbalance, learner, strategy, budget or experiment")
    ls.add_argument("name", nargs="?", help="show this one's YAML file")
    ls.add_argument("--config-dir", type=Path, help="a folder with YAML files of your own")

    check = command(
        "check",
        "compose, build, load the data and train one batch; write nothing",
        "altool check strategy=ta_vaal dataset=mnist --explain learner.lr",
    )
    check.add_argument("words", nargs="*", metavar="key=value", help="as for altool run")
    check.add_argument("--config-dir", type=Path, help="a folder with YAML files of your own")
    check.add_argument("--explain", metavar="KEY", help="only say where the value of KEY comes from")

    replay = command(
        "replay",
        "train another learner on what a recorded run bought",
        "altool replay outputs/digits-none/cnn_small/ta_vaal/20+10x4 learner=mlp extension=none",
    )
    replay.add_argument("path", type=Path, metavar="PATH", help="the folder of a cell or of one seed")
    replay.add_argument("words", nargs="*", metavar="key=value", help="as for altool run")

    status = command(
        "status",
        "say which runs are done, running, failed, stopped, stale or never started",
        "altool status outputs --watch",
    )
    status.add_argument("paths", nargs="*", type=Path, default=[Path("outputs")], metavar="PATH")
    status.add_argument(
        "--watch", action="store_true", help="show it anew every two seconds, until all is done"
    )
    status.add_argument("--json", action="store_true", help="one object per seed, for scripts")

    retry = command(
        "retry",
        "go on with what failed, went stale or was stopped, by the command that each run records",
        "altool retry outputs hydra/launcher=slurm",
    )
    retry.add_argument(
        "targets",
        nargs="*",
        default=["outputs"],
        metavar="PATH or key=value",
        help="where to look; and words that win over the recorded ones, such as hydra/launcher=slurm",
    )

    plot = command(
        "plot",
        "draw accuracy against labelled images",
        "altool plot outputs --relative-to random --format pdf",
    )
    plot.add_argument("paths", nargs="*", type=Path, default=[Path("outputs")], metavar="PATH")
    plot.add_argument(
        "--relative-to", metavar="STRATEGY", help="improvement over the paired runs of this one"
    )
    plot.add_argument("--out", type=Path, help="folder or file for the figure")
    plot.add_argument("--format", action="append", choices=["png", "pdf", "svg"], help="may be given again")
    plot.add_argument("--metric", default="accuracy", help="a column of stages.csv; default accuracy")

    table = command("table", "print mean ± std per stage, and AUBC", "altool table outputs --format latex")
    table.add_argument("paths", nargs="*", type=Path, default=[Path("outputs")], metavar="PATH")
    table.add_argument(
        "--relative-to", metavar="STRATEGY", help="paired differences to this one, with intervals"
    )
    table.add_argument("--format", choices=["text", "markdown", "latex", "csv"], default="text")
    table.add_argument("--metric", default="accuracy", help="a column of stages.csv; default accuracy")

    export = command(
        "export",
        "pack runs into one file that others can read, check and go on with",
        "altool export outputs --out study.zip",
    )
    export.add_argument("paths", nargs="*", type=Path, default=[Path("outputs")], metavar="PATH")
    export.add_argument("--out", type=Path, required=True, help="what to write: a .zip, or a folder")
    export.add_argument(
        "--format", choices=["csv", "parquet"], default="csv", help="of the tables of all runs"
    )
    export.add_argument("--everything", action="store_true", help="logs and diagnostics/*.npz too")

    import_ = command(
        "import",
        "check a packed study and restore its run folders",
        "altool import study.zip --outputs published",
    )
    import_.add_argument("file", type=Path, metavar="FILE", help="what altool export wrote, zip or folder")
    import_.add_argument("--outputs", type=Path, default=Path("outputs"), help="where the folders go")

    doctor = command("doctor", "look at this machine: what works, what does not, what to do", "altool doctor")
    doctor.add_argument("--outputs", type=Path, default=Path("outputs"))

    data = command("data", "show the datasets that are there, or download one", "altool data get cifar10")
    data.add_argument("action", choices=["ls", "get"])
    data.add_argument("name", nargs="?", help="what to download")
    data.add_argument("--data-root", type=Path, help="default: $ALTOOL_DATA, else ~/.cache/altool/data")

    completion = command(
        "completion",
        "print the line that turns on completion in your shell",
        'eval "$(altool completion bash)"',
    )
    completion.add_argument("shell", choices=["bash", "zsh", "fish"])
    return parser


def _call(name: str, options: argparse.Namespace) -> int:
    from importlib import import_module

    module = f"{name}_" if keyword.iskeyword(name) else name
    return import_module(f"altool.cli.{module}").main(options)
