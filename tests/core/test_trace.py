from pathlib import Path

import pytest

from altool.core.trace import has_trace, traced

EPOCHS = (2, 2, 3)
HEAD = "stage,seed,epoch,train_loss,test_loss,test_accuracy\n"
ALL = [f"{stage},0,{epoch},0.5,0.4,0.9\n" for stage in range(3) for epoch in range(EPOCHS[stage])]


def test_the_stages_that_are_asked_for() -> None:
    assert [list(traced(trace, 3)) for trace in (False, True, "last")] == [[], [0, 1, 2], [2]]
    assert list(traced("last", 1)) == [0]


@pytest.mark.parametrize(
    ("content", "last", "whole"),
    [
        (HEAD + "".join(ALL), True, True),
        (HEAD + "".join(ALL[4:]), True, False),
        (HEAD + "".join(ALL[:-1]), False, False),  # an epoch is gone
        (HEAD + "".join(ALL[:4]), False, False),  # a stage is gone
        (HEAD + "".join(ALL)[:-12], False, False),  # cut within the last row
        (HEAD + "".join(ALL).replace("2,0,1,0.5", "2,0,1,?"), False, False),
        (HEAD + "".join(ALL).replace("1,0,1,0.5", "1,0,1,nan"), True, False),
        ("".join(ALL), False, False),
        ("", False, False),
        (None, False, False),
    ],
)
def test_what_a_file_holds(tmp_path: Path, content: str | None, last: bool, whole: bool) -> None:
    path = tmp_path / "epochs.csv"
    if content is not None:
        path.write_text(content)
    assert (has_trace(path, "last", EPOCHS), has_trace(path, True, EPOCHS)) == (last, whole)
    assert has_trace(path, False, EPOCHS)


def test_bytes_that_are_no_text_are_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "epochs.csv"
    path.write_bytes(b"stage,epoch\n\xff\xfe,\x00\n")
    assert not has_trace(path, "last", EPOCHS)
