"""What a run is called: the fingerprint of its configuration, and the folder of its cell below an outputs folder."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from altool.core.records import Identity


def fingerprint(config: Mapping[str, Any]) -> str:
    """16 hex digits of a canonical configuration."""
    return _digest(config)[:16]


def cell_path(identity: Identity, budget: Mapping[str, Any], overrides: Mapping[str, Any]) -> PurePosixPath:
    """<dataset>-<imbalance>/<learner>/<strategy>[-<compat>]/<start>+<step>x<queries>[-<hash of the overrides>].

    `budget` has start, step and stages; `overrides` are what differs from the defaults of the four names, dotted.
    """
    name = f"{budget['start']}+{budget['step']}x{budget['stages'] - 1}"
    name += f"-{_digest(overrides)[:8]}" if overrides else ""
    strategy = identity.strategy + ("" if identity.compat == "recommended" else f"-{identity.compat}")
    return PurePosixPath(f"{identity.dataset}-{identity.imbalance}", identity.learner, strategy, name)


def seed_name(seed: int) -> str:
    return f"seed_{seed:03d}"


def _digest(plain: Mapping[str, Any]) -> str:
    text = json.dumps(_numbers_alike(plain), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _numbers_alike(node: Any) -> Any:
    """`node` with 1.0 as 1: strategy.beta=1 and strategy.beta=1.0 are the same run."""
    if isinstance(node, dict):
        return {key: _numbers_alike(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_numbers_alike(value) for value in node]
    return int(node) if isinstance(node, float) and node.is_integer() else node
