"""A dataset as picture files without labels in their names, and its labels beside them: to try `altool query` on."""

from pathlib import Path

import numpy as np
from PIL import Image

from altool.core.atomic import write_text_atomic
from altool.core.errors import UserError, did_you_mean
from altool.core.records import table_text
from altool.data.public import PUBLIC_SETS
from altool.data.read import read
from altool.data.spec import DatasetSpec

EMBEDDED_IMAGES = ("digits",)


def export(name: str, folder: Path, data_root: Path) -> tuple[Path, Path]:
    """Writes the training images to `folder` as PNG files, and FOLDER-answers.csv (path, label) beside it; returns both.
    Raises UserError for a set without images, and where something lies at `folder` already."""
    known = (*EMBEDDED_IMAGES, *PUBLIC_SETS)
    if name not in known:
        raise UserError(f"{name} is no set of images to export: {did_you_mean(name, known)}")
    answers = folder.with_name(f"{folder.name}-answers.csv")
    for path in (folder, answers):
        if path.exists():
            raise UserError(f"{path} is there already: name another folder, or remove it first.")
    arrays = read(DatasetSpec(name, name, test=0.2 if name in EMBEDDED_IMAGES else None), data_root)
    digits = len(str(len(arrays.train_y)))
    names = [f"{i:0{digits}d}.png" for i in range(len(arrays.train_y))]
    folder.mkdir(parents=True)
    for file, image in zip(names, np.asarray(arrays.train_x), strict=True):
        Image.fromarray(np.squeeze(image, axis=2) if image.shape[2] == 1 else image).save(folder / file)
    labels = [arrays.classes[label] for label in arrays.train_y]
    rows: list[dict[str, object]] = [{"path": p, "label": y} for p, y in zip(names, labels, strict=True)]
    write_text_atomic(answers, table_text(rows, ("path", "label")))
    return folder, answers
