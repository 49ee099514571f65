"""The public benchmark sets: what they must hold, and where their files lie under data_root."""

from dataclasses import dataclass
from pathlib import Path

DIGITS = tuple("0123456789")
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FASHION = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
IDX = tuple(f"{part}-{what}-ubyte" for part in ("train", "t10k") for what in ("images-idx3", "labels-idx1"))
CIFAR10_BATCHES = (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch", "batches.meta")


@dataclass(frozen=True)
class PublicSet:
    """`torchvision`: its class there; `folder` and `files`: what that class reads; `shape`: (H, W,
    C) of one image.
    """

    title: str
    torchvision: str
    folder: str
    files: tuple[str, ...]
    n_train: int
    n_test: int
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    download_mb: int

    def torchvision_files(self, data_root: Path) -> list[Path]:
        return [data_root / self.folder / file for file in self.files]

    def describe(self) -> str:
        height, width, channels = self.shape
        colour = "grey" if channels == 1 else "colour"
        return (
            f"{self.title}: {self.n_train:,} + {self.n_test:,} {colour} images "
            f"of {height}×{width}, {len(self.classes)} classes"
        )


PUBLIC_SETS = {
    "mnist": PublicSet(
        "MNIST", "MNIST", "MNIST/raw", IDX, 60_000, 10_000, (28, 28, 1), DIGITS, download_mb=12
    ),
    "fashion_mnist": PublicSet(
        *("Fashion-MNIST", "FashionMNIST", "FashionMNIST/raw", IDX),
        *(60_000, 10_000, (28, 28, 1), FASHION),
        download_mb=31,
    ),
    "cifar10": PublicSet(
        *("CIFAR-10", "CIFAR10", "cifar-10-batches-py", CIFAR10_BATCHES),
        *(50_000, 10_000, (32, 32, 3), CIFAR10),
        download_mb=171,
    ),
    "cifar100": PublicSet(
        *("CIFAR-100", "CIFAR100", "cifar-100-python", ("train", "test", "meta")),
        *(50_000, 10_000, (32, 32, 3), tuple(str(c) for c in range(100))),
        download_mb=169,
    ),
    "svhn": PublicSet(
        *("SVHN", "SVHN", ".", ("train_32x32.mat", "test_32x32.mat")),
        *(73_257, 26_032, (32, 32, 3), DIGITS),
        download_mb=246,
    ),
}


def prepared(name: str, data_root: Path) -> Path:
    """Where a prepared file would lie: train_x, train_y, test_x, test_y, uint8 (P, H, W, C)."""
    return data_root / f"{name}.npz"


def present_at(name: str, data_root: Path) -> Path | None:
    """Where the set lies: the prepared file, else the folder of torchvision's files, else None."""
    if prepared(name, data_root).is_file():
        return prepared(name, data_root)
    there = all(file.is_file() for file in PUBLIC_SETS[name].torchvision_files(data_root))
    return data_root / PUBLIC_SETS[name].folder if there else None


def remedy(name: str, where: Path | None) -> str:
    """What to do about a set that cannot be read."""
    if where is None:
        return f"Check the connection, or put {name}.npz or torchvision's files there by hand."
    # not the folder itself: SVHN's files lie beside other sets
    bad = where.name if where.is_file() else ", ".join(PUBLIC_SETS[name].files)
    return f"Delete {bad} there, then run: altool data get {name}"


def missing(name: str, data_root: Path) -> str:
    """What to do about a set that is not there."""
    known = PUBLIC_SETS[name]
    files = known.folder if known.folder != "." else " and ".join(known.files)
    return (
        f"{name} is not in {data_root}: run altool data get {name} ({known.download_mb} MB), "
        f"or put {name}.npz or torchvision's {files} there, "
        "or name the folder that has it with data_root=… or ALTOOL_DATA."
    )
