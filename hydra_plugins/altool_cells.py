"""Hydra's way in for `altool run --cells FILE`: launches the cells that a file lists, in one batch.

It stands here because Hydra takes sweepers from the namespace package hydra_plugins alone; what it does is in
altool/config/cells.py.
"""

from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class CellsSweeper(Sweeper):
    """`file`: the cells file, absolute."""

    def __init__(self, file: str):
        self.file = Path(file)
        self.config: DictConfig | None = None
        self.launcher: Launcher | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Launches every row with the shared `arguments`. Raises UserError, before the first, when a row means nothing."""
        from altool.config.cells import jobs_of
        from altool.config.load import folders_of

        assert self.config is not None and self.launcher is not None
        jobs = jobs_of(self.file, arguments, folders_of(self.config.hydra))
        results = self.launcher.launch(jobs, initial_job_idx=0)
        return [result.return_value for result in results]  # raises what a job in another process raised
