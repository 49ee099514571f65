"""What an experiment costs in all and what of it is left, before anything runs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from altool.config.build import build_cell
from altool.engine.cell import Cell
from altool.reproduce.cells import Planned
from altool.reproduce.cost import Cost, Unit, cell_cost, count
from altool.reproduce.pace import Part, Seen, seen_of
from altool.reproduce.sizes import sizes_of


@dataclass
class Outlook:
    """`seeds`: the cost of one seed of a cell, by its folder; None where the sizes of its data are unknown. `parts`: the
    cost of each cell; `seen`: its finished runs."""

    seeds: dict[str, Cost | None] = field(default_factory=dict)
    total: Cost = field(default_factory=Cost)
    left: Cost = field(default_factory=Cost)
    parts: list[Part] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether every cell could be counted."""
        return None not in self.seeds.values()


def outlook(cells: Sequence[Planned]) -> Outlook:
    """Counts every distinct network once; a few seconds. Raises UserError as `build_cell` does."""
    found, units = Outlook(), dict[str, Unit]()
    for planned in cells:
        if str(planned.folder) in found.seeds:  # two labels of one cell
            continue
        sizes = sizes_of(planned.run)
        if sizes is None:
            found.seeds[str(planned.folder)] = None
            continue
        cell = build_cell(planned.run, planned.origin)
        key = _key(cell, sizes.shape)
        units[key] = units.get(key) or count(cell, sizes)
        one = cell_cost(cell, sizes, 1, units[key])
        found.seeds[str(planned.folder)] = one
        whole, left = Cost(), Cost()
        for seed in planned.run.seeds:
            whole += one
            if not planned.is_done(seed):
                left += one.times(1 - planned.stages_done(seed) / planned.run.budget.stages)
        found.total, found.left = found.total + whole, found.left + left
        found.parts.append(Part(cell.identity.learner, cell.identity.strategy, whole, left))
        found.seen += seen_of(cell, one)
    return found


def _key(cell: Cell, shape: tuple[int, ...]) -> str:
    return f"{cell.learner.recipe} {cell.strategy!r} {cell.extension!r} {shape}"
