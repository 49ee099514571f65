"""No label that was not bought can be reached from what a strategy is given.

Everything is walked that an object holds: attributes, slots, closures, defaults, bound objects, containers, frames of
generators. Where the walk ends: the globals of modules (from there Python reaches the whole process) and library classes.
"""

import functools
import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from altool.config.build import build_cell
from altool.config.load import load
from altool.config.words import parse
from altool.core.strategy import Context
from altool.data.oracle import Oracle
from altool.data.task import Arrays, Split, Task
from altool.engine.cell import Cell
from altool.engine.loop import run_cell
from altool.engine.progress import Progress
from altool.learners.learner import Learner
from altool.reproduce.smoke_folders import write_scenes
from altool.strategies.learning_loss import LearningLoss

FORBIDDEN = (Oracle, Task, Split, Arrays, Learner, Cell)
LIBRARIES = {*sys.stdlib_module_names, "numpy", "torch", "rich", "pandas", "yaml", "_pytest", "pytest"}


def reachable(root: object) -> Iterator[object]:
    """Every object that `root` leads to, once."""
    seen: dict[int, object] = {}  # keeps them alive, so that no id is used twice
    waiting = [root]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or _ends_here(thing):
            continue
        seen[id(thing)] = thing
        yield thing
        waiting += gc.get_referents(thing)
        if isinstance(thing, np.ndarray):
            waiting.append(thing.base)
        if isinstance(thing, weakref.ref):
            waiting.append(thing())


def _ends_here(thing: object) -> bool:
    if isinstance(thing, ModuleType) or (isinstance(thing, dict) and "__builtins__" in thing):
        return True
    return isinstance(thing, type) and thing.__module__.partition(".")[0] in LIBRARIES


def holds(thing: object, secret: np.ndarray) -> bool:
    """Whether an array or a plain container has the secret's numbers in a row, in any of its rows or columns."""
    if isinstance(thing, torch.Tensor):
        thing = thing.detach().cpu().double().numpy()
    if isinstance(thing, dict):
        thing = list(thing.values())
    if isinstance(thing, bytes | bytearray):
        thing = np.frombuffer(thing, np.uint8)
    if isinstance(thing, list | tuple) and all(isinstance(v, int | float | np.number) for v in thing):
        thing = np.array(thing)
    if not isinstance(thing, np.ndarray) or thing.dtype.kind not in "biuf" or thing.size < secret.size:
        return False
    whole = np.where(np.isfinite(thing) & (thing == np.rint(thing)), thing, -1).astype(np.int64)
    wanted = secret.astype(np.int64).tobytes()
    return any(wanted in view.tobytes() for view in (whole, whole.T))


def leaks(context: Context, labels_by_index: np.ndarray) -> list[str]:
    """What of the secrets a strategy could get at, in words."""
    orders = {
        "all labels": labels_by_index,
        "the unlabelled items' labels": labels_by_index[context.unlabelled],
        "the candidates' labels": labels_by_index[context.candidates],
    }
    found = []
    for thing in reachable(context):
        if isinstance(thing, FORBIDDEN):
            found.append(type(thing).__name__)
        found += [name for name, secret in orders.items() if holds(thing, secret)]
    return found


def test_no_unbought_label_is_within_reach(scene) -> None:
    assert leaks(scene.context(), scene.secret) == []


def _in_a_closure(labels: np.ndarray) -> Any:
    return lambda: labels.sum()


def _in_a_default(labels: np.ndarray) -> Any:
    def peek(labels: np.ndarray = labels) -> int:
        return len(labels)

    return peek


class Slotted:
    __slots__ = ("inside",)

    def __init__(self, inside: object):
        self.inside = inside

    def method(self) -> None: ...


def _in_a_running_generator(labels: np.ndarray) -> Any:
    def generate() -> Iterator[int]:
        mine = labels + 0
        yield from mine.tolist()

    generator = generate()
    next(generator)
    return generator


class Plain:
    def __init__(self, inside: object):
        self.inside = inside


KEPT: list[Plain] = []


def _weakly(labels: np.ndarray) -> Any:
    KEPT.append(Plain(labels))
    return weakref.ref(KEPT[-1])


PLANTS: dict[str, Callable[[np.ndarray], Any]] = {
    "closure": _in_a_closure,
    "default": _in_a_default,
    "attribute": Plain,
    "slot": Slotted,
    "bound method": lambda labels: Slotted(labels).method,
    "partial": lambda labels: functools.partial(print, labels),
    "dict": lambda labels: {"deep": [{"labels": labels}]},
    "dict by index": lambda labels: dict(enumerate(labels.tolist())),
    "generator": _in_a_running_generator,
    "list of ints": lambda labels: labels.tolist(),
    "bytes": lambda labels: labels.astype(np.uint8).tobytes(),
    "tensor": lambda labels: torch.tensor(labels, dtype=torch.float32),
    "base of a view": lambda labels: labels.astype(np.uint8)[:2],
    "column": lambda labels: np.stack([labels + 0.5, labels, np.arange(len(labels))], axis=1),
    "longer array": lambda labels: np.concatenate([[4, 4, 4], labels, [1]]),
    "cached function": lambda labels: functools.lru_cache(lambda: labels),
    "weak reference": _weakly,
    "oracle": Oracle,
}


@pytest.mark.parametrize("how", PLANTS)
def test_a_planted_label_is_found(how: str, any_scene) -> None:
    """So the test above can fail: planted in the context, or in the fitted model that the probe leads to."""
    planted = PLANTS[how](any_scene.secret)
    assert leaks(replace(any_scene.context(), progress=planted), any_scene.secret)
    any_scene.fitted.extension.planted = planted
    try:
        assert leaks(any_scene.context(), any_scene.secret)
    finally:
        del any_scene.fitted.extension.planted


@pytest.mark.parametrize("of", ["unlabelled", "candidates"])
def test_the_labels_of_a_part_are_found(of: str, any_scene) -> None:
    context = any_scene.context()
    assert leaks(replace(context, carry={"x": any_scene.secret[getattr(context, of)]}), any_scene.secret)


def test_the_engine_itself_gives_no_label_away(tmp_path: Path) -> None:
    """The context of a real run, with its progress, lock and log."""
    words = ["device=cpu", "seeds=0", "learner.epochs=1", "threads=1", f"outputs={tmp_path}"]
    cell = build_cell(*load(parse([*words, "budget.stages=2", "budget.start=20", "budget.step=5"])))
    everything = np.arange(len(cell.load(0).store))
    secret = cell.load(0).oracle.audit(everything)
    found: list[list[str]] = []

    class Spy(LearningLoss):
        def score(self, context: Context, fitted: Any) -> torch.Tensor:
            found.extend((leaks(context, secret), leaks(replace(context, carry={"x": secret}), secret)))
            return super().score(context, fitted)

    assert not run_cell(replace(cell, strategy=Spy()), Progress("quiet")).failures
    assert found[0] == [] and found[1] == ["all labels"]


def test_no_map_that_was_not_bought_is_within_reach(tmp_path: Path) -> None:
    scenes = write_scenes(tmp_path / "cityscapes")
    words = ["dataset=cityscapes", f"dataset.path={scenes}", "dataset.size=[32,64]", f"data_root={tmp_path}"]
    words += ["learner=drn_small", "learner.epochs=1", "budget.start=4", "budget.step=2", "budget.stages=2"]
    cell = build_cell(
        *load(parse([*words, "device=cpu", "seeds=0", "progress=quiet", f"outputs={tmp_path}"]))
    )
    maps = cell.load(0).oracle.audit(np.arange(24))
    found: list[set[int]] = []

    def within_reach(root: object) -> set[int]:
        arrays = [thing for thing in reachable(root) if isinstance(thing, np.ndarray | torch.Tensor)]
        held = [
            np.asarray(array).astype(np.uint8).tobytes() for array in arrays if array.nbytes >= maps[0].nbytes
        ]
        return {
            index for index, each in enumerate(maps) if any(each.tobytes() in content for content in held)
        }

    class Spy(LearningLoss):
        def score(self, context: Context, fitted: Any) -> torch.Tensor:
            found.extend(
                [within_reach(context), set(context.labelled), within_reach([context, maps[7:9].copy()])]
            )
            return super().score(context, fitted)

    assert not run_cell(replace(cell, strategy=Spy()), Progress("quiet")).failures
    assert found[0] == found[1] and len(found[0]) == 4
    assert found[2] == found[1] | {7, 8}
