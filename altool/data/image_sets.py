"""Sets that are distributed as image files, read as they come: NEU surface defects and Caltech-101; and two defect sets that
lie prepared in the data root.
"""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from altool.core.errors import UserError
from altool.data.images import Listing, image_names, listed, read_listing
from altool.data.local_sets import find_set
from altool.data.npz import read_own
from altool.data.reading import Reading
from altool.data.spec import DatasetSpec
from altool.data.task import Arrays

BACKGROUND = "BACKGROUND_Google"
# NEU-CLS-64 has nine defects in folders of these names; the larger releases have six, written out or with capitals.
NEU_CODES = ("cr", "gg", "in", "pa", "ps", "rp", "rs", "sc", "sp")
NEU_NAMES = {
    "crazing": "cr",
    "inclusion": "in",
    "patches": "pa",
    "pitted_surface": "ps",
    "rolled-in_scale": "rs",
    "scratches": "sc",
}


def read_image_set(spec: DatasetSpec, reading: Reading) -> Arrays:
    """NEU or Caltech-101, from `spec.path` or where it lies in the data root. Raises UserError when it is not there."""
    folder = find_set(spec, reading)
    return read_listing(spec, _neu(folder) if spec.reader == "neu" else _caltech(spec, folder), reading)


def read_array_set(spec: DatasetSpec, reading: Reading) -> Arrays:
    """A set prepared as x, y and classes in NAME.npz."""
    path = find_set(spec, reading)
    return read_own(replace(spec, path=str(path)), path)


def _neu(folder: Path) -> Listing:
    """Any of its releases: the class is what the file name begins with (Cr_1.bmp, cr_12.jpg, rolled-in_scale_3.jpg), else
    the folder (cr/1.jpg)."""
    names = image_names(folder)
    if not names:
        raise UserError(f"{folder} holds no image: unpack NEU-CLS-64 or NEU-CLS there.")
    labels = [_neu_class(name) for name in names]
    unknown = [name for name, label in zip(names, labels, strict=True) if label is None]
    if unknown:
        raise UserError(
            f"{folder}: {unknown[0]} and {len(unknown) - 1} other files carry no class of NEU, neither in the file's name "
            f"nor in the folder's: {', '.join(NEU_CODES)}."
        )
    return Listing(folder, names, np.array(labels))


def _neu_class(name: str) -> str | None:
    *folders, file = name.lower().split("/")
    prefix = re.sub(r"[_\- ]*\(?\d+\)?$", "", file.rpartition(".")[0])
    for word in (prefix, *folders[-1:]):
        code = NEU_NAMES.get(word.replace(" ", "_"), word)
        if code in NEU_CODES:
            return code
    return None


def _caltech(spec: DatasetSpec, folder: Path) -> Listing:
    """A folder per category. 9,144 images with the background's, as the paper counts them (T23)."""
    found = listed(folder)
    if spec.background is not False:
        return found
    kept = found.labels != BACKGROUND
    return Listing(folder, [n for n, k in zip(found.names, kept, strict=True) if k], found.labels[kept])
