"""`altool reproduce show NAME`: the claim, the cells with what of them is on disk, and what they cost."""

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

import torch

from altool.config.build import check_device_name, resolve_device
from altool.core.errors import UserError
from altool.engine.forecast import human_seconds
from altool.reproduce.cells import Planned
from altool.reproduce.cost import Cost
from altool.reproduce.datasets import not_here
from altool.reproduce.experiment import PAPERS
from altool.reproduce.grid import Grid, Wanted, grid_of
from altool.reproduce.machine import H200, this_machine
from altool.reproduce.outlook import outlook
from altool.reproduce.pace import Pace, seen_elsewhere

PREFIXES = ((1e18, "EFLOP"), (1e15, "PFLOP"), (1e12, "TFLOP"), (1e9, "GFLOP"))


def show(wanted: Wanted) -> str:
    """Text. Raises UserError as `grid_of` does; opens no data and writes nothing."""
    grid = grid_of(wanted)
    spec = grid.spec
    paper = str(spec.get("paper", ""))
    about = f"{grid.experiment.name}: {paper} {spec.get('item', '')} ({PAPERS.get(paper, 'no paper')})"
    claim, cells = grid.experiment.claim, _cells(grid)
    if wanted.asked:
        claim = f"The whole experiment:\n{claim}"
        cells = f"Asked for, with {shlex.join(wanted.asked)}:\n{cells}"
    parts = [about, claim, cells, *([] if wanted.smoke else not_here(grid.cells))]
    try:
        grid.check_possible()
    except UserError as error:
        return "\n\n".join([*parts, str(error)])
    return "\n\n".join(parts if grid.measures_data else [*parts, _cost(grid)])


def _cells(grid: Grid) -> str:
    if grid.measures_data:
        return "Looks at the datasets alone: nothing is trained."
    rows = [("panel", "cell", "seeds", "on disk")]
    last = None
    for cell in grid.cells:
        panel = "" if cell.panel == last else cell.panel
        rows.append((panel, cell.label, str(len(cell.run.seeds)), _on_disk(cell)))
        last = cell.panel
    if not any(cell.panel for cell in grid.cells):
        rows = [row[1:] for row in rows]  # type: ignore[misc]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(t.ljust(w) for t, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def _on_disk(cell: Planned) -> str:
    """E.g. `3 done, 1 begun, 1 to do`; and what finished runs did not record."""
    states = Counter(
        "done" if cell.is_done(seed) else "begun" if cell.stages_done(seed) else "to do"
        for seed in cell.run.seeds
    )
    text = ", ".join(f"{states[state]} {state}" for state in ("done", "begun", "to do") if states[state])
    lacking = {word for seed in cell.run.seeds if cell.is_done(seed) for word in cell.not_recorded(seed)}
    return f"{text} (without {', '.join(sorted(lacking))})" if lacking else text


def _cost(grid: Grid) -> str:
    run = grid.cells[0].run
    device = _device_here(run.device)
    # operations are counted on the processor anyway
    cells = grid.cells if device else [_on_cpu(cell) for cell in grid.cells]
    expected = outlook(cells)
    learners = sorted({part.learner for part in expected.parts})
    here, how = ["", ""], f"device={run.device} is not here, so its own time is not known"
    if device:
        elsewhere = seen_elsewhere(Path(run.outputs), learners, expected.seeds, [f"device={run.device}"])
        pace = Pace(this_machine(device, run.threads), [*expected.seen, *elsewhere])
        seconds = [
            sum(pace.seconds(part.learner, part.strategy, cost(part)) for part in expected.parts)
            for cost in (attrgetter("total"), attrgetter("left"))
        ]
        here = [f", {human_seconds(s)} on this machine" for s in seconds]
        how = f"this machine {_how(pace, learners)}"
    whole = "Asked for" if grid.wanted.asked else "In all"
    lines = [f"{whole}: {_amount(expected.total)}{here[0]}."]
    if expected.left.runs and expected.left != expected.total:
        lines.append(f"Left: {_amount(expected.left)}{here[1]}.")
    if not expected.left.runs and expected.is_whole:
        lines.append("Everything is on disk: altool reproduce draws it at once.")
    if not expected.is_whole:
        lines.append("Cells whose data altool does not know are not counted.")
    lines.append(
        f"Operations are counted on the networks; {H200.name} is assumed to sustain "
        f"{H200.flops_per_second / 1e12:.0f} TFLOP/s; {how}."
    )
    return "\n".join(lines)


def _device_here(text: str) -> torch.device | None:
    """None for a device of another machine: what it will cost can be planned all the same."""
    check_device_name(text)
    try:
        return resolve_device(text)
    except UserError:
        return None


def _on_cpu(cell: Planned) -> Planned:
    return replace(cell, run=replace(cell.run, device="cpu"))


def _how(pace: Pace, learners: Sequence[str]) -> str:
    """How this machine's time is known."""
    known = pace.known(learners)
    if not known:
        return "was timed for a second"
    names = ", ".join(sorted({seen.learner for seen in known}))
    runs = f"{len(known)} finished run{'s' if len(known) > 1 else ''}"
    rest = [name for name in learners if name not in names.split(", ")]
    return f"takes what {runs} of {names} took here" + (
        f"; for {', '.join(rest)} it was timed for a second" if rest else ""
    )


def _amount(cost: Cost) -> str:
    hours = f"{human_seconds(H200.seconds(cost))} on {H200.name}"
    return f"{cost.runs} runs, {cost.models:,} models, {cost.epochs:,} epochs, {_flops(cost.flops)}; about {hours}"


def _flops(flops: float) -> str:
    scale, name = next((p for p in PREFIXES if flops >= p[0]), PREFIXES[-1])
    return f"{flops / scale:.3g} {name}"
