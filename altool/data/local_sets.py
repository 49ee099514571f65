"""Sets that altool reads but does not fetch: what they are, and where below the data root they are looked for."""

from pathlib import Path

PLACES = {  # below the data root, first found first
    "neu": ("NEU-CLS-64", "NEU-CLS", "neu"),
    "neu_det_64": ("neu_det_64.npz",),
    "magnetic_tile_64": ("magnetic_tile_64.npz",),
    "caltech101": (
        "caltech101/101_ObjectCategories",
        "101_ObjectCategories",
        "caltech-101/101_ObjectCategories",
    ),
}
SOURCES = {
    "neu": "the NEU surface defect database (NEU-CLS-64, 7,226 images; or NEU-CLS, 1,800 of 200×200)",
    "caltech101": "Caltech-101 (9,144 images in 102 folders; altool downloads nothing of it)",
    "neu_det_64": "six kinds of NEU's defects at 64×64, 1,800 grey images: arrays x, y, classes",
    "magnetic_tile_64": "magnetic tile defects (Huang et al. 2018) at 64×64, 1,344 grey images: arrays x, y, classes",
}


def place_of(name: str, data_root: Path) -> Path | None:
    """Where the set lies, None where it does not."""
    return next((data_root / place for place in PLACES[name] if (data_root / place).exists()), None)
