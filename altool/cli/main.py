"""The front: sub-commands and their help. What a sub-command needs is imported when it is called, not before."""

import sys
from collections.abc import Sequence
from typing import NoReturn

from altool.cli.parser import COMMANDS, parser
from altool.core.errors import (
    EXIT_BAD_INPUT,
    EXIT_INTERRUPTED,
    AltoolError,
    UserError,
    did_you_mean,
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
        if words[:1] == ["query"]:
            from altool.cli import query

            if {"-h", "--help"} & set(words[1:]):
                print(query.HELP, end="")
                return 0
            return query.main(words[1:])
        if not words:
            parser().print_help(sys.stderr)
            return EXIT_BAD_INPUT
        if words[0] not in COMMANDS and not words[0].startswith("-"):
            _refuse_command(words)
        options = parser().parse_args(words)
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
