"""Cells small enough to run many times, and a place to run them where they may be killed."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from altool.core.budget import Budget
from altool.core.records import Identity, is_volatile, read_rows
from altool.core.strategy import Context, Picks, Strategy
from altool.data.prepare import prepare
from altool.data.spec import DatasetSpec, ImbalanceSpec
from altool.engine.cell import Cell, Platform
from altool.engine.loop import CellResult, run_cell
from altool.engine.progress import Progress
from altool.learners.learner import Learner
from altool.models.mlp import MLP
from altool.strategies.dfal import DFAL
from altool.strategies.entropy import Entropy
from altool.strategies.learning_loss import LearningLoss
from altool.strategies.random import Random

MakeCell = Callable[..., Cell]


@dataclass(frozen=True)
class Remembering(Strategy):
    """Its scores depend on what it handed to itself, and it reports all that can be reported."""

    wants = frozenset({"logits"})

    def fit(self, context: Context) -> np.ndarray:
        context.progress(1, 1)
        assert ("memory" in context.carry) == (context.stage > 0)
        return context.carry.get("memory", np.zeros(1))

    def score(self, context: Context, fitted: np.ndarray) -> np.ndarray:
        logits = context.probe(context.candidates, ["logits"])["logits"]
        context.diagnostics.number("memory", fitted[0])
        context.diagnostics.array("logits", logits)
        return np.sin(logits[:, 0].numpy().astype(np.float64) * 3 + fitted[0])

    def select(self, context: Context, fitted: np.ndarray, scores: np.ndarray, n: int) -> Picks:
        picks = super().select(context, fitted, scores, n)
        return replace(picks, carry={"memory": fitted + scores.sum() + 1})


@dataclass(frozen=True)
class Failing(Random):
    """Fails in the way `how`, at stage 1 of seed `seed`."""

    how: str = "raise"
    seed: int = 1

    def score(self, context: Context, fitted: Any) -> np.ndarray:
        scores = super().score(context, fitted)
        if self._due(context):
            if self.how == "raise":
                raise ZeroDivisionError("no luck")
            if self.how == "nan":
                scores[3] = np.nan
            if self.how == "shape":
                return scores[1:]
        return scores

    def select(self, context: Context, fitted: Any, scores: np.ndarray, n: int) -> Picks:
        picks = super().select(context, fitted, scores, n)
        indices = picks.indices.copy()
        if self._due(context):
            if self.how == "twice":
                indices[1] = indices[0]
            if self.how == "labelled":
                indices[0] = context.labelled[0]
        return replace(picks, indices=indices)

    def _due(self, context: Context) -> bool:
        return context.streams.seed == self.seed and context.stage == 1


STRATEGIES: dict[str, Callable[[], Strategy]] = {
    "remembering": Remembering,
    "random": Random,
    "entropy": Entropy,
    "dfal": DFAL,
    "learning_loss": LearningLoss,
    "nan": lambda: Failing(how="nan"),
}


def build_cell(outputs: Path, strategy: str | Strategy = "remembering", **changes: Any) -> Cell:
    """Three stages on two moons, 20 of them for validation, with a tiny perceptron that uses dropout."""
    dataset = DatasetSpec(name="moons", reader="moons", test=0.2, val=20, noise=0.1)
    device = torch.device("cpu")
    chosen = STRATEGIES[strategy]() if isinstance(strategy, str) else strategy
    name = type(chosen).__name__.lower()
    cell = Cell(
        identity=Identity("moons", "none", "mlp", name),
        load=lambda seed: prepare(dataset, ImbalanceSpec(), seed, device),
        learner=Learner(
            name="mlp",
            make_model=lambda shape, n_classes: MLP(shape, n_classes, (8, 8), dropout=0.2),
            recipe={"lr": 0.05, "epochs": 2},
            epochs=2,
            batch_size=8,
            optimiser="adam",
            lr=0.05,
        ),
        strategy=chosen,
        budget=Budget(12, 6, 3),
        seeds=(0,),
        folder=outputs / name,
        outputs=outputs,
        config={"dataset": {"name": "moons"}, "strategy": {"name": name}},
        fingerprint=name,
        overrides={},
        platform=Platform(device, 1, "fp32", True),
        command=f"altool run strategy={name}",
    )
    return replace(cell, **changes)


def contents(folder: Path) -> dict[str, Any]:
    """All files of a run folder or cell by relative name, as bytes; stages.csv without what may vary, run.json and run.log
    by name only."""
    found: dict[str, Any] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = str(path.relative_to(folder))
        if path.name in ("run.json", "run.log"):
            found[name] = None
        elif path.name == "stages.csv":
            found[name] = [{k: v for k, v in row.items() if not is_volatile(k)} for row in read_rows(path)]
        else:
            found[name] = path.read_bytes()
    return found


def run_quietly(cell: Cell) -> CellResult:
    return run_cell(cell, Progress("quiet"))


@dataclass(frozen=True)
class Outcome:
    """How a run in another process ended: exit code (negative: the signal), moments passed, what it raised."""

    code: int
    moments: list[str]
    error: str


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def make_cell() -> MakeCell:
    return build_cell


@pytest.fixture(scope="session")
def run() -> Callable[[Cell], CellResult]:
    return run_quietly


@pytest.fixture(scope="session")
def files() -> Callable[[Path], dict[str, Any]]:
    return contents


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Outcome]]:
    """Runs `build_cell(outputs, **options)` in a process of its own that dies at its `die_at`-th moment; see killable.py."""
    script = Path(__file__).with_name("killable.py")
    report = tmp_path_factory.mktemp("killable") / "report.json"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, str(script), str(report)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as server:
        assert server.stdin and server.stdout
        stdin, stdout = server.stdin, server.stdout

        def start(outputs: Path, die_at: int = 0, copies: Path | None = None, **options: Any) -> Outcome:
            request = {"outputs": outputs, "die_at": die_at, "copies": copies, "options": options}
            stdin.write(json.dumps(request, default=str) + "\n")
            stdin.flush()
            code = int(stdout.readline())
            return Outcome(code, **json.loads(report.read_text()))

        yield start
        stdin.close()
