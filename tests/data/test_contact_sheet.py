"""The sheet shows what the learner sees."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from altool.data.contact_sheet import MARGIN, SIDE, write_sheets
from altool.data.decode import decode


@pytest.mark.parametrize(
    "picture",
    [
        Image.new("RGBA", (100, 100), (255, 0, 0, 0)),
        Image.new("LA", (100, 100), (0, 128)),
        Image.fromarray(np.full((100, 100), 40_000, np.uint16)),
    ],
)
def test_transparent_and_deep_pictures_look_as_they_are_decoded(tmp_path: Path, picture: Image.Image) -> None:
    picture.save(tmp_path / "a.png")
    write_sheets(tmp_path / "sheet.png", [tmp_path / "a.png"], [("1. a.png", "")])
    with Image.open(tmp_path / "sheet.png") as sheet:
        shown = sheet.getpixel((MARGIN + SIDE // 2, MARGIN + SIDE // 2))
    assert shown == tuple(decode((tmp_path / "a.png").read_bytes(), (1, 1, 3)).ravel().tolist())
