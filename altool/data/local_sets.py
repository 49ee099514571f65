"""Sets that altool reads but does not fetch: what they are, and where below the data root they are looked for."""

from pathlib import Path

from altool.core.errors import UserError
from altool.data.reading import Reading
from altool.data.spec import DatasetSpec

PLACES = {  # below the data root, first found first
    "neu": ("NEU-CLS-64", "NEU-CLS", "neu"),
    "neu_det_64": ("neu_det_64.npz",),
    "magnetic_tile_64": ("magnetic_tile_64.npz",),
    "cityscapes": ("cityscapes", "Cityscapes"),
    "caltech101": (
        "caltech101/101_ObjectCategories",
        "101_ObjectCategories",
        "caltech-101/101_ObjectCategories",
    ),
}
SOURCES = {
    "neu": "the NEU surface defect database (NEU-CLS-64, 7,226 images; or NEU-CLS, 1,800 of 200×200)",
    "caltech101": "Caltech-101 (9,144 images in 102 folders; caltech-101.zip, 137 MB, from "
    "data.caltech.edu/records/mzrjq-6wc02)",
    "cityscapes": "Cityscapes' street scenes, a class for every pixel (2,975 + 500 images; leftImg8bit_trainvaltest.zip and "
    "gtFine_trainvaltest.zip from www.cityscapes-dataset.com, which wants a registration)",
    "neu_det_64": "six kinds of NEU's defects at 64×64, 1,800 grey images: arrays x, y, classes",
    "magnetic_tile_64": "magnetic tile defects (Huang et al. 2018) at 64×64, 1,344 grey images: arrays x, y, classes",
}


def place_of(name: str, data_root: Path) -> Path | None:
    """Where the set lies, None where it does not."""
    return next((data_root / place for place in PLACES[name] if (data_root / place).exists()), None)


def find_set(spec: DatasetSpec, reading: Reading) -> Path:
    """Where the set lies: `spec.path`, or below it as it would below the data root, or in the data root. Raises UserError
    when it is not there."""
    if spec.path is not None:
        path = Path(spec.path).expanduser()
        if not path.exists():
            raise UserError(f"dataset.path={path} does not exist.")
        return place_of(spec.reader, path) or path
    place = place_of(spec.reader, reading.root)
    if place is not None:
        return place
    raise UserError(
        f"{spec.reader} is not in {reading.root}: it is {SOURCES[spec.reader]}. Put it there as "
        f"{PLACES[spec.reader][0]}, or say where it lies: dataset.path=… or data_root=…"
    )
