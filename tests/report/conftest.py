"""Outputs folders as altool leaves them, written through core, with numbers chosen by the test."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from altool.analysis.study import Study, StudyCell
from altool.core.records import Identity, Metrics, Seconds, StageRecord
from altool.core.runfolder import RunFolder
from altool.report.page import page

VERSIONS = {"altool": "0.1.0", "torch": "2.15.0"}
PLATFORM = {
    "torch": "2.15.0",
    "processor": "a processor",
    "threads": 1,
    "precision": "fp32",
    "deterministic": True,
}


@dataclass
class Outputs:
    """Writes cells and studies below `root`; what a test does not say has a plain value."""

    root: Path

    def cell(
        self,
        strategy: str,
        accuracies: Mapping[int, Sequence[float]],
        *,
        label: str = "",
        dataset: str = "digits",
        start: int = 1000,
        step: int = 1000,
        planned: int = 0,
        status: str = "done",
        fingerprint: str = "",
        run: Mapping[str, Any] | None = None,
    ) -> StudyCell:
        """accuracies: per seed, one for each stage; planned: stages, if more than these."""
        stages = planned or max(len(values) for values in accuracies.values())
        folder = (
            self.root
            / f"{dataset}-none"
            / "mlp"
            / strategy.encode().hex()[-100:]
            / f"{start}+{step}x{stages - 1}"
        )
        identity = Identity(dataset, "none", "mlp", strategy)
        for seed, values in accuracies.items():
            about = {
                "identity": vars(identity),
                "seed": seed,
                "stages": stages,
                "fingerprint": fingerprint or strategy,
                "data": "0123456789abcdef",
                "overrides": {},
                "platform": PLATFORM,
                "device": "cpu",
                "versions": VERSIONS,
                "git": {"commit": "feedbeef" * 5, "dirty": False},
                **(run or {}),
            }
            config = {"strategy": {"name": strategy, "percentile": 30}, "learner": {"epochs": 7}}
            opened = RunFolder.open(folder / f"seed_{seed:03d}", config=config, run=about, stages=stages)
            for stage, accuracy in enumerate(values):
                opened.commit_stage(_record(identity, seed, stage, start + step * stage, accuracy))
            opened.close(status)
        return StudyCell(
            label or strategy, "", strategy, {"strategy": strategy}, folder, tuple(accuracies), stages
        )

    def study(self, name: str, *cells: StudyCell, spec: Mapping[str, Any], generated: bool = False) -> Path:
        """What altool reproduce leaves beside its figures."""
        stamp = "Smoke scale, generated data: no result." if generated else ""
        study = Study(name, spec, cells, generated, stamp=stamp)
        path = self.root / "reproduce" / name / "study.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(study.as_record(), default=str))
        return path

    def page(self) -> str:
        return page([self.root], lambda names, doing: names)[0]


def _record(identity: Identity, seed: int, stage: int, n_labelled: int, accuracy: float) -> StageRecord:
    return StageRecord(
        identity=identity,
        seed=seed,
        stage=stage,
        n_labelled=n_labelled,
        n_distinct=n_labelled,
        test=Metrics(accuracy=accuracy),
        val=Metrics(),
        class_counts=(6, 4),
        class_entropy=0.673,
        seconds=Seconds(fit=1.0),
        peak_memory_mib=1.0,
        device="cpu",
    )


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    return Outputs(tmp_path / "outputs")
