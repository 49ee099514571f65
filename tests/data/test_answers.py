"""A labels.csv as people and spreadsheets leave it: every line is either used or spoken of."""

from pathlib import Path
from typing import Any

import pytest

from altool.core.errors import UserError
from altool.data.answers import SKIP, Answers, read_answers

PICTURES = {f"{name}.png": i for i, name in enumerate(("a", "b", "c", "sub/d", "sub/e"))}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in PICTURES:
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).touch()
    return tmp_path / "photos"


def answers(folder: Path, text: str | bytes, **keys: Any) -> Answers:
    path = folder.parent / "labels.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_answers(path, PICTURES, folder, **{"remembered": {}, **keys})


def test_lines_that_are_fine(folder: Path) -> None:
    found = answers(folder, "path,label\na.png,cat\nsub/d.png,dog\nb.png, Skip \n")
    assert found == Answers({"a.png": "cat", "sub/d.png": "dog", "b.png": SKIP}, [])


@pytest.mark.parametrize(
    "contents",
    [
        "path,label\na.png,Käfer\n".encode("utf-8-sig"),
        "path,label\r\na.png,Käfer\r\n".encode("cp1252"),
        "path\tlabel\na.png\tKäfer\n".encode("utf-16"),
        "Label;Note;Path\nKäfer;;a.png\n\n;;\n".encode(),
        "sep=;\r\nPath;Label\r\na.png;Käfer\r\n".encode("utf-8-sig"),
        "path,label\na.png,Ka\u0308fer\n".encode(),  # as a Mac may write it
    ],
)
def test_what_spreadsheets_write(folder: Path, contents: bytes) -> None:
    assert answers(folder, contents) == Answers({"a.png": "Käfer"}, [])


def test_paths_as_people_write_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    lines = ["./a.png,1", "photos/b.png,2", f"{folder / 'c.png'},3", "sub\\d.png,4"]
    found = answers(folder, "\n".join(["path,label", *lines]))
    assert found.labels == {"a.png": "1", "b.png": "2", "c.png": "3", "sub/d.png": "4"}
    assert found.notes == []


def test_every_line_that_is_not_fine_is_spoken_of(folder: Path) -> None:
    text = "path,label\na.png,dgo\nd.png,cat\nx.png,cat\nb.png,\n,cat\nc.png,cat\nc.png,dog\nsub/e.png,cat\nsub/e.png,cat\n"
    found = answers(folder, text, classes=("cat", "dog"))
    assert found.labels == {"c.png": "dog", "sub/e.png": "cat"}
    assert found.notes == [
        "line 2: a.png: label dgo is not used: did you mean dog?",
        "line 3: d.png is not among the pictures: did you mean sub/d.png?",
        "line 4: x.png is not among the pictures",
        "line 5: b.png has no label yet",
        "line 6: no path is not among the pictures",
        "line 8: c.png stands in line 7 too: was cat, dog is used",
        "line 10: sub/e.png stands in line 9 too: again",
    ]


def test_changed_and_missing_rows(folder: Path) -> None:
    found = answers(
        folder,
        "path,label\na.png,dog\nb.png,cat",
        remembered={"a.png": "cat", "c.png": "dog", "gone.png": "x"},
    )
    assert found.labels == {"a.png": "dog", "b.png": "cat"}
    assert found.notes == [
        "line 2: a.png was cat before, dog is used now",
        "c.png was answered before (dog) and is not in labels.csv now: the answer is kept",
    ]


def test_a_class_that_looks_like_a_typing_mistake(folder: Path) -> None:
    found = answers(folder, "path,label\na.png,scratch\nb.png,scratsh\nc.png,hole")
    assert found.labels == {"a.png": "scratch", "b.png": "scratsh", "c.png": "hole"}
    assert found.notes == ["line 3: b.png: scratsh is a new class; did you mean scratch?"]


def test_files_that_are_no_answers(folder: Path) -> None:
    for text, has in (
        ("file,class\na.png,1", "file, class"),
        ("A.png,cat", "a.png, cat"),
        ('"path,label\n', '"path,label'),
    ):
        with pytest.raises(UserError) as refused:
            answers(folder, text, classes=("dog", "cat"))
        said = str(refused.value).splitlines()
        assert said[0].endswith(
            f"labels.csv needs a first line path,label: its first line has {has}. Begin it like this:"
        )
        assert answers(folder, "\n".join(said[1:])) == Answers({"a.png": "dog"})
    missing = read_answers(folder / "none.csv", PICTURES, folder, {})
    assert missing.labels == {} and missing.notes == [f"{folder / 'none.csv'} is not there yet"]


@pytest.mark.parametrize("contents", [b"", b" \r\n\n", b"\xef\xbb\xbf", b"sep=;\r\n", b",,\n"])
def test_an_empty_file_has_no_answers_yet(folder: Path, contents: bytes) -> None:
    advice = "labels.csv is empty: write path,label as its first line, and a line for each picture below it"
    assert answers(folder, contents) == Answers({}, [advice])
    found = answers(folder, contents, remembered={"a.png": "cat", "b.png": SKIP})
    assert found == Answers({}, [f"{advice}; 2 answers taken before are kept"])


def test_a_file_that_is_gone_says_what_is_kept(folder: Path) -> None:
    path = folder / "lables.csv"
    found = read_answers(path, PICTURES, folder, {"a.png": "cat", "b.png": SKIP})
    assert found == Answers({}, [f"{path} is gone, or mistyped; 2 answers taken before are kept"])


def test_a_class_of_the_past_is_not_new(folder: Path) -> None:
    keys = {"remembered": {"a.png": "scratches"}, "past": {"scratch", "scratches"}}
    assert answers(folder, "path,label\na.png,scratches\nb.png,scratch\n", **keys).notes == []


def test_numbers_are_no_typing_mistakes_of_each_other(folder: Path) -> None:
    assert answers(folder, "path,label\na.png,10\nb.png,1\nc.png,100\n").notes == []
    text = "path,label\na.png,1\nb.png,10\nc.png,01\nsub/d.png,1-\n"
    assert answers(folder, text).notes == [
        "line 4: c.png: 01 is a new class; did you mean 1?",
        "line 5: sub/d.png: 1- is a new class; did you mean 1?",
    ]
    found = answers(folder, "path,label\na.png,12\n", classes=("1", "2"))
    assert found.notes == ["line 2: a.png: label 12 is not used: classes=1,2"]


def test_a_label_further_down_is_a_label(folder: Path) -> None:
    found = answers(folder, "path,label\na.png,\nb.png,\na.png,cat\nc.png,dog\nc.png,\n")
    assert found == Answers(
        {"a.png": "cat", "c.png": "dog"},
        ["line 3: b.png has no label yet", "line 6: c.png has no label here: dog of line 5 is used"],
    )


def test_paths_that_differ_in_large_and_small_letters(folder: Path) -> None:
    found = answers(folder, "path,label\nA.PNG,cat\nSub/D.png,cat\nphotos/E.png,cat\n")
    assert found.labels == {}
    assert found.notes == [
        "line 2: A.PNG is not among the pictures: did you mean a.png?",
        "line 3: Sub/D.png is not among the pictures: did you mean sub/d.png?",
        "line 4: photos/E.png is not among the pictures: did you mean sub/e.png?",
    ]
    path = folder.parent / "labels.csv"
    path.write_text("path,label\nONE/1.PNG,cat\n2.png,cat\n")
    found = read_answers(path, {"one/1.png": 0, "two/1.png": 1, "one/2.png": 2, "two/2.png": 3}, folder, {})
    assert found.notes == [
        "line 2: ONE/1.PNG is not among the pictures: did you mean one/1.png?",
        "line 3: 2.png is not among the pictures",
    ]


@pytest.mark.parametrize(
    "damaged,says",
    [
        ('"b.png,dog', "line 3: a quote is not closed: this line is not used"),
        ('b.png,"dog', "line 3: a quote is not closed: this line is not used"),
        ('"b.png"x,dog', "line 3: its quotes do not add up"),
    ],
)
@pytest.mark.parametrize("after", ["", '"sub/e.png",cat\n', 'sub/e.png,cat,"closed"\n'])
def test_a_quote_that_is_not_closed_costs_its_own_line(
    folder: Path, damaged: str, says: str, after: str
) -> None:
    found = answers(folder, f"path,label\na.png,cat\n{damaged}\n\nc.png,dog\n{after}d.png,x\n")
    assert found.labels == {"a.png": "cat", "c.png": "dog", **({"sub/e.png": "cat"} if after else {})}
    assert found.notes[0].startswith(says)
    number = 7 if after else 6
    assert found.notes[1:] == [f"line {number}: d.png is not among the pictures: did you mean sub/d.png?"]


def test_notes_of_several_lines_are_fine(folder: Path) -> None:
    found = answers(folder, 'path,label,note\na.png,cat,"one\n\ntwo"\nx.png,dog,\n')
    assert found == Answers({"a.png": "cat"}, ["line 5: x.png is not among the pictures"])


def test_a_label_that_is_not_allowed_is_told_in_one_line(folder: Path) -> None:
    found = answers(
        folder,
        "path,label\na.png,catt\nb.png,\nc.png,grey\n",
        remembered={"a.png": "cat", "b.png": SKIP, "c.png": "grey"},
        classes=("cat", "dog"),
    )
    assert found.labels == {}
    assert found.unused == {"a.png", "c.png"}
    assert found.notes == [
        "line 2: a.png: label catt is not used: did you mean cat?; cat, answered before, is kept",
        "line 3: b.png has no label yet; skip, answered before, is kept",
        "line 4: c.png: label grey is not used: classes=cat,dog",
    ]


def test_the_last_line_alone_is_compared_with_memory(folder: Path) -> None:
    found = answers(folder, "path,label\na.png,dog\na.png,cat\n", remembered={"a.png": "cat"})
    assert found == Answers({"a.png": "cat"}, ["line 3: a.png stands in line 2 too: was dog, cat is used"])
    found = answers(folder, "path,label\na.png,cat\na.png,dog\n", remembered={"a.png": "cat"})
    assert found.notes[-1] == "line 3: a.png was cat before, dog is used now"


def test_a_file_may_be_called_with_blanks_and_backslashes(folder: Path) -> None:
    path = folder.parent / "labels.csv"
    path.write_text("path,label\n a.png ,1\nsub\\d.png,2\nb.png ,3\n")
    pictures = {" a.png ": 0, "a.png": 1, "sub\\d.png": 2, "sub/d.png": 3, "b.png": 4}
    found = read_answers(path, pictures, folder, {})
    assert found.labels == {" a.png ": "1", "sub\\d.png": "2", "b.png": "3"}


def test_names_of_a_mac_are_the_same_names(folder: Path) -> None:
    """ü is one sign or two, and looks alike."""
    for there, written in (("u\u0308.png", "\u00fc.png"), ("\u00fc.png", "u\u0308.png")):
        path = folder.parent / "labels.csv"
        path.write_text(f"path,label\n{written},cat\n")
        assert read_answers(path, {there: 0}, folder, {}) == Answers({there: "cat"}, [])


def test_numbers_stay_as_they_are_written(folder: Path) -> None:
    found = answers(
        folder,
        "path,label\na.png,001\nb.png,1.0\nc.png, cat \nsub/d.png,1\n",
        classes=("001", "1", "1.0", "cat"),
    )
    assert found.labels == {"a.png": "001", "b.png": "1.0", "c.png": "cat", "sub/d.png": "1"}


def test_a_picture_is_no_table(folder: Path) -> None:
    with pytest.raises(UserError, match=r"labels.csv cannot be read: it is no text\."):
        answers(folder, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
