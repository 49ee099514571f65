"""`--scale smoke`: the whole way of an experiment in seconds. A few items of each class, networks of a few channels.

Where a set lies on this machine the items are its own, else they are generated in its shape. Nothing of it is a result.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from altool.config.files import options
from altool.config.literal import as_text, literal
from altool.config.schema import RunConfig
from altool.core.atomic import write_atomic
from altool.core.streams import stream
from altool.data.public import PUBLIC_SETS, present_at
from altool.data.public_reader import read_public
from altool.data.spec import DENSE_SETS, IMAGE_SETS
from altool.reproduce.smoke_folders import SIZE, write_classes, write_scenes

STAGES, SEEDS, POINT_SEEDS = 2, 1, 2
GENERATED = "_generated"  # how the name of generated items ends
PARTS = ("train", "test")
PER_CLASS, TEST_PER_CLASS = 20, 3
CUT_PER_CLASS = 60  # where classes are cut: P0 Table 1's smallest, 50 of 5,000, keeps one
MANY = 20  # classes from which on there are a tenth of the items each
VAL = 20
LONGEST_SIDE = (
    64  # of generated images: Caltech-101's 224 would take most of the time of all experiments together
)
LABELS_DIVISOR, FEWEST_LABELS, CANDIDATES = 100, 4, 20
# One thread, and not fewer than 16 channels: with 4 or 8 and two threads, backward passes of torch 2.15 damage memory.
THREADS, WIDTH = 1, 16
RESNET = {"blocks": [1, 1, 1, 1], "width": WIDTH}
SMALLER: dict[str, Mapping[str, Any]] = {  # by the class of the model
    "ResNet": {"model": RESNET, "epochs": 2, "batch_size": 16},
    "CNN": {
        "model": {"channels": [WIDTH, WIDTH], "hidden": 16},
        "epochs": 2,
        "batch_size": 16,
        "min_steps": 0,
    },
    "DRN": {
        "model": {"stem": [WIDTH] * 3, "channels": [WIDTH] * 4, "blocks": [1] * 4},
        "epochs": 2,
    },
    "MLP": {"epochs": 10},
}
CHEAPER = {"epochs": 1, "draws": 2, "batch_size": 32, "max_iterations": 2, "vat_batch_size": 16}


def smoke_stamp(runs: Iterable[RunConfig]) -> str:
    """What everything made of these smoke runs has to say."""
    generated = any(GENERATED in str(run.dataset.path) for run in runs)
    return f"Smoke scale{', generated data' if generated else ''}: no result."


def smoke_words(run: RunConfig, strategy: str, folder: Path) -> list[str]:
    """The words that make a composed run tiny, with `strategy` in place of its own. `folder`: for the items."""
    said = run.reproduce.get("sizes")  # of a set that altool cannot look up
    images = run.dataset.reader in PUBLIC_SETS or bool(said)
    seeds = ",".join(map(str, run.seeds[: SEEDS if images else POINT_SEEDS]))
    words = [f"budget.stages={min(STAGES, run.budget.stages)}", f"seeds=[{seeds}]", f"threads={THREADS}"]
    if images:
        words += [*_dataset(run, said, folder), *_budget(run)]
    for key, value in SMALLER.get(str(run.learner.model["_target_"]).rpartition(".")[2], {}).items():
        if isinstance(value, Mapping):
            words += [f"learner.{key}.{name}={literal(inner)}" for name, inner in value.items()]
        else:
            words.append(f"learner.{key}={value}")
    return words + [f"strategy.{key}={value}" for key, value in _cheaper(strategy).items()]


@lru_cache
def _cheaper(strategy: str) -> dict[str, int]:
    """Of the strategy's options, those that its file names."""
    known = yaml.safe_load(options("strategy")[strategy].path.read_text(encoding="utf-8"))
    chosen = {key: value for key, value in CHEAPER.items() if key in known}
    return {**chosen, "width": WIDTH} if "latent" in known else chosen


def _budget(run: RunConfig) -> list[str]:
    sizes = {"start": run.budget.start, "step": run.budget.step}
    small = {key: max(FEWEST_LABELS, n // LABELS_DIVISOR) for key, n in sizes.items()}
    small["candidates"] = max(CANDIDATES, small["step"])
    return [f"budget.{key}={n}" for key, n in small.items()]


def _dataset(run: RunConfig, said: Mapping[str, Any] | None, folder: Path) -> list[str]:
    if run.dataset.reader in (*IMAGE_SETS, *DENSE_SETS):
        return _folders(run, said, folder)
    path = _items(run, said, folder)
    words = ["dataset.reader=npz", f"dataset.path={as_text(str(path))}"]
    if run.dataset.val:
        words.append(f"dataset.val={VAL}")
    if run.imbalance.rule == "counts":  # of 5,000 a class
        counts = [max(1, n * CUT_PER_CLASS // 6000) for n in run.imbalance.counts]
        words.append(f"imbalance.counts={literal(counts)}")
    return words


def _folders(run: RunConfig, said: Mapping[str, Any] | None, folder: Path) -> list[str]:
    """Sets of image files are read as such, in their true format."""
    place = folder / f"{run.dataset.name}{GENERATED}"
    words = {"data_root": as_text(str(folder)), "dataset.path": as_text(str(place))}
    if run.dataset.reader in DENSE_SETS:
        write_scenes(place)
        words["dataset.size"] = literal(SIZE)
    else:
        shape, n_classes = _format(run, said)
        train, test = _per_class(run, n_classes)
        write_classes(
            place, run.dataset.reader, *generated(shape, n_classes, train + test, run.dataset.name, "all")
        )
        words |= {"dataset.size": str(shape[0]), "dataset.test": str(n_classes * test)}
    return [f"{key}={value}" for key, value in words.items()]


def _items(run: RunConfig, said: Mapping[str, Any] | None, folder: Path) -> Path:
    """The file of the set's few items, made once."""
    name, root = run.dataset.name, Path(str(run.data_root))
    public = run.dataset.reader in PUBLIC_SETS
    real = public and present_at(run.dataset.reader, root) is not None
    cut = "_cut" if run.imbalance.rule != "none" else ""
    path = folder / (f"{name}{cut}_sample.npz" if real else f"{name}{cut}{GENERATED}.npz")
    if path.exists():
        return path
    if real:
        arrays = read_public(run.dataset.reader, root)
        per_class = _per_class(run, len(arrays.classes))
        train, test = (
            _few(np.asarray(y), n) for y, n in zip((arrays.train_y, arrays.test_y), per_class, strict=True)
        )
        parts = [arrays.train_x[train], arrays.train_y[train], arrays.test_x[test], arrays.test_y[test]]
    else:
        shape, n = _format(run, said)
        few = zip(_per_class(run, n), PARTS, strict=True)
        parts = [array for k, part in few for array in generated(shape, n, k, name, part)]
    keys = ("train_x", "train_y", "test_x", "test_y")
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(path, lambda file: np.savez(file, **dict(zip(keys, parts, strict=True))))  # type: ignore[arg-type]
    return path


def _format(run: RunConfig, said: Mapping[str, Any] | None) -> tuple[tuple[int, int, int], int]:
    """Shape (H, W, C) and number of classes."""
    if run.dataset.reader in PUBLIC_SETS:
        known = PUBLIC_SETS[run.dataset.reader]
        return known.shape, len(known.classes)
    assert said is not None
    channels, height, width = said["shape"]
    return (min(LONGEST_SIDE, height), min(LONGEST_SIDE, width), channels), said["classes"]


def _per_class(run: RunConfig, n_classes: int) -> tuple[int, int]:
    """Items of a class to train and to test on."""
    shrink = 10 if n_classes > MANY else 1
    train = PER_CLASS if run.imbalance.rule == "none" else CUT_PER_CLASS
    return train // shrink, max(1, TEST_PER_CLASS // shrink)


def _few(labels: np.ndarray, n: int) -> np.ndarray:
    return np.sort(np.concatenate([np.flatnonzero(labels == c)[:n] for c in np.unique(labels)]))


def generated(
    shape: tuple[int, int, int], n_classes: int, per_class: int, name: str, part: str
) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (N, H, W, C) of coarse patterns, one per class, under noise, so that there is something to learn; and
    their labels."""
    height, width, channels = shape
    coarse = stream(0, "smoke", name, "patterns").integers(40, 216, (n_classes, 4, 4, channels))
    labels = np.tile(np.arange(n_classes), per_class)
    tall = coarse.repeat(-(-height // 4), axis=1).repeat(-(-width // 4), axis=2)[:, :height, :width]
    noise = stream(0, "smoke", name, part).normal(0, 40, (len(labels), height, width, channels))
    return (tall[labels] + noise).clip(0, 255).astype(np.uint8), labels.astype(np.int64)
