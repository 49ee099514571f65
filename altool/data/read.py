"""From a dataset's specification to its arrays, whatever it is read from."""

from pathlib import Path

from altool.core.errors import UserError
from altool.data.cityscapes import read_cityscapes
from altool.data.embedded import EMBEDDED
from altool.data.image_sets import read_array_set, read_image_set
from altool.data.images import read_csv, read_folder
from altool.data.npz import read_own
from altool.data.public import PUBLIC_SETS
from altool.data.public_reader import read_public
from altool.data.reading import Reading
from altool.data.spec import ARRAY_SETS, IMAGE_SETS, DatasetSpec
from altool.data.task import Arrays


def read(spec: DatasetSpec, reading: Reading | Path | None = None) -> Arrays:
    """The arrays of `spec`. Public sets are looked for, and image files decoded, in `reading.root`; a path alone
    stands for the rest at its defaults.

    Raises UserError, saying what to do, when the set is missing, damaged, or cannot be learnt from.
    """
    reading = reading if isinstance(reading, Reading) else Reading(reading)
    if spec.reader in EMBEDDED:
        return EMBEDDED[spec.reader](spec)
    if spec.reader in PUBLIC_SETS:
        return read_public(spec.reader, reading.root, reading.download)
    if spec.reader in IMAGE_SETS:
        return read_image_set(spec, reading)
    if spec.is_dense:
        return read_cityscapes(spec, reading)
    if spec.reader in ARRAY_SETS:
        return read_array_set(spec, reading)
    return _read_own(spec, reading)


def _read_own(spec: DatasetSpec, reading: Reading) -> Arrays:
    if spec.path is None:
        what = "DIR" if spec.reader == "folder" else f"FILE.{spec.reader}"
        raise UserError(f"dataset={spec.reader} needs dataset.path={what}.")
    path = Path(spec.path).expanduser()
    if not path.exists():
        raise UserError(f"dataset.path={path} does not exist.")
    match spec.reader:
        case "folder":
            return read_folder(spec, path, reading)
        case "csv":
            return read_csv(spec, path, reading)
        case _:
            return read_own(spec, path)
