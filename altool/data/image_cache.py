"""Image files decoded once: uint8 pixels in one file that only grows, beside an index of its rows.

They lie in `data_root/decoded/<folder>-<hash>/`. A file is known by its relative path, size and modification time; what is
new or changed is decoded with all cores, one window of images at a time, so memory stays bounded. Whatever kills the
process, the rows that the index names are whole; what lies beyond them is written again.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from altool.core.errors import UserError
from altool.core.lock import Lock, LockHeld
from altool.core.stop import check_stop
from altool.data.cache_index import DIGEST_BYTES, Entry, Index, digest_of
from altool.data.counting import Counting
from altool.data.decode import Header, Unreadable, decode, decode_map, read_header
from altool.data.reading import Reading
from altool.data.rows import Rows

VERSION = 1  # of what `decode` makes of a file
WINDOW = 32  # images per core that are in memory at a time
COMMIT_SECONDS = 30.0
SHOWN = 20  # files that an error names one by one

Stats = dict[str, os.stat_result]
Size = int | tuple[int, int] | None  # side, or height and width; None: as the images are


class MixedSizes(UserError):
    """The images have different sizes, and none was given."""


class Decoded(NamedTuple):
    """`items` of the names at `kept`; `skipped`: why the others are left out, by name."""

    items: Rows
    kept: np.ndarray
    skipped: dict[str, str]


def decoded(
    root: Path,
    names: Sequence[str],
    size: Size,
    reading: Reading,
    rgb: bool = False,
    classes: bytes | None = None,
) -> Decoded:
    """The images `root / name`, decoded now or before; all grey, or else, and with `rgb` in any case, all RGB. `size`: side
    or (height, width) that each is stretched to, None where all have one size. `classes`: the images are maps of class
    ids, and this is what each id stands for.

    Raises UserError where sizes differ without `size`, where the cache cannot be written, and, unless files are to be
    skipped, for all files that give no image, by name.
    """
    cache = _Cache(root, size, reading, rgb, classes)
    index = Index.load(cache.folder)
    stats = {name: (root / name).stat() for name in dict.fromkeys(names)}
    if cache.stale(index, stats) or cache.shape(index, stats) != index.shape:
        index = cache.fill(stats)
    errors = {name: index.entries[name].error for name in stats if index.entries[name].row < 0}
    if errors and (reading.on_corrupt == "stop" or len(errors) == len(stats)):
        raise UserError(_refusal(root, errors, len(stats)))
    kept = np.array([i for i, name in enumerate(names) if name not in errors], np.int64)
    entries = [index.entries[name] for name in names if name not in errors]
    digests = np.frombuffer(bytes.fromhex("".join(entry.pixels for entry in entries)), np.uint8)
    rows = Rows(index.map(), np.array([e.row for e in entries]), digests.reshape(-1, DIGEST_BYTES))
    return Decoded(rows, kept, errors)


def _refusal(root: Path, errors: dict[str, str], n_files: int) -> str:
    lines = [f"  {name}: {reason}" for name, reason in list(errors.items())[:SHOWN]]
    if len(errors) > SHOWN:
        lines.append(f"  … and {len(errors) - SHOWN} more")
    advice = "Repair or remove them"
    if len(errors) < n_files:
        advice += ", or go on without them: on_corrupt=skip"
    head = f"{len(errors)} of {n_files} files in {root} cannot be read as an image:"
    return "\n".join([head, *lines, advice])


class _Cache:
    """The cache folder of one image folder at one size."""

    def __init__(self, root: Path, size: Size, reading: Reading, rgb: bool, classes: bytes | None):
        self.root, self.size, self.reading, self.rgb = root.absolute(), size, reading, rgb
        self.decode = partial(decode_map, classes=classes) if classes else decode
        about = f"{VERSION}|{self.root}|{size}|{rgb}" + (f"|{classes.hex()}" if classes else "")
        key = hashlib.sha256(about.encode(errors="surrogateescape")).hexdigest()
        self.folder = reading.root.absolute() / "decoded" / f"{self.root.name}-{key[:12]}"
        self.workers = (
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        )

    def stale(self, index: Index, stats: Stats) -> set[str]:
        """The names that must be decoded: unknown, changed in size or time, or, when asked to verify, in contents."""
        known = index.entries
        same = [name for name, stat in stats.items() if name in known and known[name].is_of(stat)]
        if self.reading.verify:
            with (
                ThreadPoolExecutor(self.workers) as pool,
                Counting("verifying", len(same), self.reading.quiet) as counting,
            ):
                found = [counting.counted(digest) for digest in pool.map(self._contents, same)]
            same = [
                name for name, digest in zip(same, found, strict=True) if known[name].contents in ("", digest)
            ]
        return stats.keys() - set(same)

    def shape(self, index: Index, stats: Stats) -> tuple[int, ...]:
        """(H, W, C) that the rows must have. Raises UserError where sizes differ and none is given."""
        found = {n: index.entries[n] for n in stats if n in index.entries and index.entries[n].width}
        sizes = {(entry.width, entry.height): name for name, entry in found.items()}
        if self.size is None and len(sizes) > 1:
            (one, a), (two, b) = list(sizes.items())[:2]
            raise MixedSizes(
                f"{self.root / a} has {one[0]}×{one[1]} pixels, {self.root / b} has {two[0]}×{two[1]}: "
                "give one size to all with dataset.size=32."
            )
        if not found:
            return ()
        height, width = _sides(self.size) or next(iter(sizes))[::-1]
        return (height, width, 1 if not self.rgb and all(entry.is_grey for entry in found.values()) else 3)

    def fill(self, stats: Stats) -> Index:
        """Decodes what is missing and returns the complete index. One process at a time; others wait for it."""
        try:
            lock = _patient_lock(self.folder / "lock")
            try:
                return self._fill(stats)
            finally:
                lock.release()
        except OSError as error:
            raise UserError(
                f"decoded images cannot be written to {self.folder} ({error.strerror or error}): "
                "name another folder with data_root=… or ALTOOL_DATA."
            ) from error

    def _fill(self, stats: Stats) -> Index:
        index = Index.load(self.folder)  # another process may have done it while this one waited
        todo = sorted(self.stale(index, stats))
        self._read_headers(index, todo, stats)
        shape = self.shape(index, stats)
        outgrown = index.n_rows > 2 * len(index.entries) + 1000  # rows of files that changed or went
        if shape != index.shape or outgrown:
            # a file of its own: readers of the old one keep it open
            entries = {name: index.entries[name].without_pixels for name in stats}
            index = Index(self.folder, shape, index.generation + 1, 0, entries)
            todo = sorted(stats)
        self._decode([name for name in todo if not index.entries[name].error], index)
        return index

    def _read_headers(self, index: Index, todo: list[str], stats: Stats) -> None:
        with (
            ThreadPoolExecutor(self.workers) as pool,
            Counting("reading headers", len(todo), self.reading.quiet) as counting,
        ):
            for name, header in zip(todo, pool.map(self._header, todo), strict=True):
                counting.advance()
                entry = Entry(stats[name].st_size, stats[name].st_mtime_ns)
                if isinstance(header, str):
                    index.entries[name] = entry._replace(error=header)
                else:
                    index.entries[name] = entry._replace(**header._asdict())

    def _header(self, name: str) -> Header | str:
        check_stop()
        try:
            return read_header(self.root / name)
        except Unreadable as error:
            return str(error)

    def _decode(self, todo: list[str], index: Index) -> None:
        """Appends a row for each name, and writes the index from time to time and at the end, however it ends."""
        self._check_space(len(todo) * index.row_bytes)
        committed = time.monotonic()
        index.pixels.touch()
        with (
            index.pixels.open("r+b") as file,
            ThreadPoolExecutor(self.workers) as pool,
            Counting(f"decoding {self.root.name}", len(todo), self.reading.quiet) as counting,
        ):
            file.truncate(index.n_rows * index.row_bytes)
            file.seek(0, os.SEEK_END)
            try:
                for start in range(0, len(todo), WINDOW * self.workers):
                    part = todo[start : start + WINDOW * self.workers]
                    for name, found in zip(
                        part, pool.map(lambda n: self._pixels(n, index.shape), part), strict=True
                    ):
                        _append(file, index, name, *found)
                        counting.advance()
                    check_stop()
                    if time.monotonic() - committed > COMMIT_SECONDS:
                        _commit(file, index)
                        committed = time.monotonic()
            finally:
                _commit(file, index)
        for old in self.folder.glob("pixels.*"):
            if old != index.pixels:
                old.unlink()

    def _contents(self, name: str) -> str:
        return digest_of((self.root / name).read_bytes())

    def _pixels(self, name: str, shape: tuple[int, ...]) -> tuple[str, np.ndarray | str]:
        """The digest of the file, and its pixels or what is wrong with it."""
        try:
            contents = (self.root / name).read_bytes()
        except OSError as error:
            return "", str(error.strerror)
        try:
            height, width, channels = shape
            return digest_of(contents), np.ascontiguousarray(self.decode(contents, (height, width, channels)))
        except Unreadable as error:
            return digest_of(contents), str(error)

    def _check_space(self, n_bytes: int) -> None:
        free = shutil.disk_usage(self.folder).free
        if n_bytes > free:
            raise UserError(
                f"{self.folder} needs {n_bytes / 2**30:.1f} GiB for the decoded images, {free / 2**30:.1f} GiB are "
                "free there: name another folder with data_root=…, or a smaller dataset.size."
            )


def _sides(size: Size) -> tuple[int, int] | None:
    return (size, size) if isinstance(size, int) else size


def _append(file: Any, index: Index, name: str, contents: str, pixels: np.ndarray | str) -> None:
    entry = index.entries[name]._replace(contents=contents)
    if isinstance(pixels, str):
        index.entries[name] = entry._replace(error=pixels)
        return
    file.write(pixels.data)
    index.entries[name] = entry._replace(pixels=digest_of(pixels.data), row=index.n_rows)
    index.n_rows += 1


def _commit(file: Any, index: Index) -> None:
    file.flush()
    os.fsync(file.fileno())
    index.commit()


def _patient_lock(path: Path) -> Lock:
    """The lock, once nobody else has it."""
    while True:
        try:
            return Lock(path)
        except LockHeld:
            check_stop()
            time.sleep(0.5)
