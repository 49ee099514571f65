"""Reads a packed study and restores its runs; every name, checksum and run is checked before the first file is written."""

import hashlib
import json
import shutil
import stat
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from altool.core.errors import UserError
from altool.core.study import ABOUT, FORMAT, IN_RUN, README, SUMS, TABLES, VERSION, check_run_files


@dataclass(frozen=True)
class PackedRun:
    """One run of a study. `home`: its folder below an outputs folder; `files`: their content by relative name."""

    home: str
    files: Mapping[str, Callable[[], bytes]]


@dataclass(frozen=True)
class Study:
    """A packed study whose every file was checked."""

    path: Path
    runs: tuple[PackedRun, ...]


def open_study(path: Path, watched: Callable[[Sequence[str]], Iterable[str]] = iter) -> Study:
    """The study at `path`, with every name, checksum and run of it checked. Raises UserError.

    `watched` shows how far the check of the runs is.
    """
    entries = _entries(path)
    for name in (SUMS, ABOUT):
        if name not in entries:
            raise UserError(f"{path} is no study that altool export made: it has no {name}.")
    found: dict[str, dict[str, Callable[[], bytes]]] = {}
    for name, read in entries.items():
        match = IN_RUN.fullmatch(name)
        if match:
            found.setdefault(match["home"], {})[match["file"]] = read
        elif name not in (SUMS, ABOUT, README, *TABLES):
            raise UserError(f"{path}: {name!r} is no file of a study; nothing was imported.")
    _check_sums(path, entries)
    _check_about(path, entries[ABOUT](), set(found))
    for home in watched(sorted(found)):
        try:
            check_run_files(home, {name: read() for name, read in found[home].items()})
        except (ValueError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: runs/{home}: {error}; nothing was imported.") from None
    return Study(path, tuple(PackedRun(home, files) for home, files in sorted(found.items())))


def _entries(path: Path) -> dict[str, Callable[[], bytes]]:
    """Every file of a zip or a folder by its name with slashes. Links and repeated names are refused."""
    if path.is_dir():
        below = sorted(path.rglob("*"))
        if links := [one for one in below if one.is_symlink()]:
            raise UserError(f"{links[0]} is a link: a study holds plain files only.")
        return {one.relative_to(path).as_posix(): one.read_bytes for one in below if one.is_file()}
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file or folder.") from None
    except (OSError, RuntimeError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is no zip file that can be read ({error}).") from None
    entries: dict[str, Callable[[], bytes]] = {}
    for info in archive.infolist():
        if info.is_dir():
            continue
        if stat.S_ISLNK(info.external_attr >> 16) or info.filename in entries:
            raise UserError(
                f"{path}: {info.filename!r} is a link or stands there twice; nothing was imported."
            )
        entries[info.filename] = lambda info=info: _unzipped(path, archive, info)
    return entries


def _unzipped(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        return archive.read(info)
    except (OSError, RuntimeError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(
            f"{path}: {info.filename!r} cannot be read ({error}); nothing was imported."
        ) from None


def _check_sums(path: Path, entries: Mapping[str, Callable[[], bytes]]) -> None:
    lines = entries[SUMS]().decode(errors="replace").splitlines()
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    if missing := sorted(sums.keys() ^ (entries.keys() - {SUMS})):
        what = "is missing from it" if missing[0] in sums else f"has no line in its {SUMS}"
        raise UserError(f"{path}: {missing[0]!r} {what}; nothing was imported.")
    for name, digest in sums.items():
        if hashlib.sha256(entries[name]()).hexdigest() != digest:
            raise UserError(
                f"{path}: {name} is not what was packed (its checksum differs); nothing was imported."
            )


def _check_about(path: Path, content: bytes, homes: set[str]) -> None:
    try:
        about = json.loads(content)
        listed = {run["run"] for run in about["runs"]}
        known = about["format"] == FORMAT and about["version"] <= VERSION
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path}: its {ABOUT} cannot be read; nothing was imported.") from None
    if not known:
        raise UserError(f"{path} is of a newer kind (version {about['version']}): update altool.")
    if listed != homes:
        raise UserError(f"{path}: {ABOUT} lists other runs than there are; nothing was imported.")


def restore(study: Study, outputs: Path) -> tuple[list[Path], list[Path]]:
    """Writes the runs of `study` below `outputs`; returns the folders written, and those that were there already.

    Raises UserError, having written nothing, when a folder is there with other content.
    """
    new: dict[Path, PackedRun] = {}
    there: list[Path] = []
    differing: list[Path] = []
    for run in study.runs:
        folder = outputs / run.home
        if not folder.exists():
            new[folder] = run
        elif _holds(folder, run):
            there.append(folder)
        else:
            differing.append(folder)
    if differing:
        more = f" and {len(differing) - 1} more" if len(differing) > 1 else ""
        raise UserError(
            f"{differing[0]}{more} is there already, with other content. Nothing was imported: name another folder with "
            "--outputs."
        )
    for number, (folder, run) in enumerate(new.items()):
        try:
            _write(folder, run)
        except OSError as error:
            raise UserError(
                f"{folder} cannot be written: {error.strerror}. {number} of {len(new)} runs were restored; the same "
                "command goes on with the others."
            ) from None
    return list(new), there


def _holds(folder: Path, run: PackedRun) -> bool:
    """Whether every file of `run` lies in `folder` as it was packed."""
    return all(
        (folder / name).is_file() and (folder / name).read_bytes() == read()
        for name, read in run.files.items()
    )


def _write(folder: Path, run: PackedRun) -> None:
    """The whole folder or, when interrupted, none of it."""
    draft = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.tmp")
    try:
        for name, read in run.files.items():
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            (draft / name).write_bytes(read())
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
