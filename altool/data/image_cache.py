"""Image files decoded once: uint8 pixels in one file that only grows, beside an index of its rows.

They lie in `data_root/decoded/<folder>-<hash>/<height>x<width>x<channels>/`, so that listings of one folder that differ in
size or greyness keep each their own. A file is known by its relative path, size and modification time; what is new or
changed is decoded with all cores, one window of images at a time, so memory stays bounded. Whatever kills the process, the
rows that the index names are whole; what lies beyond them is written again.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from altool.core.errors import UserError
from altool.core.lock import holding
from altool.core.machine import usable_cores
from altool.core.stop import check_stop
from altool.data.bad_files import printable, refusal, unavailable, why, wrong_name
from altool.data.cache_index import DIGEST_BYTES, Entries, Entry, Files, Index, Stats, all_entries, digest_of
from altool.data.counting import Counting
from altool.data.decode import Header, Unreadable, decode, decode_map, read_header
from altool.data.reading import Reading
from altool.data.rows import Rows

VERSION = 2  # of what `decode` makes of a file, and of where it lies
WINDOW = 32  # images per core that are in memory at a time
COMMIT_SECONDS = 30.0
ATTEMPTS = 3  # at rows that other processes may be replacing

Size = int | tuple[int, int] | None  # side, or height and width; None: as the images are


class MixedSizes(UserError):
    """The images have different sizes, and none was given. `found`: two of them, in words."""

    def __init__(self, found: str):
        super().__init__(f"{found}: give one size to all with dataset.size=32.")
        self.found = found


class Decoded(NamedTuple):
    """`items` of the names at `kept`, which have (width, height) `sizes` in their files; `skipped`: why the others are left
    out, by name."""

    items: Rows
    kept: np.ndarray
    sizes: list[tuple[int, int]]
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
    errors = {name: why_not for name in names if (why_not := wrong_name(name))}
    if errors and reading.on_corrupt == "stop":  # before the others are decoded
        raise UserError(refusal(root, errors, len({*names})))
    index, pixels = cache.open({name: cache.stat(name) for name in {*names} - errors.keys()})
    errors |= {n: index.entries[n].error for n in names if n not in errors and index.entries[n].row < 0}
    if errors and (reading.on_corrupt == "stop" or len(errors) == len({*names})):
        raise UserError(refusal(root, errors, len({*names})))
    kept = np.array([i for i, name in enumerate(names) if name not in errors], np.int64)
    entries = [index.entries[name] for name in names if name not in errors]
    digests = np.frombuffer(bytes.fromhex("".join(entry.pixels for entry in entries)), np.uint8)
    rows = Rows(pixels, np.array([e.row for e in entries]), digests.reshape(-1, DIGEST_BYTES))
    sizes = [(entry.width, entry.height) for entry in entries]
    return Decoded(rows, kept, sizes, {printable(name): reason for name, reason in errors.items()})


class _Cache:
    """The cache folder of one image folder: an index with its rows for each shape that was asked for."""

    def __init__(self, root: Path, size: Size, reading: Reading, rgb: bool, classes: bytes | None):
        self.root, self.size, self.reading, self.rgb = root.absolute(), size, reading, rgb
        self.maps = classes is not None
        self.decode = partial(decode_map, classes=classes) if classes else decode
        about = f"{VERSION}|{self.root}" + (f"|{classes.hex()}" if classes else "")
        key = hashlib.sha256(about.encode(errors="surrogateescape")).hexdigest()
        self.folder = reading.root.absolute() / "decoded" / f"{self.root.name}-{key[:12]}"
        self.workers = usable_cores()

    def stat(self, name: str) -> os.stat_result:
        """Raises UserError where the file has gone since it was listed."""
        try:
            return (self.root / name).stat()
        except OSError as error:
            raise unavailable(self.root, {name: why(error)}) from error

    def open(self, stats: Stats) -> tuple[Index, np.ndarray]:
        """The complete index and the rows that it names, (n, H, W, C), unread."""
        files = self.files(stats)
        found = self.known(files)
        shape = self.shape(found)
        for _ in range(ATTEMPTS):
            index = Index.load(self.folder, shape)
            if files.stale(index.entries):
                index = self.fill(files, found, shape)
            try:
                return index, index.map()
            except FileNotFoundError:  # another process wrote these rows anew and removed those of the index
                continue
        raise UserError(f"other processes keep changing {self.folder}: wait for them, or type data_root=….")

    def files(self, stats: Stats) -> Files:
        """The files as they are now, with the contents of those that seem unchanged when asked to verify."""
        files = Files(stats)
        if not self.reading.verify:
            return files
        same = sorted({name for entries in all_entries(self.folder) for name in files.current(entries)})
        with (
            ThreadPoolExecutor(self.workers) as pool,
            Counting("verifying", len(same), self.reading.quiet) as counting,
        ):
            found = [counting.counted(digest) for digest in pool.map(self._contents, same)]
        return Files(stats, dict(zip(same, found, strict=True)))

    def known(self, files: Files) -> Entries:
        """What is known of every file: from the indices of all shapes, else from its header."""
        found: Entries = {}
        for entries in all_entries(self.folder):
            found |= files.current(entries)
        return found | self._read_headers(sorted(files.stats.keys() - found.keys()), files.stats)

    def shape(self, found: Entries) -> tuple[int, ...]:
        """(H, W, C) that the rows must have. Raises UserError where sizes differ and none is given."""
        images = {name: entry for name, entry in found.items() if entry.width}
        sizes = {(entry.width, entry.height): name for name, entry in images.items()}
        if self.size is None and len(sizes) > 1:
            (one, a), (two, b) = list(sizes.items())[:2]
            raise MixedSizes(
                f"{self.root / a} has {one[0]}×{one[1]} pixels, {self.root / b} has {two[0]}×{two[1]}"
            )
        if not images:
            return ()
        height, width = _sides(self.size) or next(iter(sizes))[::-1]
        is_grey = self.maps or (not self.rgb and all(entry.is_grey for entry in images.values()))
        return (height, width, 1 if is_grey else 3)

    def fill(self, files: Files, found: Entries, shape: tuple[int, ...]) -> Index:
        """Decodes what is missing and returns the complete index. One process at a time; others wait for it."""
        try:
            with holding(self.folder / "lock"):
                return self._fill(files, found, shape)
        except OSError as error:
            raise UserError(
                f"decoded images cannot be written to {self.folder} ({error.strerror or error}): "
                "name another folder with data_root=… or ALTOOL_DATA."
            ) from error

    def _fill(self, files: Files, found: Entries, shape: tuple[int, ...]) -> Index:
        index = Index.load(self.folder, shape)  # another process may have done it while this one waited
        todo = sorted(files.stale(index.entries))
        outgrown = index.n_rows > 2 * len(index.entries) + 1000  # rows of files that changed or went
        if outgrown or not index.generation:
            # a file of its own: readers of the old one keep it open
            index = Index(index.folder, shape, index.generation + 1)
            todo = sorted(found)
        index.entries |= {name: found[name].without_pixels for name in todo}
        self._decode([name for name in todo if not index.entries[name].error], index)
        return index

    def _read_headers(self, todo: list[str], stats: Stats) -> Entries:
        found: Entries = {}
        failed: dict[str, str] = {}
        with (
            ThreadPoolExecutor(self.workers) as pool,
            Counting("reading headers", len(todo), self.reading.quiet) as counting,
        ):
            for name, header in zip(todo, pool.map(self._header, todo), strict=True):
                counting.advance()
                entry = Entry(stats[name].st_size, stats[name].st_mtime_ns)
                if isinstance(header, Header):
                    found[name] = entry._replace(**header._asdict())
                elif isinstance(header, tuple):
                    contents, error = header
                    found[name] = entry._replace(contents=contents, error=error)
                else:
                    failed[name] = why(header)
        if failed:
            raise unavailable(self.root, failed)
        return found

    def _header(self, name: str) -> Header | tuple[str, str] | OSError | MemoryError:
        """The header; or the digest of the file and what is wrong with it; or why it cannot be known now."""
        check_stop()
        try:
            try:
                return read_header(self.root / name)
            except Unreadable as error:
                return digest_of((self.root / name).read_bytes()), str(error)
        except (OSError, MemoryError) as error:
            return error

    def _decode(self, todo: list[str], index: Index) -> None:
        """Appends a row for each name, and writes the index from time to time and at the end, however it ends."""
        self._check_space(len(todo) * index.row_bytes)
        committed = time.monotonic()
        index.folder.mkdir(exist_ok=True)
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
                        index.append(file, name, *found)
                        counting.advance()
                    check_stop()
                    if time.monotonic() - committed > COMMIT_SECONDS:
                        index.commit(file)
                        committed = time.monotonic()
            finally:
                index.commit(file)
        for old in index.folder.glob("pixels.*"):
            if old != index.pixels:
                old.unlink()

    def _contents(self, name: str) -> str:
        return digest_of(self._bytes(name))

    def _bytes(self, name: str) -> bytes:
        try:
            return (self.root / name).read_bytes()
        except (OSError, MemoryError) as error:
            raise unavailable(self.root, {name: why(error)}) from error

    def _pixels(self, name: str, shape: tuple[int, ...]) -> tuple[str, np.ndarray | str]:
        """The digest of the file, and its pixels or what is wrong with it. Raises UserError where that is not known now."""
        contents = self._bytes(name)
        try:
            height, width, channels = shape
            return digest_of(contents), np.ascontiguousarray(self.decode(contents, (height, width, channels)))
        except Unreadable as error:
            return digest_of(contents), str(error)
        except (OSError, MemoryError) as error:
            raise unavailable(self.root, {name: why(error)}) from error

    def _check_space(self, n_bytes: int) -> None:
        free = shutil.disk_usage(self.folder).free
        if n_bytes > free:
            raise UserError(
                f"{self.folder} needs {n_bytes / 2**30:.1f} GiB for the decoded images, {free / 2**30:.1f} GiB are "
                "free there: name another folder with data_root=…, or a smaller dataset.size."
            )


def _sides(size: Size) -> tuple[int, int] | None:
    return (size, size) if isinstance(size, int) else size
