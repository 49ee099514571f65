"""What lies below some folders: studies of experiments, runs that belong to none, and what cannot be read."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from altool.analysis.read import read_stages
from altool.analysis.study import Study, load_study
from altool.core.errors import UserError
from altool.core.runfolder import read_run
from altool.core.states import Seen, look, see
from altool.reproduce.on_disk import experiments_of, studies_of

Watch = Callable[[Iterable[str], str], Iterable[str]]  # shows how far the work on names has come


@dataclass(frozen=True, eq=False)
class Found:
    """`studies`: with something on disk each; `plain`: seed folders of no study; `seen`: how all runs stand; `damaged`:
    what was left out, with the reason."""

    studies: Sequence[Study]
    plain: Sequence[Path]
    seen: Sequence[Seen]
    damaged: dict[Path, str]


def find(paths: Sequence[Path], watch: Watch) -> Found:
    """Looks at everything at or below `paths`. Raises UserError where one is missing or there is no run in any."""
    for path in paths:
        if not path.exists():
            raise UserError(
                f"{path}: there is no such folder; name the one that altool run or reproduce wrote to."
            )
    damaged: dict[Path, str] = {}
    recorded = [*_recorded(paths, damaged)]
    seen = {one.folder.resolve(): one for one in look(paths)}
    for study in recorded:  # whose runs may lie elsewhere
        for folder in _folders(study):
            if folder.resolve() not in seen and (folder / "run.json").exists():
                seen[folder.resolve()] = see(folder)
    readable = {folder for folder in seen if _readable(folder, damaged)}
    studies = [*recorded, *_by_fingerprint(recorded, readable, watch)]
    whole = [one for study in studies if (one := _with_runs(study, readable)) is not None]
    if not whole and not seen:
        where = ", ".join(map(str, paths))
        raise UserError(f"{where}: no run here; altool run and altool reproduce make some.")
    claimed = {folder.resolve() for study in whole for folder in _folders(study)}
    plain = sorted(readable - claimed)
    return Found(sorted(whole, key=_order), plain, [*seen.values()], damaged)


def _recorded(paths: Sequence[Path], damaged: dict[Path, str]) -> Iterator[Study]:
    """What altool reproduce wrote down, each record once."""
    files = {file.resolve(): file for path in paths for file in sorted(path.glob("**/study.json"))}
    for file in files.values():
        if file.parent.parent.name == "reproduce" or file.parent in paths:
            try:
                yield load_study(file)
            except UserError as error:
                damaged[file] = str(error)


def _readable(folder: Path, damaged: dict[Path, str]) -> bool:
    """Whether the run has a finished stage that can be read."""
    if not (folder / "stages.csv").exists():
        return False
    try:
        read_run(folder)
        if see(folder).stages_done:
            read_stages([folder])
            return True
    except UserError as error:
        damaged[folder] = str(error)
    return False


def _by_fingerprint(recorded: Sequence[Study], readable: set[Path], watch: Watch) -> Iterator[Study]:
    """Experiments whose runs other commands made. Smoke runs are only looked for in the records of their own."""
    smoke = {f.resolve() for study in recorded if study.generated for f in _folders(study)}
    told = {study.name for study in recorded if not study.stamp}
    cells: dict[str, list[Path]] = defaultdict(list)
    datasets: set[tuple[str, str]] = set()
    for folder in sorted(readable - smoke):
        run = read_run(folder) or {}
        identity = run.get("identity")
        if isinstance(identity, dict) and run.get("fingerprint") and not run.get("stamp"):
            cells[str(run["fingerprint"])].append(folder.parent)
            datasets.add((str(identity.get("dataset")), str(identity.get("imbalance"))))
    folders = {
        key: max(sorted({*found}), key=found.count) for key, found in cells.items()
    }  # with the most seeds
    names = [name for name in experiments_of(datasets) if name not in told]
    yield from studies_of(watch(names, "looking for experiments"), folders)


def _with_runs(study: Study, readable: set[Path]) -> Study | None:
    """The study with the seeds that can be read; None where nothing of it is on disk."""
    cells = tuple(
        replace(cell, seeds=tuple(s for s in cell.seeds if _kept(study.seed_folder(cell, s), readable)))
        for cell in study.cells
    )
    here = any(folder.resolve() in readable for folder in _folders(study))
    return replace(study, cells=cells) if here or not study.datasets.empty else None


def _kept(folder: Path, readable: set[Path]) -> bool:
    """A run that has not begun is still a wanted one; one that cannot be read is as if it were not there."""
    return folder.resolve() in readable or not (folder / "stages.csv").exists()


def _folders(study: Study) -> list[Path]:
    return [study.seed_folder(cell, seed) for cell in study.cells for seed in cell.seeds]


def _order(study: Study) -> tuple[object, ...]:
    """Results before smoke runs, then by paper and item: Fig. 3b before Fig. 10."""
    item = str(study.spec.get("item", ""))
    digits = "".join(c if c.isdigit() else " " for c in item).split()
    number = int(digits[0]) if digits else 0
    return study.generated, str(study.spec.get("paper", "~")), "Table" in item, number, item, study.name
