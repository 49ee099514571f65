"""The pictures of a question on one sheet, in order, each with what the model believes it to be."""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from altool.core.atomic import write_atomic
from altool.data.decode import as_seen

COLUMNS, SIDE, MARGIN, LINE = 10, 128, 8, 15  # pixels
PER_SHEET = 200


def write_sheets(path: Path, files: Sequence[Path], captions: Sequence[Sequence[str]]) -> list[Path]:
    """Writes `path`, and `path` with a number for every further PER_SHEET pictures; returns what was written. A caption
    has up to two lines. A file that can no longer be read is left grey."""
    written = []
    for start in range(0, len(files), PER_SHEET):
        name = f"{path.stem}_{start // PER_SHEET + 1}" if start else path.stem
        part = slice(start, start + PER_SHEET)
        buffer = io.BytesIO()
        _sheet(files[part], captions[part]).save(buffer, "PNG")
        written.append(path.with_name(name + path.suffix))
        write_atomic(written[-1], lambda file, buffer=buffer: file.write(buffer.getvalue()))
    return written


def _sheet(files: Sequence[Path], captions: Sequence[Sequence[str]]) -> Image.Image:
    columns = min(COLUMNS, len(files))
    rows = -(-len(files) // columns)
    wide, high = SIDE + MARGIN, SIDE + 2 * LINE + MARGIN
    sheet = Image.new("RGB", (columns * wide + MARGIN, rows * high + MARGIN), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=12)
    for i, (file, lines) in enumerate(zip(files, captions, strict=True)):
        left, top = MARGIN + (i % columns) * wide, MARGIN + (i // columns) * high
        picture = _thumbnail(file)
        sheet.paste(picture, (left + (SIDE - picture.width) // 2, top + (SIDE - picture.height) // 2))
        for k, line in enumerate(lines):
            draw.text((left, top + SIDE + k * LINE), _fitting(line, font), fill="black", font=font)
    return sheet


def _thumbnail(file: Path) -> Image.Image:
    try:
        with Image.open(file) as opened:
            opened.draft(None, (2 * SIDE, 2 * SIDE))
            image = as_seen(opened).convert("RGB")
    except Exception:  # it was readable when it was decoded; a sheet with a gap is better than none
        return Image.new("RGB", (SIDE, SIDE), "grey")
    enlarge = max(image.size) <= SIDE // 2  # a digit of 8×8 is shown in its pixels
    size = ImageOps.contain(image, (SIDE, SIDE)).size
    return image.resize(size, Image.Resampling.NEAREST if enlarge else Image.Resampling.LANCZOS)


def _fitting(line: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    while line and font.getlength(line) > SIDE:
        line = line[:-2] + "…"
    return line
