"""Packs run folders into a study, as a zip or a folder; the same runs make the same bytes."""

import hashlib
import json
import re
import shutil
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

import altool
from altool.core.errors import UserError
from altool.core.records import parse_rows
from altool.core.study import (
    ABOUT,
    EXTRA_FILES,
    FORMAT,
    README,
    RUN_FILES,
    SUMS,
    VERSION,
    check_run_files,
    home_of,
)

Files = dict[str, bytes]
Rows = list[dict[str, str]]
Tables = Callable[[Rows, Rows], Mapping[str, bytes]]
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date that a zip knows: when it was packed is not in it

EXPLANATION = """\
An active-learning study, packed by altool {version}. Nothing here is a pickle; `sha256sum -c SHA256SUMS` checks it.

stages.{suffix}
    One row per fitted model. run: its folder below runs/; dataset, imbalance, learner, strategy, compat, seed: what it is;
    stage, n_labelled: how many labels it was fitted on. Then its measures on the test set (fractions; nll in nats), the
    same on a validation set where there is one (val_...), class counts of the labels, seconds, memory, device. Then the
    fingerprint of the configuration, the status of the run, overrides (what differs from the defaults of the names, as
    JSON), a digest of the data, versions and machine. Lists are written a;b;c.
acquired.{suffix}
    One row per bought label: the index sets. stage: the first one whose model is fitted on it (0: the start set); rank: its
    place in the purchase; index: of the item in the dataset's own training order, from 0; label: its class, from 0;
    score: what the strategy gave it, empty for the start set.
study.json
    Which runs there are, and how far each is.
runs/
    Every run: config.yaml (the resolved configuration), run.json (versions, machine, command, status), stages.csv and
    acquired.csv (as above, of this run), carry/ (arrays that a strategy hands to its next stage).

altool import FILE --outputs DIR                        restores the runs: plot them, compare with them, go on with them
altool replay DIR/<folder of a cell> learner=resnet18   trains another learner on what was bought
"""


def pack(
    folders: Iterable[Path], out: Path, tables: Tables, everything: bool = False
) -> list[dict[str, Any]]:
    """Packs the seed `folders`, with what `tables` makes of all rows of stages.csv and of acquired.csv.

    `everything`: with logs and diagnostics. Returns run, status and stages_done of each. Raises UserError when `out` is
    there already, or when a folder is damaged or contradicts another; then nothing is left.
    """
    if out.exists():
        raise UserError(f"{out} is there already: name another --out, or remove it.")
    stages: Rows = []
    purchases: Rows = []
    packed: list[dict[str, Any]] = []
    seen: dict[str, tuple[Path, Files]] = {}
    with _writer(out) as write:
        for folder in folders:
            home, files = snapshot(folder, everything)
            if home in seen:
                other, same = seen[home]
                if files == same:
                    continue
                raise UserError(
                    f"{other} and {folder} are the same run, each as far as it got: name one of them."
                )
            seen[home] = folder, files
            for name, content in sorted(files.items()):
                write(f"runs/{home}/{name}", content)
            run = json.loads(files["run.json"])
            rows = parse_rows(files.get("stages.csv", b"").decode())
            about = _about(run)
            stages += [{"run": home, **row, **about} for row in rows]
            who = {"run": home, **run["identity"], "seed": str(run["seed"])}
            purchases += [{**who, **row} for row in parse_rows(files.get("acquired.csv", b"").decode())]
            packed.append({"run": home, "status": run["status"], "stages_done": len(rows)})
        made = tables(stages, purchases)
        for name, content in made.items():
            write(name, content)
        head = {"format": FORMAT, "version": VERSION, "altool": altool.__version__, "runs": packed}
        write(ABOUT, (json.dumps(head, indent=1) + "\n").encode())
        suffix = Path(next(iter(made))).suffix[1:]
        write(README, EXPLANATION.format(version=altool.__version__, suffix=suffix).encode())
    return packed


def snapshot(folder: Path, everything: bool = False) -> tuple[str, Files]:
    """Where the run in `folder` belongs, and its files. Raises UserError when they are not whole.

    stages.csv is read first: a run at work may go on meanwhile, and what lies beyond the last row does not count.
    """
    wanted = re.compile(f"{RUN_FILES}|{EXTRA_FILES}" if everything else RUN_FILES)
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    names = sorted(filter(wanted.fullmatch, names), key=lambda name: (name != "stages.csv", name))
    try:
        files = {name: (folder / name).read_bytes() for name in names}
        if missing := {"run.json", "config.yaml"} - files.keys():
            raise ValueError(f"it lacks {', '.join(sorted(missing))}")
        home = home_of(json.loads(files["run.json"]), yaml.safe_load(files["config.yaml"]))
        check_run_files(home, files)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"{folder} cannot be packed: {error}. Nothing was written.") from None
    return home, files


def _about(run: Mapping[str, Any]) -> dict[str, str]:
    platform = run.get("platform", {})
    return {
        "fingerprint": run["fingerprint"],
        "status": run["status"],
        "overrides": json.dumps(run["overrides"], sort_keys=True),
        "data": str(run.get("data", "")),
        "altool": str(run.get("versions", {}).get("altool", "")),
        **{key: str(platform.get(key, "")) for key in ("torch", "processor", "threads", "precision")},
    }


@contextmanager
def _writer(out: Path) -> Iterator[Callable[[str, bytes], None]]:
    """Takes files by name; the checksums come last, and `out` is there when all is written, or not at all."""
    draft = out.with_name(f".{out.name}.{uuid.uuid4().hex}.tmp")
    sums: dict[str, str] = {}
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with _zip(draft) if out.suffix == ".zip" else _folder(draft) as write:

            def noted(name: str, content: bytes) -> None:
                sums[name] = hashlib.sha256(content).hexdigest()
                write(name, content)

            yield noted
            write(SUMS, "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())).encode())
        draft.rename(out)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}.") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True) if draft.is_dir() else draft.unlink(missing_ok=True)


@contextmanager
def _zip(path: Path) -> Iterator[Callable[[str, bytes], None]]:
    with zipfile.ZipFile(path, "w") as archive:

        def write(name: str, content: bytes) -> None:
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)

        yield write


@contextmanager
def _folder(path: Path) -> Iterator[Callable[[str, bytes], None]]:
    def write(name: str, content: bytes) -> None:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)

    path.mkdir()
    yield write
