"""Commands as a person types them, with the folder of their outputs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from altool.cli.main import main


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


Altool = Callable[..., Said]


@pytest.fixture
def altool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Altool:
    """altool("reproduce", "ls") in an empty folder, with no data on the machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALTOOL_DATA", str(tmp_path / "data"))

    def call(*words: str) -> Said:
        capsys.readouterr()
        code = main(list(words))
        out, err = capsys.readouterr()
        return Said(code, out, err)

    return call
