"""Run folders as the engine leaves them, written through core, with numbers chosen by the test."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from altool.core.records import Identity, Metrics, Seconds, StageRecord
from altool.core.runfolder import RunFolder

WriteRun = Callable[..., Path]


@pytest.fixture
def write_run(tmp_path: Path) -> WriteRun:
    """write_run("ta_vaal", 3, [0.5, 0.6], …) → the seed's folder, below tmp_path/outputs."""

    def write(
        strategy: str,
        seed: int,
        accuracies: Sequence[float],
        *,
        dataset: str = "cifar10",
        imbalance: str = "step100",
        learner: str = "resnet18",
        compat: str = "recommended",
        start: int = 1000,
        step: int = 1000,
        planned: int | None = None,
        status: str = "done",
        overrides: Mapping[str, Any] | None = None,
        root: str = "outputs",
        stamp: str = "",
    ) -> Path:
        queries = (planned or len(accuracies)) - 1
        suffix = f"-{zlib.crc32(str(overrides).encode()):08x}" if overrides else ""
        budget = f"{start}+{step}x{queries}{suffix}"
        cell = tmp_path / root / f"{dataset}-{imbalance}" / learner / strategy / budget
        identity = Identity(dataset, imbalance, learner, strategy, compat)
        fingerprint = "/".join([*vars(identity).values(), budget, str(overrides)])
        run = {"fingerprint": fingerprint, "overrides": dict(overrides or {}), "seed": seed}
        run |= {"stamp": stamp} if stamp else {}
        folder = RunFolder.open(cell / f"seed_{seed:03d}", config={}, run=run, stages=len(accuracies))
        for stage, accuracy in enumerate(accuracies):
            folder.commit_stage(
                StageRecord(
                    identity=identity,
                    seed=seed,
                    stage=stage,
                    n_labelled=start + step * stage,
                    n_distinct=start + step * stage,
                    test=Metrics(accuracy=accuracy, nll=1 - accuracy, recall_per_class=(accuracy, None)),
                    val=Metrics(),
                    class_counts=(7, 3),
                    class_entropy=0.61,
                    seconds=Seconds(fit=1.5),
                    peak_memory_mib=10.0,
                    device="cpu",
                )
            )
        folder.close(status)
        return folder.path

    return write
