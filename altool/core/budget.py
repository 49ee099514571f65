"""The budget: how many labels are bought when, and how much of the pool a strategy is shown."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from altool.core.errors import UserError
from altool.core.streams import Streams

START_RULES = ("random", "balanced")


@dataclass(frozen=True)
class Budget:
    """`start` labels, then `step` more after each fitted model but the last; `stages` counts fitted models.

    candidates: how many unlabelled items a strategy is offered: a number, `10x` the step (any factor), or `all`.
    start_rule: `random` (uniform, what every paper does) or `balanced` (as equal over classes as the pool allows).
    """

    start: int
    step: int
    stages: int
    candidates: int | str = "10x"  # P1 4.2: the random subset is ten times the query (T10)
    start_rule: Literal["random", "balanced"] = "random"

    def __post_init__(self) -> None:
        for key in ("start", "step", "stages"):
            if getattr(self, key) < 1:
                raise UserError(f"budget.{key}={getattr(self, key)}: must be at least 1.")
        if self.start_rule not in START_RULES:
            raise UserError(f"budget.start_rule={self.start_rule}: known: {', '.join(START_RULES)}.")
        if self.n_candidates is not None and self.n_candidates < self.step:
            raise UserError(
                f"budget.candidates={self.candidates} offers fewer than the {self.step} that budget.step buys."
            )

    @property
    def n_candidates(self) -> int | None:
        """Size of the random subset offered to the strategy; None means all unlabelled."""
        text = str(self.candidates).strip()
        if text == "all":
            return None
        number = text[:-1] if text.endswith("x") else text
        try:
            return round(float(number) * self.step) if text.endswith("x") else int(number)
        except ValueError:
            raise UserError(
                f"budget.candidates={self.candidates}: give a number, a multiple of the step such as 10x, or all."
            ) from None

    @property
    def queries(self) -> int:
        return self.stages - 1

    @property
    def total(self) -> int:
        """Labels bought in all."""
        return self.start + self.step * self.queries

    def labelled_at(self, stage: int) -> int:
        """Labels that the model of `stage` is fitted on."""
        return self.start + self.step * stage

    def check(self, pool_size: int) -> None:
        """Raises UserError when the pool cannot pay for the budget."""
        if self.total > pool_size:
            fits = (pool_size - self.start) // self.step + 1
            start = pool_size - self.queries * self.step
            if fits >= 1:
                advice = f"budget.stages={fits} fits"
            elif start >= 1:
                advice = f"budget.start={start} at most"
            else:
                advice = "take fewer stages, or a smaller budget.start and budget.step"
            raise UserError(
                f"The budget buys {self.total} labels ({self.start} + {self.queries} × {self.step}), "
                f"but the pool holds {pool_size}: {advice}."
            )

    def draw_candidates(self, unlabelled: np.ndarray, n_dataset: int, streams: Streams) -> np.ndarray:
        """The first m unlabelled indices by the stage's random priority, sorted by index, (N,) int64.

        Strategies whose pools still agree see the same candidates.
        """
        m = self.n_candidates
        if m is None or m >= len(unlabelled):
            return np.sort(unlabelled)
        priority = streams.priorities(n_dataset)[unlabelled]
        return np.sort(unlabelled[np.argsort(priority, kind="stable")[:m]])
