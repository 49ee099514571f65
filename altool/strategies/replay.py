"""Buys again what another run bought, so that a second learner can be judged on the same acquisitions (P0 6.1, Fig. 4).

`altool replay PATH learner=…` sets it up.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from altool.core.errors import UserError
from altool.core.naming import seed_name
from altool.core.records import Purchase, read_purchases
from altool.core.strategy import Context, Picks, Strategy


@dataclass(frozen=True)
class Replay(Strategy):
    """`of`: a cell folder with one seed_NNN per recorded seed; `duplicates`: whether its purchases may repeat (D14)."""

    dense = True

    of: str = ""
    duplicates: bool = False

    @property
    def buys_duplicates(self) -> bool:
        return self.duplicates

    def fit(self, context: Context) -> list[Purchase]:
        """The recorded purchases of this seed. Raises UserError when the runs do not agree so far."""
        path = Path(self.of) / seed_name(context.streams.seed) / "acquired.csv"
        recorded = read_purchases(path)
        if not recorded:
            raise UserError(f"{path} has no purchases to replay.")
        before = [p.index for p in recorded if p.stage <= context.stage]
        if before != context.labelled.tolist():
            raise UserError(
                f"{path} started from other labels: replay it with its own dataset, seed and budget."
            )
        return [p for p in recorded if p.stage == context.stage + 1]

    def score(self, context: Context, fitted: list[Purchase]) -> np.ndarray:
        return np.isin(context.candidates, [p.index for p in fitted]).astype(float)

    def select(self, context: Context, fitted: Any, scores: np.ndarray, n: int) -> Picks:
        if len(fitted) != n:
            raise UserError(f"{self.of} bought {len(fitted)} labels at stage {context.stage + 1}, not {n}.")
        return Picks(np.array([p.index for p in fitted]), np.array([p.score or 0.0 for p in fitted]))
