"""What a profile means for the person: a short table, and what they can do about its largest part."""

from collections.abc import Sequence
from pathlib import Path

from altool.core.records import read_rows
from altool.engine.cell import Cell
from altool.engine.profile import Line, summed


def profile_report(cell: Cell, folders: Sequence[Path]) -> str:
    """Text on the profile.csv of these seed folders; empty where there is none."""
    lines = summed([row for folder in folders for row in read_rows(folder / "profile.csv")])
    return f"\n{_table(lines)}\n\n{_hint(cell, lines)}\n" if lines else ""


def _table(lines: Sequence[Line]) -> str:
    rows = [("phase", "seconds", "share", "calls", "images/s", "peak MiB")]
    for line in lines:
        rate = f"{line.rate:,.0f}" if line.rate else ""
        rows.append(
            (
                *(line.phase, f"{line.seconds:.1f}", f"{line.share:.0%}"),
                *(f"{line.calls:,}", rate, f"{line.peak_mib:,.0f}"),
            )
        )
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(t.rjust(w) for t, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    )


def _hint(cell: Cell, lines: Sequence[Line]) -> str:
    most = lines[0]
    on_gpu = cell.platform.device.type == "cuda"
    whole = "seeds_at_once=5 fills the GPU better" if on_gpu else "a GPU pays unless the images are tiny"
    bf16 = "" if cell.platform.precision == "bf16" else ", so does precision=bf16 where the processor has it"
    small = (
        "; strategy.size=small is for trials" if getattr(cell.strategy, "size", "small") == "paper" else ""
    )
    advice = {
        "fit": f"the task model's training: {whole}{bf16}",
        "strategy fit": f"the strategy's own training: {whole}{bf16}{small}",
        "probe": "looking at the pool: budget.candidates offers fewer items",
        "score": "the strategy's scores: budget.candidates offers fewer items",
        "select": "the strategy's choice: budget.candidates offers fewer items",
        "evaluate": "evaluation: a larger learner.eval_batch takes fewer passes",
        "save": "writing: diagnostics.arrays=false writes less, and a local disk is faster than a shared one",
        "idle": "none of these: short runs mostly start up; give more seeds or stages to one command",
    }
    return f"{most.share:.0%} is {advice[most.phase]}."
