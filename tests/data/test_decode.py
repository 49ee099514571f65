"""One image file of any mode, against pixels that are known."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from altool.data.decode import Header, Unreadable, decode, read_header

GREY = np.arange(0, 240, 10, dtype=np.uint8).reshape(4, 6)
RGB = np.stack([GREY, 255 - GREY, GREY // 2], axis=2)


def saved(image: Image.Image, kind: str = "PNG", **keys: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **keys)
    return buffer.getvalue()


def with_alpha(pixels: np.ndarray, alpha: int) -> Image.Image:
    channel = np.full((*pixels.shape[:2], 1), alpha, np.uint8)
    return Image.fromarray(np.concatenate([np.atleast_3d(pixels), channel], axis=2))


def palette() -> Image.Image:
    image = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6), "P")
    image.putpalette(RGB.reshape(-1, 3).ravel().tolist())
    return image


DEEP = GREY.astype(np.uint16) * 257  # 0..65535 in the same steps
CASES = {
    "grey": (Image.fromarray(GREY), "PNG", 1, GREY),
    "grey as colour": (Image.fromarray(GREY), "PNG", 3, np.stack([GREY] * 3, axis=2)),
    "colour": (Image.fromarray(RGB), "PNG", 3, RGB),
    "palette": (palette(), "PNG", 3, RGB),
    "opaque": (with_alpha(RGB, 255), "PNG", 3, RGB),
    "transparent": (with_alpha(RGB, 0), "PNG", 3, np.full_like(RGB, 255)),
    "transparent grey": (with_alpha(GREY, 0), "PNG", 1, np.full_like(GREY, 255)),
    "16 bits": (Image.fromarray(DEEP), "PNG", 1, GREY),
    "16 bits as tiff": (Image.fromarray(DEEP), "TIFF", 1, GREY),
    "16 bits as colour": (Image.fromarray(DEEP), "PNG", 3, np.stack([GREY] * 3, axis=2)),
    "bits": (Image.fromarray(GREY).convert("1", dither=Image.Dither.NONE), "PNG", 1, (GREY > 127) * 255),
}


@pytest.mark.parametrize("case", CASES)
def test_every_mode_gives_the_pixels_that_one_sees(case: str) -> None:
    image, kind, channels, expected = CASES[case]
    found = decode(saved(image, kind), (4, 6, channels))
    assert found.dtype == np.uint8
    assert np.array_equal(found, np.asarray(expected).reshape(4, 6, channels))


def test_photographs_are_turned_upright_also_in_16_bits(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned right by 90 degrees to be shown
    for pixels in (GREY, DEEP):
        (tmp_path / "photo.tif").write_bytes(saved(Image.fromarray(pixels), "TIFF", exif=exif))
        contents = (tmp_path / "photo.tif").read_bytes()
        assert read_header(tmp_path / "photo.tif") == Header(4, 6, True)
        assert np.array_equal(decode(contents, (6, 4, 1))[..., 0], np.rot90(GREY, -1))


def test_large_photographs_are_reduced_to_what_a_full_decode_gives() -> None:
    yy, xx = np.mgrid[0:600, 0:800]
    smooth = np.stack([yy * 255 // 600, xx * 255 // 800, (yy + xx) * 255 // 1400], axis=2).astype(np.uint8)
    contents = saved(Image.fromarray(smooth), "JPEG", quality=95)
    exact = np.asarray(Image.fromarray(smooth).resize((32, 32), Image.Resampling.BILINEAR), int)
    assert np.abs(decode(contents, (32, 32, 3)).astype(int) - exact).max() <= 4


def test_what_is_no_image_says_why(tmp_path: Path) -> None:
    floats = saved(Image.fromarray(np.ones((4, 6), np.float32)), "TIFF")
    whole = saved(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)), "JPEG")
    cases = {
        "it is no image": b"hello",
        "truncated": whole[: len(whole) // 2],
        "mode F": floats,
        "beyond 16 bits": saved(Image.fromarray(np.full((4, 6), 70_000, np.int32)), "TIFF"),
    }
    for says, contents in cases.items():
        with pytest.raises(Unreadable, match=says):
            decode(contents, (4, 6, 1))
    (tmp_path / "a.png").write_bytes(b"hello")
    with pytest.raises(Unreadable, match="it is no image"):
        read_header(tmp_path / "a.png")


def test_the_machines_own_errors_are_not_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError):
        read_header(tmp_path / "gone.png")
    (tmp_path / "a.png").write_bytes(saved(Image.fromarray(GREY)))
    for error in (OSError(24, "Too many open files"), MemoryError()):
        monkeypatch.setattr(Image, "open", lambda *_, error=error: (_ for _ in ()).throw(error))
        for read in (lambda: read_header(tmp_path / "a.png"), lambda: decode(b"", (4, 6, 1))):
            with pytest.raises(type(error)):
                read()


def test_a_header_reads_no_pixels(tmp_path: Path) -> None:
    contents = saved(Image.fromarray(RGB))
    (tmp_path / "cut.png").write_bytes(contents[: contents.index(b"IDAT") + 6])
    assert read_header(tmp_path / "cut.png") == Header(6, 4, False)
