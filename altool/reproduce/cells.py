"""From an experiment's grid to its cells: words, configuration, folder; and what of them is on disk."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import yaml

from altool.analysis.label import method_name
from altool.analysis.study import StudyCell
from altool.config.fingerprint import budget_of, canonical, cell_folder, overrides
from altool.config.literal import as_text, literal
from altool.config.load import Origin
from altool.config.schema import RunConfig
from altool.config.shared import load_shared
from altool.config.words import parse
from altool.core.batches import epochs_of_fit
from altool.core.errors import UserError, did_you_mean
from altool.core.naming import fingerprint, seed_name
from altool.core.records import read_rows
from altool.core.runfolder import read_run
from altool.core.trace import has_trace, trace_word
from altool.reproduce.experiment import Block, Experiment, blocks_of

Scale = Callable[[RunConfig, str], list[str]]  # a composed run and its strategy → words that make it smaller


@dataclass(frozen=True)
class Planned:
    """One cell of the grid, composed."""

    label: str
    panel: str
    settings: Mapping[str, Any]
    run: RunConfig
    origin: Origin

    @cached_property
    def folder(self) -> Path:
        return cell_folder(self.run, overrides(self.run, self.origin))

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint(canonical(self.run))

    @property
    def strategy(self) -> str:
        return str(self.run.strategy["name"])

    def stages_done(self, seed: int) -> int:
        """Finished stages of this very configuration on disk."""
        run = read_run(self._seed_folder(seed))
        same = run is not None and run.get("fingerprint") == self.fingerprint
        return len(read_rows(self._seed_folder(seed) / "stages.csv")) if same else 0

    def is_done(self, seed: int) -> bool:
        return self.stages_done(seed) >= self.run.budget.stages

    def not_recorded(self, seed: int) -> list[str]:
        """What this experiment draws and a finished run was not asked to record, as words."""
        folder, words = self._seed_folder(seed), []
        if not has_trace(folder / "epochs.csv", self.run.trace, self._epochs()):
            words.append(trace_word(self.run.trace))
        if self.run.budget.stages == 1:  # no query, so nothing of one
            return words
        last = folder / "diagnostics" / f"stage_{self.run.budget.stages - 1:03d}.npz"
        if self.run.diagnostics.final and not _holds(last, "scores"):
            words.append("diagnostics.final=true")
        first = folder / "diagnostics" / "stage_000.npz"
        if self.run.diagnostics.audit and not _holds(first, "true_losses"):
            words.append("diagnostics.audit=true")
        return words

    def _epochs(self) -> list[int]:
        """Of the fit of every stage."""
        learner, budget = self.run.learner, budget_of(self.run)
        recipe = learner.batch_size, learner.epochs, learner.min_steps
        return [epochs_of_fit(budget.labelled_at(stage), *recipe) for stage in range(budget.stages)]

    def as_study_cell(self, folder: Path | None = None) -> StudyCell:
        """`folder`: where its runs were found, if not where this command would put them."""
        return StudyCell(
            self.label,
            self.panel,
            self.strategy,
            self.settings,
            folder or self.folder,
            tuple(self.run.seeds),
            self.run.budget.stages,
            self.origin.words,
        )

    def _seed_folder(self, seed: int) -> Path:
        return self.folder / seed_name(seed)


def _holds(path: Path, key: str) -> bool:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return key in stored.files
    except (OSError, ValueError, BadZipFile):  # not there, or damaged, which a new run mends as well
        return False


def plan(
    experiment: Experiment,
    words: Sequence[str] = (),
    folders: tuple[Path, ...] = (),
    scale: Scale | None = None,
) -> tuple[RunConfig, list[Planned]]:
    """The experiment's own configuration and its cells in order. `words`: for all of them, such as device=cpu.

    Raises UserError where the file of the experiment or a word means nothing.
    """
    lacking = (
        ("dataset=npz", f"dataset.name={experiment.lacks}", "learner=resnet18") if experiment.lacks else ()
    )
    base, origin = _load([f"experiment={experiment.name}", *lacking, *words], folders)
    if not base.reproduce:
        raise UserError(f"{experiment.path} has no reproduce: key, so there is nothing to draw.")
    first = (*experiment.runs, *lacking)
    cells: list[Planned] = []
    scaled: dict[tuple[str, ...], RunConfig] = {(): base}  # by the words that a scale depends on
    for block in blocks_of(base.reproduce, origin.sweep):
        told = tuple(word for word in block.words if not word.startswith("strategy."))
        if scale and told not in scaled:
            scaled[told] = _load([*first, *told, *words], folders)[0]
        of_block = scaled.get(told, base)
        for settings in _combinations(block):
            chosen = _replay(block, cells) if block.replay else [*first, *block.words, *_said(settings)]
            if scale and not block.replay:
                chosen += scale(of_block, str(settings.get("strategy", of_block.strategy["name"])))
            cell = _planned(block, settings, *_load(_last([*chosen, *words]), folders))
            if any((cell.label, cell.panel) == (other.label, other.panel) for other in cells):
                raise UserError(f"{experiment.path}: two cells are called {cell.label}.")
            cells.append(cell)
    return base, cells


def _combinations(block: Block) -> Iterator[dict[str, Any]]:
    for values in itertools.product(*block.sweep.values()):
        yield dict(zip(block.sweep, values, strict=True))


def _said(settings: Mapping[str, Any]) -> list[str]:
    return [f"{key}={literal(value)}" for key, value in settings.items()]


def _last(words: list[str]) -> list[str]:
    """Each key once: of a group Hydra takes one choice only."""
    return list({word.partition("=")[0]: word for word in words}.values())


def _planned(block: Block, settings: Mapping[str, Any], run: RunConfig, origin: Origin) -> Planned:
    fixed = {key: yaml.safe_load(value) for key, _, value in (word.partition("=") for word in block.words)}
    everything = {"strategy": run.strategy["name"], **fixed, **settings}
    return Planned(_label(block, run, settings), block.panel, everything, run, origin)


def _load(words: list[str], folders: tuple[Path, ...]) -> tuple[RunConfig, Origin]:
    return load_shared(parse([*(f"--config-dir={folder}" for folder in folders), *words]))


def _replay(block: Block, before: Sequence[Planned]) -> list[str]:
    """Words of a cell that buys what an earlier one bought, as `altool replay` does."""
    known = {cell.label: cell for cell in before if cell.panel == block.panel}
    if block.replay not in known:
        raise UserError(f"reproduce.cells: replay: {block.replay}: {did_you_mean(block.replay, known)}")
    source = known[block.replay]
    return [
        *(word for word in source.origin.words if not word.startswith("strategy")),
        "strategy=replay",
        f"strategy.name={source.strategy}_replayed",
        f"strategy.of={as_text(str(source.folder))}",
        "budget.candidates=all",
        *block.words,
    ]


def _label(block: Block, run: RunConfig, settings: Mapping[str, Any]) -> str:
    if block.label:
        last = [*settings.values()][-1:]
        return block.label.replace("{}", "".join(map(literal, last)))
    extra = {key.rpartition(".")[2]: value for key, value in settings.items() if key != "strategy"}
    name = method_name(str(run.strategy["name"]))
    return f"{name} ({', '.join(_said(extra))})" if extra else name
