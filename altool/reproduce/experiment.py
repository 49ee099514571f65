"""What the file of an experiment says: its claim in words, its grid, its views; read without composing anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from altool.config.files import options
from altool.core.errors import UserError, did_you_mean, nearest

PAPERS = {  # what `paper:` may name
    "P0": "TA-VAAL, arXiv draft",
    "P1": "TA-VAAL, CVPR 2021",
    "P2": "VaB-AL, CVPR 2021",
    "P3": "Virtual adversarial active learning, IEEE BigData 2020",
}
MOST_PARTS = 6
BLOCK_KEYS = ("panel", "label", "words", "sweep", "replay")


@dataclass(frozen=True)
class Block:
    """A part of the grid: `words` for all of its cells, every combination of `sweep`; `label`: for legends, with {} for the
    value swept last; `replay`: label of the cell whose purchases are trained on again (P0 6.1)."""

    panel: str = ""
    label: str = ""
    words: tuple[str, ...] = ()
    sweep: Mapping[str, list[Any]] = field(default_factory=dict)
    replay: str = ""


@dataclass(frozen=True)
class Experiment:
    """`claim`: the header of its file; `lacks`: a dataset of its defaults that altool cannot read yet; `runs`: the words
    of the runs that it looks at, its own or another experiment's."""

    name: str
    path: Path
    claim: str
    lacks: str = ""
    runs: tuple[str, ...] = ()


def find_experiment(name: str, folders: tuple[Path, ...] = ()) -> Experiment:
    """Raises UserError for a name that is none."""
    known = options("experiment", folders)
    if name not in known:
        raise UserError(f"there is no experiment {name}: {_hint(name, known)}")
    path = known[name].path
    dataset = base_dataset(path, known)
    lacks = dataset if dataset and dataset not in options("dataset", folders) else ""
    return Experiment(name, path, _header(path), lacks, _runs(name, known))


def _hint(name: str, known: Mapping[str, Any]) -> str:
    parts = [other for other in sorted(known) if other.startswith(name)]
    if 1 < len(parts) <= MOST_PARTS:  # of a figure with several
        return f"did you mean {', '.join(parts[:-1])} or {parts[-1]}?"
    return did_you_mean(name, known) if nearest(name, known) else "altool reproduce ls lists them."


def _runs(name: str, known: Mapping[str, Any]) -> tuple[str, ...]:
    """Where a file only inherits, chooses and draws otherwise, its cells are the other's: words, folders and all."""
    node = yaml.safe_load(known[name].path.read_text(encoding="utf-8")) or {}
    chosen: list[str] = []
    inherited = []
    for entry in node.get("defaults", []):
        if isinstance(entry, dict):
            chosen += [f"{group.removeprefix('override /')}={choice}" for group, choice in entry.items()]
        elif entry in known:
            inherited.append(entry)
    if not inherited or {*node} - {"defaults", "hydra", "reproduce"}:
        return (f"experiment={name}",)
    return (*_runs(inherited[0], known), *chosen)


def _header(path: Path) -> str:
    """The comment lines before the first key, without their signs."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @"):
            lines.append(line.removeprefix("#").removeprefix(" "))
    return "\n".join(lines)


def base_dataset(path: Path, known: Mapping[str, Any]) -> str:
    """The dataset of the defaults list, its own or of the experiment that it inherits."""
    entries = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("defaults", [])
    inherited = ""
    for entry in entries:
        if isinstance(entry, dict) and "override /dataset" in entry:
            return str(entry["override /dataset"])
        if isinstance(entry, str) and entry in known:
            inherited = base_dataset(known[entry].path, known)
    return inherited


def blocks_of(spec: Mapping[str, Any], sweep: Mapping[str, str]) -> list[Block]:
    """The grid: `cells:` of the spec, else what `altool run -m` would sweep. Raises UserError on a wrong key."""
    if "cells" not in spec:
        return [Block(sweep={key: yaml.safe_load(f"[{text}]") for key, text in sweep.items()})]
    blocks = []
    for node in spec["cells"]:
        for key in node:
            if key not in BLOCK_KEYS:
                raise UserError(
                    f"reproduce.cells: {key} is no key of a block: {did_you_mean(key, BLOCK_KEYS)}"
                )
        blocks.append(Block(**{**node, "words": tuple(node.get("words", ()))}))
    return blocks
