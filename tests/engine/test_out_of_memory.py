"""What a run says of itself when batches had to be split."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from altool.learners import train as training
from altool.learners.fitted import FittedModel


def test_split_batches_are_recorded(
    make_cell: Callable[..., Any], run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, room = training._loss, 4

    def loss(job: Any, epoch: int, number: int, batch: Any, *part: int) -> Any:
        if len(batch) > room and epoch == 1:  # not before the second epoch, when the trace has begun
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(job, epoch, number, batch, *part)

    monkeypatch.setattr(training, "_loss", loss)
    cell = replace(make_cell(tmp_path, "random"), trace=True)
    assert run(cell).done == [0]
    folder = cell.folder / "seed_000"
    record = json.loads((folder / "run.json").read_text())
    assert record["micro_batch"] == 4  # of 8
    assert len(record["warnings"]) == 3
    assert record["warnings"][0]["text"].startswith(
        "memory was short: batches were trained 4 items at a time"
    )
    with (folder / "epochs.csv").open(newline="") as file:
        epochs = [(row["stage"], row["epoch"]) for row in csv.DictReader(file)]
    assert epochs == [(str(stage), str(epoch)) for stage in range(3) for epoch in range(2)]
    assert not list((tmp_path / ".cache").rglob("*.pt")), (
        "another strategy must not take over a model of split batches"
    )


def test_who_cannot_evaluate_is_told_what_to_do(
    make_cell: Callable[..., Any], run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_model: FittedModel, _images: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB\nmore of it")

    monkeypatch.setattr(FittedModel, "logits", full)
    assert run(make_cell(tmp_path, "random")).failures == {
        0: "stage 0: out of memory on held-out items (CUDA out of memory. Tried to allocate 3 GiB): take a smaller model or "
        "image size, or a device that is not shared."
    }
