"""Weights & Biases: one run per seed, grouped by cell. WANDB_MODE=offline keeps it on this machine, for `wandb sync`."""

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from altool.core.errors import UserError
from altool.trackers.tracked import TrackedRun, numbers


class WandB:
    def __init__(self, outputs: Path):
        self._wandb: Any = import_module("wandb")  # an extra
        online = self._wandb.setup().settings.mode not in ("offline", "disabled", "dryrun")
        # W&B would ask for a key, on a terminal that is the run's
        if online and not self._wandb.login(prompt=False):
            raise UserError("nobody is logged in here: type wandb login, or set WANDB_MODE=offline")
        self._folder = outputs / ".trackers"  # wandb adds its own name
        self._folder.mkdir(parents=True, exist_ok=True)

    def begin(self, run: TrackedRun) -> None:
        self._key = run.key
        self._run = self._wandb.init(
            project=os.environ.get("WANDB_PROJECT") or "altool",
            name=run.name,
            group=run.group,
            job_type="seed" if run.tags else "cell",
            id=run.key,
            resume="allow",
            config={**run.config, "altool": dict(run.tags)},
            settings=self._wandb.Settings(
                root_dir=str(self._folder),
                console="off",  # our output is our own
                silent=True,
                save_code=False,
                disable_git=True,
            ),
        )
        self._run.define_metric("*", step_metric="n_labelled")
        if not self._run.resumed:
            for row in run.rows:
                self.log(numbers(row), int(row["n_labelled"]))

    def log(self, metrics: Mapping[str, float], n_labelled: int) -> None:
        self._run.log({**metrics, "n_labelled": n_labelled})

    def end(self, status: str, files: Sequence[Path], figures: Sequence[Path]) -> None:
        self._run.summary["status"] = status
        for path in figures:
            self._run.log({path.stem: self._wandb.Image(str(path))})
        artefact = self._wandb.Artifact(f"altool-{self._key}", "altool run")
        for path in files:
            artefact.add_file(str(path))
        self._run.log_artifact(artefact)
        self._run.finish(exit_code=int(status == "failed"))
