"""`altool reproduce ls | show NAME | NAME`: the papers' figures and tables, what they cost, and making them."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from altool.core.errors import EXIT_DONE, EXIT_FAILED, UserError
from altool.core.machine import short

MOST_SEEDS = 10_000

if TYPE_CHECKING:
    from altool.reproduce.grid import Wanted


def main(parsed: argparse.Namespace) -> int:
    folders = (parsed.config_dir.absolute(),) if parsed.config_dir else ()
    action, words = parsed.action, list(parsed.words)
    if action == "ls":
        if words:
            raise UserError(f"altool reproduce ls takes no name: type altool reproduce show {words[0]}")
        for flag in ("seeds", "only", "device"):
            if getattr(parsed, flag) is not None:
                raise UserError(
                    f"altool reproduce ls lists all there are: --{flag} goes with show NAME or NAME."
                )
        return _list(folders)
    if action == "show" and not words:
        raise UserError("altool reproduce show needs a name: altool reproduce ls lists them.")
    name = words.pop(0) if action == "show" else action
    for word in words:
        if "=" not in word:
            raise UserError(f"{word} is not key=value; altool reproduce makes one experiment at a time.")
    wanted = _wanted(parsed, name, tuple(words), folders)
    return _show(wanted) if action == "show" else _reproduce(wanted)


def _list(folders: tuple[Path, ...]) -> int:
    from altool.config.files import options

    found = options("experiment", folders)
    width = max((len(name) for name in found), default=0) + 2
    for name, option in found.items():
        print(f"{name:<{width}}{option.help}")
    return EXIT_DONE


def _wanted(
    parsed: argparse.Namespace, name: str, words: tuple[str, ...], folders: tuple[Path, ...]
) -> "Wanted":
    from altool.reproduce.experiment import find_experiment
    from altool.reproduce.grid import Wanted

    find_experiment(name, folders)  # before the imports that take seconds
    outputs = parsed.outputs
    for word in words:
        if word.startswith("outputs="):  # as altool run has it
            outputs = Path(word.removeprefix("outputs=").strip("\"'")).expanduser()
    words = tuple(word for word in words if not word.startswith("outputs="))
    return Wanted(
        name=name,
        seeds=_seeds(parsed.seeds),
        only=_only(parsed.only or ()),
        device=parsed.device,
        smoke=parsed.scale == "smoke",
        outputs=outputs,
        words=words,
        folders=folders,
        mode=parsed.progress,
    )


def _seeds(text: str | None) -> tuple[int, ...] | None:
    """Seeds as 3, 0,1,2 or 0-4. Raises UserError."""
    if text is None:
        return None
    seeds: list[int] = []
    for part in text.strip("[]").split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise UserError(f"--seeds {text}: give numbers, such as --seeds 0,1,2 or --seeds 0-4.")
        between = range(int(first), int(last or first) + 1)
        if not between or len(between) > MOST_SEEDS:
            raise UserError(
                f"--seeds {text}: {part.strip()} is {len(between):,} seeds; give 1 to {MOST_SEEDS:,}."
            )
        seeds += between
    if not seeds or len(set(seeds)) < len(seeds):
        raise UserError(f"--seeds {text}: give at least one seed, and each of them once.")
    return tuple(seeds)


def _only(words: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not value:
            raise UserError(f"--only {word}: give key=value, such as --only strategy=random,ta_vaal.")
        values = (value,) if key in ("label", "panel") else tuple(value.split(","))  # these may hold commas
        found[key] = (*found.get(key, ()), *values)
    return found


def _show(wanted: "Wanted") -> int:
    from altool.reproduce.show import show

    print(show(wanted))
    return EXIT_DONE


def _reproduce(wanted: "Wanted") -> int:
    import os

    # Waiting threads sleep instead of spinning: several times faster where cores are shared. Before torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

    from altool.reproduce.run import reproduce

    done = reproduce(wanted)
    print(done.drawn.summary, end="")
    for path in done.drawn.files:
        print(short(path))
    for reason in (*done.absent, *done.failures, *done.unrecorded):
        print(f"altool: {reason}", file=sys.stderr)
    return EXIT_FAILED if done.absent or done.failures or done.drawn.failed else EXIT_DONE
