"""Studies whose numbers the tests choose: run folders written through core, as the engine leaves them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from altool.analysis.study import Study, StudyCell
from altool.core.records import Identity, Metrics, Purchase, Seconds, StageRecord
from altool.core.runfolder import RunFolder

Arrays = dict[str, np.ndarray]


@dataclass
class Bench:
    """Writes cells below `root`; what a test does not say has a plain value."""

    root: Path

    def cell(
        self,
        strategy: str,
        accuracies: Mapping[int, Sequence[float]],
        *,
        label: str = "",
        panel: str = "",
        settings: Mapping[str, Any] | None = None,
        start: int = 10,
        step: int = 10,
        stages: int = 0,
        seeds: tuple[int, ...] = (),
        dataset: str = "digits",
        counts: Mapping[int, Sequence[Sequence[int]]] | None = None,
        recalls: Mapping[int, Sequence[Sequence[float | None]]] | None = None,
        val: Mapping[int, Sequence[float]] | None = None,
        seconds: Mapping[int, Sequence[tuple[float, float, float]]] | None = None,
        arrays: Mapping[tuple[int, int], Arrays] | None = None,
        epochs: Mapping[int, Sequence[Mapping[str, float]]] | None = None,
        acquired: Mapping[int, Sequence[tuple[int, int, int]]] | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> StudyCell:
        """accuracies, counts, recalls, val, seconds (strategy_fit, score, select): per seed, a value per stage."""
        longest = max((len(values) for values in accuracies.values()), default=1)
        name = "_".join([strategy, label, panel, str(sorted((settings or {}).items()))]).encode().hex()[-80:]
        folder = self.root / f"{dataset}-none" / "mlp" / name / f"{start}+{step}x{(stages or longest) - 1}"
        for seed, values in accuracies.items():
            run = {"fingerprint": name, "overrides": {}, "classes": ["zero", "one", "two"]}
            opened = RunFolder.open(
                folder / f"seed_{seed:03d}", config=dict(config or {}), run=run, stages=len(values)
            )
            for stage, accuracy in enumerate(values):
                shares = np.array(counts[seed][stage] if counts else (6, 4), float)
                shares = shares[shares > 0] / shares.sum()
                fit, score, select = seconds[seed][stage] if seconds else (0.0, 0.0, 0.0)
                opened.commit_stage(
                    StageRecord(
                        identity=Identity(dataset, "none", "mlp", strategy),
                        seed=seed,
                        stage=stage,
                        n_labelled=start + step * stage,
                        n_distinct=start + step * stage,
                        test=Metrics(
                            accuracy=accuracy,
                            recall_per_class=tuple(recalls[seed][stage]) if recalls else (accuracy, None),
                        ),
                        val=Metrics(accuracy=val[seed][stage] if val else None),
                        class_counts=tuple(counts[seed][stage]) if counts else (6, 4),
                        class_entropy=float(-(shares * np.log(shares)).sum()),
                        seconds=Seconds(fit=1.0, strategy_fit=fit, score=score, select=select),
                        peak_memory_mib=1.0,
                        device="cpu",
                    )
                )
                if arrays and (seed, stage) in arrays:
                    opened.write_diagnostics(stage, arrays[seed, stage])
            if epochs:
                for stage in sorted({int(row["stage"]) for row in epochs[seed]}):
                    rows: list[dict[str, object]] = [
                        {k: v for k, v in row.items() if k != "stage"}
                        for row in epochs[seed]
                        if row["stage"] == stage
                    ]
                    opened.append_table("epochs.csv", stage, rows)
            if acquired:
                opened.add_purchases([Purchase(s, i, i, k, None) for s, i, k in acquired[seed]])
            opened.close("done")
        return StudyCell(
            label or strategy,
            panel,
            strategy,
            {"strategy": strategy, **(settings or {})},
            folder,
            seeds or tuple(accuracies),
            stages or longest,
        )

    @staticmethod
    def study(*cells: StudyCell, **more: Any) -> Study:
        return Study("an_experiment", {}, cells, **more)


@pytest.fixture(scope="session")
def make_bench(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Bench]:
    """For studies that several tests share."""
    return lambda name: Bench(tmp_path_factory.mktemp(name))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)
