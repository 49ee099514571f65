"""Rounds of all sides in turn, so that what else the machine does meets all of them alike (performance.md 5.1)."""

import os
import statistics
import time
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from benchmark.compared import Count, Part, Result, Settings, Workload

LONG_SECONDS = 15.0  # a round of all sides beyond which MIN_ROUNDS are enough
MIN_ROUNDS = 3
GATHERING = {torch.ops.aten.index, torch.ops.aten.index_select}  # read of their first argument what they give


def compare(workload: Workload, settings: Settings) -> list[Result]:
    """A warm-up of every side, then rounds in turn: reference, ours, reference, ours."""
    begun, load = time.perf_counter(), os.getloadavg()[0]
    sides = [workload.reference, *(ours.parts for ours in workload.ours)]
    warm_up = [_timed(parts)[0] for parts in sides]
    raw_seconds = time.perf_counter() - begun
    found = workload.check()
    counts = [_counted(ours.parts) for ours in workload.ours]
    rounds = min(settings.rounds, MIN_ROUNDS) if raw_seconds > LONG_SECONDS else settings.rounds
    times = [[_timed(parts) for parts in sides] for _ in range(rounds)]
    load_text = f"load {load:.1f} to {os.getloadavg()[0]:.1f}"
    results = []
    for side, (ours, count) in enumerate(zip(workload.ours, counts, strict=True), start=1):
        pairs = [(round_[0], round_[side]) for round_ in times]
        ratios = [reference[0] / own[0] for reference, own in pairs]
        notes = [
            *(note for note in (workload.note, found) if note),
            f"warm-up {warm_up[0]:.3g} and {warm_up[side]:.3g} s",
            load_text,
        ]
        results.append(
            Result(
                row=ours.row,
                unit="×",
                must=ours.must,
                aim=ours.aim,
                value=statistics.median(ratios),
                low=min(ratios),
                high=max(ratios),
                reference_seconds=statistics.median(reference[0] for reference, _ in pairs),
                ours_seconds=statistics.median(own[0] for _, own in pairs),
                cpu_ratio=statistics.median(reference[1] / own[1] for reference, own in pairs),
                n=rounds,
                precision=ours.precision,
                count=count,
                note="; ".join(notes),
                rounds=[
                    {"reference_seconds": reference[0], "ours_seconds": own[0]} for reference, own in pairs
                ],
            )
        )
    return results


def _timed(parts: Sequence[Part]) -> tuple[float, float]:
    """Wall and processor seconds of the whole."""
    wall = cpu = 0.0
    for part in parts:
        wall_begun, cpu_begun = time.perf_counter(), time.process_time()
        part.run()
        wall += part.scale * (time.perf_counter() - wall_begun)
        cpu += part.scale * (time.process_time() - cpu_begun)
    return wall, cpu


class Counting(TorchDispatchMode):
    """Counts what runs inside: operations of matrix products and convolutions as torch's own counter does, and what every
    operation reads and writes, as if nothing stayed in a cache; views are free. It sees one thread, so torch is kept to one
    meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = self.bytes = 0.0
        self._threads = torch.get_num_threads()

    def __enter__(self) -> Self:
        torch.set_num_threads(1)
        return super().__enter__()

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        torch.set_num_threads(self._threads)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        given = kwargs or {}
        out = func(*args, **given)
        known = flop_registry.get(func._overloadpacket)
        if known is not None:
            self.operations += known(*args, **given, out_val=out)
        view = any(r.alias_info is not None and not r.alias_info.is_write for r in func._schema.returns)
        if not view:
            read = (out, *args[1:]) if func._overloadpacket in GATHERING else args
            tensors = [t for t in tree_leaves((read, given, out)) if isinstance(t, torch.Tensor)]
            self.bytes += sum(t.numel() * t.element_size() for t in tensors)
        return out


def _counted(parts: Sequence[Part]) -> Count:
    operations = total = 0.0
    for part in parts:
        with Counting() as counting:
            part.run()
        operations += part.scale * counting.operations
        total += part.scale * counting.bytes
    return Count(operations, total)
