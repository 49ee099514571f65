"""One image file, of whatever size and mode, as uint8 pixels: upright, opaque, grey or RGB, resized."""

import errno
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps
from PIL.TiffImagePlugin import TiffImageFile

ALPHA_MODES = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
GREY_MODES = frozenset({"1", "L", "LA", "La"})
COLOUR_MODES = frozenset({"P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "LAB", "HSV"})
DEEP_MODES = frozenset({"I", "I;16", "I;16L", "I;16B", "I;16N"})  # grey of 16 bits
ORIENTATION = 0x0112  # EXIF tag; 5 to 8 lie on their side


class Unreadable(Exception):
    """Why a file gives no image."""


class Header(NamedTuple):
    """What a file says of itself: size in pixels once upright, and whether it is grey."""

    width: int
    height: int
    is_grey: bool


def read_header(path: Path) -> Header:
    """Reads no pixels. Raises Unreadable, and OSError or MemoryError where it is the machine that fails, not the file."""
    with _faults_told():
        with Image.open(path) as image:
            _check_mode(image)
            width, height = _stored_size(image)
            if _orientation(image) >= 5:
                width, height = height, width
            return Header(width, height, image.mode in GREY_MODES | DEEP_MODES)


def decode(contents: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    """The image in a file's `contents` as uint8 of `shape` (H, W, 1 or 3), stretched to it.

    Transparent parts show white; grey of 16 bits is rounded to 8 (v·255/65535). Raises Unreadable.
    """
    height, width, channels = shape
    with _faults_told():
        with Image.open(io.BytesIO(contents)) as image:
            _check_mode(image)
            # a JPEG is decoded at a half, quarter or eighth where that still is twice the size asked for
            image.draft(None, (2 * max(shape), 2 * max(shape)))
            plain = as_seen(image).convert("L" if channels == 1 else "RGB")
        if plain.size != (width, height):
            plain = plain.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(plain).reshape(shape)


def as_seen(image: Image.Image) -> Image.Image:
    """`image` upright, opaque on white, with 8 bits per channel. Raises Unreadable for grey levels beyond 16 bits."""
    return _opaque(_eight_bits(ImageOps.exif_transpose(image)))


def decode_map(contents: bytes, shape: tuple[int, int, int], classes: bytes) -> np.ndarray:
    """The map of class ids in a file's `contents` as uint8 of `shape` (H, W, 1): the nearest pixel's where it is stretched.
    `classes`: what each of the 256 ids stands for. Raises Unreadable."""
    height, width, _ = shape
    with _faults_told():
        with Image.open(io.BytesIO(contents)) as image:
            if image.mode not in ("L", "P"):  # a palette only colours the ids
                raise Unreadable(f"a map of class ids is grey of 8 bits, its pixels are of mode {image.mode}")
            plain = image
            if image.size != (width, height):
                plain = image.resize((width, height), Image.Resampling.NEAREST)
            return np.frombuffer(classes, np.uint8)[np.asarray(plain)].reshape(shape)


@contextmanager
def _faults_told() -> Iterator[None]:
    """Raises Unreadable for what is wrong with the file inside."""
    try:
        yield
    except Unreadable:
        raise
    except Exception as error:  # Pillow's readers raise whatever comes, on files that are damaged
        if _is_of_the_machine(error):
            raise
        raise Unreadable(_reason(error)) from error


def _check_mode(image: Image.Image) -> None:
    if image.mode not in GREY_MODES | COLOUR_MODES | DEEP_MODES:
        raise Unreadable(f"its pixels are of mode {image.mode}; only 8 and 16 bits per channel are read")


def _stored_size(image: Image.Image) -> tuple[int, int]:
    """Before any turning, which some versions of Pillow have done already for a TIFF."""
    return (image.tag_v2[256], image.tag_v2[257]) if isinstance(image, TiffImageFile) else image.size


def _orientation(image: Image.Image) -> int:
    if image.format == "PNG" and "exif" not in image.info:  # asking would decode the whole file
        return 1
    return int(image.getexif().get(ORIENTATION, 1))


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode not in DEEP_MODES:
        return image
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise Unreadable("its grey levels are beyond 16 bits")
    return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode not in ALPHA_MODES and "transparency" not in image.info:
        return image
    ground = Image.new("RGBA", image.size, "white")
    ground.alpha_composite(image.convert("RGBA"))
    return ground


def _is_of_the_machine(error: Exception) -> bool:
    """Pillow's own OSErrors have no number; a damaged file may send it to a place that is none, which is EINVAL."""
    return isinstance(error, MemoryError) or (
        isinstance(error, OSError) and error.errno not in (None, errno.EINVAL)
    )


def _reason(error: Exception) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        return "it is no image that can be read"
    return " ".join(str(error).split()) or type(error).__name__
