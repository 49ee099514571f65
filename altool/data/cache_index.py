"""The index of a cache of decoded images: which file stands in which row, and what is wrong with the others."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from altool.core.atomic import write_text_atomic

DIGEST_BYTES = 16


class Entry(NamedTuple):
    """What is known of one file. `row` −1: it has no pixels, `error` says why. Digests are of the file and of its pixels; an
    entry without that of the file is not to be relied on."""

    n_bytes: int
    mtime_ns: int
    width: int = 0
    height: int = 0
    is_grey: bool = True
    contents: str = ""
    pixels: str = ""
    row: int = -1
    error: str = ""

    def is_of(self, stat: os.stat_result) -> bool:
        return bool(self.contents) and (self.n_bytes, self.mtime_ns) == (stat.st_size, stat.st_mtime_ns)

    @property
    def without_pixels(self) -> "Entry":
        return self if self.error else self._replace(contents="", pixels="", row=-1)


Entries = dict[str, Entry]
Stats = dict[str, os.stat_result]


@dataclass(frozen=True)
class Files:
    """Files by name as they are now. `digests`: of the contents of those that were read to be compared."""

    stats: Stats
    digests: dict[str, str] = field(default_factory=dict)

    def current(self, entries: Entries) -> Entries:
        """What `entries` say of these files and is still so."""
        return {
            name: entry
            for name, entry in entries.items()
            if name in self.stats
            and entry.is_of(self.stats[name])
            and self.digests.get(name, entry.contents) == entry.contents
        }

    def stale(self, entries: Entries) -> set[str]:
        """The names that must be decoded: unknown, or changed."""
        return self.stats.keys() - self.current(entries).keys()


@dataclass
class Index:
    """index.json in `folder`. Rows are uint8 of `shape` (H, W, C), `n_rows` of them in the file pixels.`generation`, 0
    before the first."""

    folder: Path
    shape: tuple[int, ...] = ()
    generation: int = 0
    n_rows: int = 0
    entries: dict[str, Entry] = field(default_factory=dict)

    @staticmethod
    def load(cache: Path, shape: tuple[int, ...]) -> "Index":
        """That of the rows of `shape` in the folder `cache`; an empty one where there is none or it is damaged: everything
        can be decoded again."""
        folder = cache / ("x".join(map(str, shape)) or "none")
        try:
            stored = json.loads((folder / "index.json").read_text())
            entries = {name: Entry(*values) for name, values in stored["entries"].items()}
            index = Index(folder, tuple(stored["shape"]), stored["generation"], stored["n_rows"], entries)
            if index.shape != shape or index.pixels.stat().st_size < index.n_rows * index.row_bytes:
                raise ValueError("rows are missing")
            return index
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return Index(folder, shape)

    @property
    def pixels(self) -> Path:
        return self.folder / f"pixels.{self.generation}"

    @property
    def row_bytes(self) -> int:
        return int(np.prod(self.shape))

    def map(self) -> np.ndarray:
        """All rows, (n_rows, H, W, C), unread."""
        if not self.n_rows:  # an empty file cannot be mapped
            return np.empty((0, *self.shape), np.uint8)
        return np.memmap(self.pixels, np.uint8, "r", shape=(self.n_rows, *self.shape))

    def append(self, file: BinaryIO, name: str, contents: str, pixels: np.ndarray | str) -> None:
        """To the open `file` of rows: those of the file `name`, whose digest is `contents`, or what is wrong with it."""
        entry = self.entries[name]._replace(contents=contents)
        if isinstance(pixels, str):
            self.entries[name] = entry._replace(error=pixels)
            return
        file.write(pixels.data)
        self.entries[name] = entry._replace(pixels=digest_of(pixels.data), row=self.n_rows)
        self.n_rows += 1

    def commit(self, file: BinaryIO) -> None:
        """Writes the files that are through, their rows in `file` first; those of which only the header is known are left
        for the next time."""
        file.flush()
        os.fsync(file.fileno())
        whole = {name: e for name, e in self.entries.items() if e.contents and (e.row >= 0 or e.error)}
        stored = {
            "shape": self.shape,
            "generation": self.generation,
            "n_rows": self.n_rows,
            "entries": whole,
        }
        write_text_atomic(self.folder / "index.json", json.dumps(stored))


def all_entries(cache: Path) -> Iterator[Entries]:
    """What the indices of all shapes in the folder `cache` say."""
    for file in sorted(cache.glob("*/index.json")):
        shape = tuple(int(side) for side in file.parent.name.split("x") if side.isdecimal())
        yield Index.load(cache, shape).entries


def digest_of(contents: Any) -> str:
    return hashlib.blake2b(contents, digest_size=DIGEST_BYTES).hexdigest()
