"""How data is read on this machine: nothing here changes what a dataset is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from altool.core.errors import UserError
from altool.data.root import default_data_root

ON_CORRUPT = ("stop", "skip")


@dataclass(frozen=True)
class Reading:
    """data_root: where downloaded and decoded sets lie, None for ALTOOL_DATA or the user's cache.
    download: whether a missing public set may be fetched.
    memory_gib: items that are larger together stay in their memory map (or in main memory, where they came from an
    array) and go to the device batch by batch; smaller ones are resident on the device.
    on_corrupt: what an image file that cannot be read does: `stop` before anything is trained, or `skip` it.
    verify: compare the contents of all image files with what was decoded, not only their sizes and times.
    quiet: show no progress.
    """

    data_root: Path | None = None
    download: bool = False
    memory_gib: float = 4.0
    on_corrupt: Literal["stop", "skip"] = "stop"
    verify: bool = False
    quiet: bool = False

    def __post_init__(self) -> None:
        if self.on_corrupt not in ON_CORRUPT:
            raise UserError(f"on_corrupt={self.on_corrupt}: known: {', '.join(ON_CORRUPT)}.")
        if not self.memory_gib >= 0:
            raise UserError(f"memory_gib={self.memory_gib}: must not be negative.")

    @property
    def root(self) -> Path:
        return self.data_root or default_data_root()

    def is_resident(self, n_bytes: int) -> bool:
        return n_bytes <= self.memory_gib * 2**30
