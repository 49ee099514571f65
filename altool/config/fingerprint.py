"""What a configuration is, whatever words it was typed with: its canonical form, its fingerprint and its folder.

Two commands that mean the same run share the folder, the fingerprint and so the results; what cannot change a result is
in neither.
"""

import dataclasses
from functools import lru_cache
from pathlib import Path
from typing import Any

from altool.config.files import options
from altool.config.load import Origin, compose_words, resolve
from altool.config.schema import RunConfig
from altool.core.budget import Budget
from altool.core.naming import cell_path
from altool.core.records import Identity

NO_INFLUENCE = (  # threads and device change last digits, not what was asked for: they are the platform (run.json)
    "outputs",
    "data_root",
    "device",
    "threads",
    "precision",
    "deterministic",
    "cuda_graphs",
    "seeds_at_once",
    "download",
    "memory_gib",
    "on_corrupt",  # what is skipped is another pool, which the digest of the data tells
    "verify",
    "trace",
    "profile",
    "diagnostics",
    "rerun",
    "allow_platform_change",
    "cache_mib",
    "trackers",
    "runs_per_gpu",
    "fail_fast",
    "progress",
    "seeds",
    "reproduce",
)

# Keys younger than the first runs: unset, they are left out, so that the fingerprints of those runs stand.
YOUNGER = {"learner": ("backbone", "pretrained"), "dataset": ("rgb", "background")}


def budget_of(run: RunConfig) -> Budget:
    """The checked budget of a run."""
    b = run.budget
    return Budget(b.start, b.step, b.stages, b.candidates, b.start_rule)  # type: ignore[arg-type]


def canonical(run: RunConfig) -> dict[str, Any]:
    """The resolved configuration as plain data, without what cannot change a result."""
    plain = {key: value for key, value in dataclasses.asdict(run).items() if key not in NO_INFLUENCE}
    del plain["dataset"]["budgets"]
    del plain["budget"]["name"]
    del plain["learner"]["threads"]  # the platform's, as above
    for group, keys in YOUNGER.items():
        for key in keys:
            if plain[group][key] is None:
                del plain[group][key]
    plain["budget"]["candidates"] = budget_of(run).n_candidates or "all"
    return plain


def overrides(run: RunConfig, origin: Origin) -> dict[str, Any]:
    """Dotted keys whose values differ from the defaults of the same dataset, imbalance, learner and strategy.

    The budget's numbers are left out, since the folder's name has them; candidates are compared at the run's own step.
    """
    default = _default(run, origin)
    own = default.budget
    budget = dataclasses.replace(run.budget, candidates=own.candidates, start_rule=own.start_rule)
    default = dataclasses.replace(default, budget=budget)
    ours, theirs = _flat(canonical(run)), _flat(canonical(default))
    differing = {
        key: ours.get(key) for key in sorted(ours.keys() | theirs.keys()) if ours.get(key) != theirs.get(key)
    }
    return {key: value for key, value in differing.items() if key not in NAMES}


NAMES = ("dataset.name", "imbalance.name", "learner.name", "strategy.name")  # the folder has them


def cell_folder(run: RunConfig, differing: dict[str, Any]) -> Path:
    """Where the seeds of a run lie, absolute."""
    return Path(run.outputs) / cell_path(identity_of(run), vars(run.budget), differing)


def identity_of(run: RunConfig) -> Identity:
    names = run.dataset.name, run.imbalance.name, run.learner.name, run.strategy["name"]
    return Identity(*names, run.compat)


def _default(run: RunConfig, origin: Origin) -> RunConfig:
    """The run that the four names alone stand for."""
    named = {
        "dataset": run.dataset.name,
        "imbalance": run.imbalance.name,
        "learner": run.learner.name,
        "strategy": run.strategy["name"],
    }
    words = []
    for group, name in named.items():
        # a name of one's own (dataset=npz dataset.name=mine) is no file: then the file it came from
        words.append(f"{group}={name if name in options(group, origin.folders) else origin.choices[group]}")
    words.append(f"compat={run.compat}")
    return _composed(tuple(words), origin.folders)


@lru_cache(maxsize=256)
def _composed(words: tuple[str, ...], folders: tuple[Path, ...]) -> RunConfig:
    """Composed once for all cells of a sweep or an experiment that share the names. Not to be changed."""
    return resolve(compose_words(words, folders), words)


def _flat(node: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in node.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
