"""TensorBoard: event files in each run's own folder, so `tensorboard --logdir outputs` shows runs by their names."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from altool.trackers.tracked import TrackedRun, numbers


class TensorBoard:
    def __init__(self, outputs: Path):
        from torch.utils.tensorboard import SummaryWriter  # type: ignore[attr-defined]  # an extra

        self._make_writer = SummaryWriter

    def begin(self, run: TrackedRun) -> None:
        logdir = run.folder / "tensorboard"
        new = not logdir.exists()
        self._writer = self._make_writer(str(logdir))
        if run.config:
            self._writer.add_text("config", _block(yaml.safe_dump(dict(run.config), sort_keys=True)))
        if run.tags:
            self._writer.add_text("run", _block(yaml.safe_dump(dict(run.tags), sort_keys=False)))
        for row in run.rows if new else ():
            self.log(numbers(row), int(row["n_labelled"]))

    def log(self, metrics: Mapping[str, float], n_labelled: int) -> None:
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, n_labelled)
        self._writer.flush()

    def end(self, status: str, files: Sequence[Path], figures: Sequence[Path]) -> None:
        """Files come as text: TensorBoard has no other place for them."""
        self._writer.add_text("status", status)
        for path in files:
            self._writer.add_text(path.name, _block(path.read_text(encoding="utf-8", errors="replace")))
        for path in figures:
            with Image.open(path) as image:
                self._writer.add_image(path.stem, np.asarray(image.convert("RGB")), dataformats="HWC")
        self._writer.close()


def _block(text: str) -> str:
    """Shown as it stands, not as Markdown."""
    return "".join(f"    {line}\n" for line in text.splitlines())
