"""The recorded queries of a run: what the strategy saw, picked and reported."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from altool.core.errors import UserError
from altool.core.records import read_purchases, read_rows


@dataclass(frozen=True)
class Query:
    """One recorded query. `arrays`: of diagnostics/stage_NNN.npz, `numbers`: of diagnostics.csv; `labels`: of what was
    bought, in the order of `arrays["picks"]`; empty where the last model scored and bought nothing."""

    stage: int
    arrays: Mapping[str, np.ndarray]
    numbers: Mapping[str, float]
    labels: np.ndarray

    @property
    def picked(self) -> np.ndarray:
        """Positions of the picks among the candidates."""
        order = np.argsort(self.arrays["candidates"])
        return order[np.searchsorted(self.arrays["candidates"], self.arrays["picks"], sorter=order)]


def read_queries(folder: Path) -> list[Query]:
    """The queries of a seed folder, by stage. Raises UserError where it has no arrays of them."""
    files = sorted((folder / "diagnostics").glob("stage_*.npz"))
    if not files:
        raise UserError(f"{folder} has no diagnostics/stage_NNN.npz: run it with diagnostics.arrays=true.")
    numbers = {int(row["stage"]): row for row in read_rows(folder / "diagnostics.csv")}
    bought = read_purchases(folder / "acquired.csv")
    queries = []
    for file in files:
        stage = int(file.stem.removeprefix("stage_"))
        with np.load(file, allow_pickle=False) as arrays:
            if "picks" not in arrays.files:  # a last stage without a query leaves grids and points only
                continue
            kept = {name: arrays[name] for name in arrays.files}
        recorded = {k: float(v) for k, v in numbers.get(stage, {}).items() if v and k != "stage"}
        labels = np.array([p.label for p in bought if p.stage == stage + 1], np.int64)
        queries.append(Query(stage, kept, recorded, labels))
    return queries
