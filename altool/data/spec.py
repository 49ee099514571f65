"""What a dataset and an imbalance are, as values: what conf/dataset and conf/imbalance say."""

from dataclasses import dataclass, fields

from altool.core.errors import UserError, did_you_mean

OWN = ("folder", "npz", "csv")
POINTS = ("moons", "circles", "moons_imb10")
PUBLIC = ("mnist", "fashion_mnist", "cifar10", "cifar100", "svhn")
IMAGE_SETS = ("neu", "caltech101")  # image files as they are distributed
ARRAY_SETS = ("neu_det_64", "magnetic_tile_64")  # prepared .npz files
DENSE_SETS = ("cityscapes",)  # a class for every pixel
READERS = ("digits", *POINTS, *PUBLIC, *IMAGE_SETS, *ARRAY_SETS, *DENSE_SETS, *OWN)

# Keys of a dataset that only some readers know what to do with.
USED_BY = {
    "path": (*OWN, *IMAGE_SETS, *ARRAY_SETS, *DENSE_SETS),
    "size": ("folder", "csv", *IMAGE_SETS, *DENSE_SETS),
    "rgb": ("folder", "csv", *IMAGE_SETS),
    "background": ("caltech101",),
    "noise": POINTS,
    "test": ("digits", "moons", "circles", *IMAGE_SETS, *ARRAY_SETS, *OWN),
}

# The numbers that each rule of imbalance goes by; the others stay at their defaults.
RULES = {
    "none": (),
    "cut": ("classes", "keep"),
    "cut_others": ("classes", "keep"),
    "alternating_first": ("first",),
    "counts": ("counts",),
    "longtail": ("ratio",),
}


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset: where its items come from, how they are split, and how a learner sees them.

    name: what rows and folders say. reader: who reads it, one of READERS.
    path: the file or folder of a set of one's own, as an absolute path; of a set that is distributed as files, where it
    lies if not in the data root.
    test: fraction of every class that is held out for testing, rounded up, where no test split comes along; from 1 on,
    how many items in all, shared out over the classes by their sizes.
    val: held out of the pool: 0, how many items, or `first5000` (indices 0 to 4999, P3 Table I).
    split_seed: what splits and generated points are drawn by, the same for every seed of a run.
    mean, std: per channel of pixels in [0, 1]; None takes those of the training images.
    crop_pad, flip: augmentation, see `store.Transforms`.
    size: side in pixels, or (height, width), that image files are resized to. rgb: makes grey ones RGB, all the same in
    three channels.
    background: whether Caltech-101 keeps its background folder, None as yes.
    noise: standard deviation of a toy's jitter.
    """

    name: str
    reader: str
    path: str | None = None
    test: float | None = None
    val: int | str = 0
    split_seed: int = 0
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    crop_pad: int = 0
    flip: bool = False
    size: int | tuple[int, int] | None = None
    rgb: bool | None = None
    background: bool | None = None
    noise: float | None = None

    def __post_init__(self) -> None:
        if self.reader not in READERS:
            raise UserError(f"dataset.reader={self.reader} is unknown: {did_you_mean(self.reader, READERS)}")
        for key, readers in USED_BY.items():
            value = getattr(self, key)
            if value is not None and self.reader not in readers:
                why = "has its own test split" if key == "test" else f"has no {key}"
                raise UserError(f"dataset.{key}={value}: {self.reader} {why}; leave the key out.")
        if self.test is not None and not (
            0 < self.test < 1 or (self.test > 1 and self.test == int(self.test))
        ):
            raise UserError(f"dataset.test={self.test}: give a fraction between 0 and 1, or how many items.")
        if isinstance(self.val, bool) or not (
            self.val == "first5000" or (isinstance(self.val, int) and self.val >= 0)
        ):
            raise UserError(f"dataset.val={self.val}: give 0, how many items, or first5000.")
        for key in ("split_seed", "crop_pad"):
            if getattr(self, key) < 0:
                raise UserError(f"dataset.{key}={getattr(self, key)}: must not be negative.")
        if self.size is not None and not _is_size(self.size):
            given = list(self.size) if isinstance(self.size, tuple) else self.size
            raise UserError(f"dataset.size={given}: give the side in pixels, or [height,width].")
        if self.noise is not None and self.noise < 0:
            raise UserError(f"dataset.noise={self.noise}: must not be negative.")
        if self.std is not None and min(self.std, default=1) <= 0:
            raise UserError(f"dataset.std={list(self.std)}: must be above 0.")

    @property
    def is_dense(self) -> bool:
        """Whether every pixel has a class."""
        return self.reader in DENSE_SETS


def _is_size(value: object) -> bool:
    sides = value if isinstance(value, tuple) else (value, value)
    return len(sides) == 2 and all(type(side) is int and side > 0 for side in sides)


@dataclass(frozen=True)
class ImbalanceSpec:
    """Which items of every class the pool loses, before anything is labelled.

    rule: one of RULES, which say the numbers that each goes by.
    `cut`: `classes` keep the fraction `keep`, at random; `cut_others`: all but `classes` do.
    `alternating_first`: even class ids keep their `first` items in dataset order (D2).
    `counts`: how many items of every class stay, at random.
    `longtail`: class c of C keeps ratio^(−c/(C−1)) of its items, at random.
    """

    name: str = "none"
    rule: str = "none"
    classes: tuple[int, ...] = ()
    keep: float = 1.0
    first: int = 0
    counts: tuple[int, ...] = ()
    ratio: float = 1.0

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise UserError(f"imbalance.rule={self.rule} is unknown: {did_you_mean(self.rule, RULES)}")
        for field in fields(self)[2:]:
            value = getattr(self, field.name)
            if value != field.default and field.name not in RULES[self.rule]:
                used = ", ".join(RULES[self.rule]) or "no number"
                raise UserError(
                    f"imbalance.{field.name}={value}: {self.name} takes {used} (its rule is {self.rule})."
                )
        if not 0 < self.keep <= 1:
            raise UserError(f"imbalance.keep={self.keep}: give a fraction above 0, at most 1.")
        if self.ratio < 1:
            raise UserError(f"imbalance.ratio={self.ratio}: must be at least 1.")
        if self.rule == "alternating_first" and self.first < 1:
            raise UserError(f"imbalance.first={self.first}: must be at least 1.")
