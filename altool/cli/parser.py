"""The sub-commands with their flags and help; what a sub-command needs is imported when it is called, not before."""

import argparse
import keyword
from pathlib import Path

from altool import __version__

COMMANDS = (
    *("run", "reproduce", "query", "ls", "check", "replay", "status", "retry", "plot", "table", "compare"),
    *("report", "export", "import", "doctor", "data", "completion"),
)


class _AnyOrder(argparse.ArgumentParser):
    """Takes words and options in any order, as people type them: `reproduce NAME --seeds 0 threads=1`."""

    _inside = False

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def, override]
        if self._inside:  # the intermixed pass parses options and words apart, each by this very method
            return super().parse_known_args(args, namespace)
        self._inside = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._inside = False


def flags(command: str) -> list[str]:
    """The long flags of a sub-command, for completion."""
    (commands,) = (a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    chosen = commands.choices.get(command)
    return [flag for flag in chosen._option_string_actions if flag.startswith("--")] if chosen else []


def parser() -> argparse.ArgumentParser:
    front = argparse.ArgumentParser(
        prog="altool",
        description="Deep active learning experiments by name: paired, resumable, faithful to their papers.",
        epilog="example: altool run strategy=ta_vaal dataset=digits",
        allow_abbrev=False,
    )
    front.add_argument("--version", action="version", version=f"altool {__version__}")
    commands = front.add_subparsers(metavar="COMMAND", required=True, parser_class=_AnyOrder)

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

    reproduce = command(
        "reproduce",
        "make a paper's figure or table, beside what was published",
        "altool reproduce ta_vaal_cvpr_fig4a --seeds 0-4 --only strategy=random,ta_vaal",
    )
    reproduce.add_argument("action", metavar="ls | show | NAME", help="list them, show one, or make it")
    reproduce.add_argument(
        "words",
        nargs="*",
        default=[],
        metavar="key=value",
        help="of all its runs, as for altool run; after show: NAME",
    )
    reproduce.add_argument("--seeds", help="such as 0, 0,1,2 or 0-4; default: the paper's number of trials")
    reproduce.add_argument(
        "--only", action="append", metavar="KEY=VALUE", help="cells to run: strategy=…, panel=…, label=…"
    )
    reproduce.add_argument("--device", help="auto, cpu, cuda, cuda:1")
    reproduce.add_argument(
        "--scale", choices=["paper", "smoke"], default="paper", help="smoke: the same in seconds, no result"
    )
    reproduce.add_argument("--outputs", type=Path, default=Path("outputs"), help="where runs and figures go")
    reproduce.add_argument("--progress", choices=["auto", "live", "plain", "quiet"], default="auto")
    reproduce.add_argument("--config-dir", type=Path, help="a folder with YAML files of your own")

    command(
        "query",
        "choose which of your own pictures to label next",
        "altool query data=photos labels=labels.csv strategy=entropy n=50",
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
    check.add_argument("words", nargs="*", default=[], metavar="key=value", help="as for altool run")
    check.add_argument("--config-dir", type=Path, help="a folder with YAML files of your own")
    check.add_argument("--explain", metavar="KEY", help="only say where the value of KEY comes from")

    replay = command(
        "replay",
        "train another learner on what a recorded run bought",
        "altool replay outputs/digits-none/cnn_small/ta_vaal/20+10x4 learner=mlp extension=none",
    )
    replay.add_argument("path", type=Path, metavar="PATH", help="the folder of a cell or of one seed")
    replay.add_argument("words", nargs="*", default=[], metavar="key=value", help="as for altool run")

    status = command(
        "status",
        "say which runs are done, running, failed, stopped or stale",
        "altool status outputs",
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

    compare = command(
        "compare",
        "test strategies against a baseline and each other, in pairs of equal seed",
        "altool compare outputs --relative-to random --part labels",
    )
    compare.description = (
        "Paired differences to a baseline with 95 % intervals, p values and labels saved at equal accuracy; "
        "labels saved stage by stage; and the pairwise penalty matrix: how often one beats another, Holm-corrected."
    )
    compare.add_argument("paths", nargs="*", type=Path, default=[Path("outputs")], metavar="PATH")
    compare.add_argument("--relative-to", metavar="STRATEGY", default="random", help="default random")
    compare.add_argument(
        "--part", choices=["differences", "labels", "penalty"], help="one of the tables; default all"
    )
    compare.add_argument("--format", choices=["text", "markdown", "latex", "csv"], default="text")
    compare.add_argument("--metric", default="accuracy", help="a column of stages.csv; default accuracy")

    report = command(
        "report",
        "write everything on disk as one page, beside what was published",
        "altool report outputs --out report.html",
    )
    report.add_argument("paths", nargs="*", type=Path, default=[Path("outputs")], metavar="PATH")
    report.add_argument("--out", type=Path, help="the file; default report.html beside the first PATH")

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

    data = command(
        "data",
        "show the datasets that are there, download one, or write one as pictures",
        "altool data get cifar10",
    )
    data.add_argument("action", choices=["ls", "get", "export"])
    data.add_argument("name", nargs="?", help="what to download or export")
    data.add_argument(
        "folder", nargs="?", type=Path, help="where export writes PNG files and FOLDER-answers.csv"
    )
    data.add_argument("--data-root", type=Path, help="default: $ALTOOL_DATA, else ~/.cache/altool/data")

    completion = command(
        "completion",
        "print the line that turns on completion in your shell",
        'eval "$(altool completion bash)"',
    )
    completion.add_argument("shell", choices=["bash", "zsh", "fish"])
    return front


def _call(name: str, options: argparse.Namespace) -> int:
    from importlib import import_module

    module = f"{name}_" if keyword.iskeyword(name) else name
    return import_module(f"altool.cli.{module}").main(options)
