"""Trackers by name: trackers=[tensorboard,mlflow,wandb]. None is imported before a run tells it something."""

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from altool.core.errors import UserError

if TYPE_CHECKING:
    from altool.trackers.tracked import Tracker

TRACKERS = {
    "tensorboard": "TensorBoard",
    "mlflow": "MLflow",
    "wandb": "WandB",
}  # name, also of the package that it needs → class in the module of that name


def check_installed(names: Sequence[str]) -> None:
    """Raises UserError for a tracker whose package is not there."""
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise UserError(
                f'trackers=[{name}] needs a package that is not installed: pip install "altool[trackers]"'
            )


def make_tracker(name: str, outputs: Path) -> "Tracker":
    return getattr(importlib.import_module(f"altool.trackers.{name}"), TRACKERS[name])(outputs)
