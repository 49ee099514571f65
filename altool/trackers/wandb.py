"""Weights & Biases: one run per seed, grouped by cell. WANDB_MODE=offline keeps it on this machine, for `wandb sync`."""

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from altool.trackers.tracked import TrackedRun, numbers

LOGIN_SECONDS = 10  # for an answer, where nobody is logged in; a sweep has nobody to ask


class WandB:
    def __init__(self, outputs: Path):
        self._wandb: Any = import_module("wandb")  # an extra
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
                login_timeout=LOGIN_SECONDS,
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
