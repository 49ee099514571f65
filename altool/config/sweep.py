"""From the words of a sweep to its cells, and from cells to a launcher of Hydra's.

The sweep is expanded here rather than by Hydra's sweeper, so that altool knows every cell before the first one begins:
what is done already needs no job, what is wrong is told at once, and the plan stays behind for `altool status`.
"""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig

from altool.config.build import check_run
from altool.config.fingerprint import canonical, cell_folder, overrides
from altool.config.literal import as_text
from altool.config.load import compose_words, composing, load, search_path
from altool.config.schema import RunConfig
from altool.config.words import Words
from altool.core.naming import fingerprint
from altool.core.sweep import HALT


@dataclass(frozen=True)
class SweepCell:
    """One cell before it is built. `words`: its own, without those for Hydra; `folder`: absolute."""

    words: tuple[str, ...]
    run: RunConfig
    folder: Path
    fingerprint: str
    command: str


def expand(words: Words) -> list[tuple[str, ...]]:
    """The words of every cell: the product of all that has several values, or what a cells file lists."""
    own = [word for word in words.overrides if not _is_hydras(word)]
    if words.cells is not None:
        from altool.config.cells import jobs_of

        return [tuple(job) for job in jobs_of(words.cells, own, words.config_dirs)]
    with composing():
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        everything = [*words.overrides, *search_path(words.config_dirs)]
        config = hydra.compose_config("run", everything, run_mode=RunMode.MULTIRUN)
        in_yaml = config.hydra.sweeper.get("params") or {}  # an experiment's own sweep; what is typed wins
        parser = OverridesParser.create(config_loader=hydra.config_loader)
        parsed = parser.parse_overrides([*(f"{key}={value}" for key, value in in_yaml.items()), *own])
        (jobs,) = BasicSweeper.split_arguments(parsed, None)
    return [tuple(job) for job in jobs]


def _is_hydras(word: str) -> bool:
    return word.lstrip("+~").partition("=")[0].split(".")[0].split("/")[0] == "hydra"


def sweep_cell(words: Sequence[str], config_dirs: tuple[Path, ...]) -> SweepCell:
    """Composes and checks the words of one cell. Raises UserError."""
    run, origin = load(Words((), tuple(words), False, False, config_dirs))
    check_run(run)
    return SweepCell(
        tuple(words),
        run,
        cell_folder(run, overrides(run, origin)),
        fingerprint(canonical(run)),
        origin.command,
    )


def launch(
    words: Words,
    jobs: Sequence[Sequence[str]],
    folder: Path,
    task: Callable[[DictConfig], None],
    workers: int,
) -> Sequence[JobReturn]:
    """Gives the jobs to the launcher that the words name, in one batch; returns when it says that they have ended.

    `folder`: where launchers leave files of their own; `workers`: cells at a time, where the launcher leaves it open.
    """
    hydras = [word for word in words.overrides if _is_hydras(word)]
    hydras += [
        "hydra.mode=MULTIRUN",
        "hydra.job.name=altool",
        f"hydra.sweep.dir={as_text(str(folder))}",
        *search_path(words.config_dirs),
    ]
    if launcher_of(words).n_jobs == 0:
        hydras.append(f"hydra.launcher.n_jobs={workers}")
    with composing():
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        config = hydra.compose_config("run", hydras, run_mode=RunMode.MULTIRUN, with_log_configuration=True)
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=HydraContext(config_loader=hydra.config_loader, callbacks=Callbacks(config)),
            task_function=task,
            config=config,
        )
        return launcher.launch([list(job) for job in jobs], initial_job_idx=0)


@dataclass(frozen=True)
class Launcher:
    """`kind`: its class; `n_jobs`: cells at a time, 0 where that is for altool to say, None where it is not joblib."""

    kind: str
    n_jobs: int | None

    @property
    def on_this_machine(self) -> bool:
        """Whether it starts several processes here, among which nobody divides the GPUs."""
        return self.kind in ("JoblibLauncher", "LocalLauncher")

    @property
    def outlives_us(self) -> bool:
        """Whether its jobs go on when the command that submitted them ends."""
        return self.kind == "SlurmLauncher"

    @property
    def elsewhere(self) -> bool:
        """Whether its cells run in processes that end with the command that started them."""
        return self.kind != "BasicLauncher" and not self.outlives_us


def _launcher(node: Any) -> Launcher:
    return Launcher(node._target_.rpartition(".")[2], node.get("n_jobs"))


def launcher_of(words: Words) -> Launcher:
    """The launcher that the words name."""
    hydras = [word for word in words.overrides if _is_hydras(word)]
    return _launcher(compose_words(hydras, words.config_dirs, with_hydra=True).hydra.launcher)


def launcher_of_task() -> Launcher:
    """Inside a task: the launcher that started it."""
    return _launcher(HydraConfig.get().launcher)


def halt_of_task() -> Path | None:
    """Inside a task: the file that tells its sweep to halt; None outside a sweep."""
    hydra = HydraConfig.get()
    return Path(hydra.sweep.dir).absolute() / HALT if hydra.mode == RunMode.MULTIRUN else None


def error_of(result: JobReturn) -> BaseException | None:
    """What ended a job, None where it came through."""
    # the property `return_value` prints and raises it
    return result._return_value if result.status is JobStatus.FAILED else None


def command_of(words: Words) -> str:
    """What was typed."""
    cells = [f"--cells={words.cells}"] if words.cells else []
    return shlex.join(["altool", "run", *words.flags, *cells, *words.overrides])
