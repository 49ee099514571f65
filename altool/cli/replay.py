"""`altool replay PATH …`: trains any learner on what a recorded run bought, with or without a loss-prediction head."""

import argparse
from pathlib import Path

from altool.core.errors import UserError
from altool.core.records import read_rows
from altool.core.runfolder import read_run


def words_of(path: Path, extra: list[str]) -> list[str]:
    """The words of `altool run` that replay the cell or seed folder at `path`; `extra` words win."""
    seeds = [path] if (path / "run.json").exists() else sorted(path.glob("seed_[0-9]*"))
    runs = {folder: run for folder in seeds if (run := read_run(folder)) is not None}
    if not runs:
        raise UserError(
            f"{path} is neither the folder of a seed nor of a cell with seeds; altool status shows them."
        )
    folder, run = next(iter(runs.items()))
    identity, overrides = run["identity"], run["overrides"]
    bought = read_rows(folder / "acquired.csv")
    sizes = [sum(row["stage"] == str(stage) for row in bought) for stage in range(run["stages"])]
    repeated = any(
        len({row["index"] for row in rows}) < len(rows)
        for rows in (read_rows(seed / "acquired.csv") for seed in runs)
    )
    typed = {word.split("=", 1)[0] for word in extra}
    words = {
        "dataset": identity["dataset"],
        "imbalance": identity["imbalance"],
        "learner": identity["learner"],
        "budget.start": sizes[0],
        "budget.step": sizes[1] if len(sizes) > 1 else 1,
        "budget.stages": sum(size > 0 for size in sizes),
        "seeds": "[" + ",".join(str(r["seed"]) for r in runs.values()) + "]",
    }
    for key, value in overrides.items():
        own_learner = key.startswith("learner.") and "learner" in typed
        if key.split(".")[0] in ("dataset", "imbalance", "learner") and not own_learner:
            words[key] = _literal(value)
    fixed = {
        "strategy": "replay",
        "strategy.name": f"{identity['strategy']}_replayed",
        "strategy.of": f"'{folder.parent.absolute()}'",
        "strategy.duplicates": str(repeated).lower(),
        "budget.candidates": "all",
    }
    kept = {key: value for key, value in words.items() if key not in typed}
    return [*(f"{key}={value}" for key, value in {**kept, **fixed}.items()), *extra]


def _literal(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).replace(" ", "")


def main(parsed: argparse.Namespace) -> int:
    from altool.run import run

    return run(words_of(parsed.path, parsed.words))
