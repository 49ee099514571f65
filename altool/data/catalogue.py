"""Which datasets there are, which of them lie on this machine, and how to fetch the others."""

from dataclasses import dataclass
from pathlib import Path

from altool.core.errors import UserError, did_you_mean
from altool.data.local_sets import PLACES, SOURCES, place_of
from altool.data.public import PUBLIC_SETS, present_at
from altool.data.root import default_data_root

EMBEDDED_SETS = {
    "digits": "scikit-learn's handwritten digits: 1,797 grey images of 8×8, 10 classes",
    "moons": "points on two interleaving half circles: 800 + 200, 2 classes",
    "circles": "points on two circles: 800 + 200, 2 classes",
    "moons_imb10": "points on two half circles, 500 against 50: 550 + 1,000, 2 classes",
}


@dataclass(frozen=True)
class Entry:
    """One line of `altool data ls`. `where`: a path, or the command that fetches it; `size`: on
    disk, or to download.
    """

    name: str
    what: str
    present: bool
    where: str
    size: str


def entries(data_root: Path | None = None) -> list[Entry]:
    """All sets by name, embedded ones first. Looks at file names only."""
    root = data_root or default_data_root()
    rows = [Entry(name, what, True, "embedded", "") for name, what in EMBEDDED_SETS.items()]
    for name, known in PUBLIC_SETS.items():
        where = present_at(name, root)
        if where is None:
            fetch = f"altool data get {name}"
            rows.append(Entry(name, known.describe(), False, fetch, f"{known.download_mb} MB to download"))
        else:
            files = [where] if where.is_file() else known.torchvision_files(root)
            megabytes = sum(file.stat().st_size for file in files) / 1e6
            rows.append(Entry(name, known.describe(), True, str(where), f"{megabytes:.0f} MB"))
    for name, what in SOURCES.items():
        place = place_of(name, root)
        rows.append(
            Entry(name, what, place is not None, str(place or f"put it there as {PLACES[name][0]}"), "")
        )
    return rows


def get(name: str, data_root: Path | None = None) -> Path:
    """Downloads the set unless it is there, reads it whole to see that it is sound, and says where
    it lies.

    Raises UserError for a name that is none, a set that needs no download, a failed download, or a
    damaged file.
    """
    from altool.data.public_reader import read_public  # brings torch, which a listing can do without

    root = data_root or default_data_root()
    base = next((known for known in PUBLIC_SETS if name == known or name.startswith(f"{known}_")), None)
    if base is None:
        if name in EMBEDDED_SETS:
            raise UserError(f"{name} is embedded, nothing to fetch: altool run dataset={name}")
        if name in SOURCES:
            raise UserError(
                f"{name} cannot be fetched: it is {SOURCES[name]}; put it in {root} as {PLACES[name][0]}."
            )
        raise UserError(f"{name} is no dataset to fetch: {did_you_mean(name, PUBLIC_SETS)}")
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{root} cannot be made ({error.strerror}): name another folder with ALTOOL_DATA."
        ) from error
    read_public(base, root, download=True)
    where = present_at(base, root)
    if where is None:
        raise UserError(f"{base} was downloaded, but its files are not in {root}.")
    return where
