"""`altool query` as a person with unlabelled pictures uses it."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from altool.cli.main import main

N = 60
Query = Callable[..., int]
Capture = pytest.CaptureFixture[str]


def truth(name: str) -> str:
    """Pictures are bright or dark; every third file is bright."""
    return "bright" if int(Path(name).stem) % 3 == 0 else "dark"


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for i in range(N):
        path = tmp_path / "photos" / f"roll {i % 2}" / f"{i:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        level = 150 if truth(path.name) == "bright" else 30
        Image.fromarray((level + rng.integers(0, 80, (10, 8))).astype(np.uint8)).save(path)
    return tmp_path / "photos"


@pytest.fixture
def query(photos: Path) -> Query:
    """query("n=5", …): learner and caches are small and the test's own."""
    small = [
        "learner.backbone=pixels",
        "learner.min_steps=60",
        "device=cpu",
        "data_root=root",
        "progress=quiet",
    ]
    return lambda *words: main(["query", "data=photos", "labels=labels.csv", *small, *words])


def rows(path: Path | str) -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def answer(names: list[str], label: Callable[[str], str] = truth) -> None:
    """Adds lines to labels.csv, as a person would."""
    path = Path("labels.csv")
    before = path.read_text() if path.exists() else "path,label\n"
    path.write_text(before + "".join(f"{name},{label(name)}\n" for name in names))


def asked(path: str = "photos-queries/query.csv") -> list[str]:
    return [row["path"] for row in rows(path)]


def test_the_loop(query: Query, capsys: Capture) -> None:
    assert query("n=6", "strategy=entropy") == 0
    out = capsys.readouterr().out
    assert "Query 1: 6 pictures by k-center on pixels, since fewer than two classes are labelled" in out
    first = rows("photos-queries/query.csv")
    assert list(first[0]) == ["path", "rank", "score", "predicted class", "confidence"]
    assert [row["rank"] for row in first] == list("123456")
    assert all(row["predicted class"] == row["confidence"] == "" for row in first)

    answer(asked()[:5])
    answer(asked()[5:], lambda name: "skip")
    assert query("n=4", "strategy=entropy") == 0
    out = capsys.readouterr().out
    assert (
        "60 pictures: 5 labelled (bright " in out
        and "1 skipped, 0 asked and not answered; 6 new answers" in out
    )
    second = rows("photos-queries/query.csv")
    assert len(second) == 4 and not {r["path"] for r in second} & {r["path"] for r in first}
    scores = [float(row["score"]) for row in second]
    assert scores == sorted(scores, reverse=True)
    for row in second:
        assert row["predicted class"] in ("bright", "dark") and 0.5 <= float(row["confidence"]) <= 1
    with Image.open("photos-queries/contact_sheet.png") as sheet:
        assert sheet.width > 4 * 128

    answer(asked()[:1])  # the others never come
    assert query("n=4", "strategy=entropy") == 0
    third = asked()
    assert not {*third} & {r["path"] for r in (*first, *second)}
    history = [f"photos-queries/queries/{number:03d}/query.csv" for number in (1, 2, 3)]
    assert [asked(path) for path in history] == [
        [r["path"] for r in first],
        [r["path"] for r in second],
        third,
    ]


def test_nothing_new_repeats_the_question_and_more_asks_on(query: Query, capsys: Capture) -> None:
    query("n=5")
    first = asked()
    Path("photos-queries/query.csv").unlink()
    assert query("n=5") == 0
    assert "Nothing is new, so query 1 stands: 5 pictures" in capsys.readouterr().out
    assert asked() == first
    query("n=5", "more=true")
    assert not set(asked()) & set(first)
    query("n=7")
    assert len(asked()) == 7
    assert (
        len(rows("photos-queries/asked.csv"))
        == len({r["path"] for r in rows("photos-queries/asked.csv")})
        == 17
    )


def test_classes_may_grow(query: Query, capsys: Capture) -> None:
    names = sorted(f"roll {i % 2}/{i:02d}.png" for i in range(20))
    answer(names[:10])
    query("n=3")
    about = json.loads(Path("photos-queries/queries/001/about.json").read_text())
    assert about["classes"] == ["bright", "dark"]
    answer(names[10:14], lambda name: "grey")
    query("n=3")
    about = json.loads(Path("photos-queries/queries/002/about.json").read_text())
    assert about["classes"] == ["bright", "dark", "grey"]
    assert about["class_counts"]["grey"] == 4
    capsys.readouterr()
    query("n=3", "classes=bright,dark")
    out = capsys.readouterr().out
    assert out.count("label grey is not used: classes=bright,dark") == 4 and "answered before" not in out
    assert "remembered label" not in out
    query("n=3", "classes=bright,dark,grey,green")
    about = json.loads(Path("photos-queries/queries/004/about.json").read_text())
    assert about["class_counts"]["green"] == 0


def test_what_is_wrong_with_labels_is_told_line_by_line(query: Query, capsys: Capture) -> None:
    Path("labels.csv").write_text(
        "path,label\nroll 0/00.png,bright\nroll 0/00.png,dark\nroll 0/99.png,dark\nroll 1/01.png,drak\nroll 0/02.png,\n"
    )
    assert query("n=2", "classes=bright,dark") == 0
    out = capsys.readouterr().out
    for line in (
        "  line 3: roll 0/00.png stands in line 2 too: was bright, dark is used\n",
        "  line 4: roll 0/99.png is not among the pictures\n",
        "  line 5: roll 1/01.png: label drak is not used: did you mean dark?\n",
        "  line 6: roll 0/02.png has no label yet\n",
    ):
        assert line in out
    assert "line 6" in Path("photos-queries/report.txt").read_text()
    Path("labels.csv").unlink()
    query("n=3", "classes=bright,dark")
    out = capsys.readouterr().out
    assert "labels.csv is gone, or mistyped; 1 answer taken before is kept\n" in out
    assert "1 labelled (bright 0, dark 1)" in out


def test_a_class_that_was_left_and_taken_up_again_is_not_new(query: Query, capsys: Capture) -> None:
    name = "roll 0/00.png"
    for label in ("scratch", "scratches", "scratch"):
        Path("labels.csv").write_text(f"path,label\n{name},{label}\nroll 1/01.png,scratched\n")
        assert query("n=2") == 0
    out = capsys.readouterr().out
    assert out.count(f"{name}: scratches is a new class; did you mean scratched?") == 1
    assert out.count("scratch is a new class") == 0
    assert f"{name} was scratches before, scratch is used now" in out


def test_an_answer_that_is_not_allowed_is_not_asked_again_and_reports_go(query: Query) -> None:
    answer([f"roll {i % 2}/{i:02d}.png" for i in range(N - 3)], lambda name: "grey")
    assert query("n=10", "classes=bright,dark") == 0
    assert set(asked()) == {f"roll {i % 2}/{i:02d}.png" for i in range(N - 3, N)}
    assert Path("photos-queries/report.txt").exists()
    assert query("n=10") == 0
    assert not Path("photos-queries/report.txt").exists()


def test_everything_may_be_asked_in_the_end(query: Query, capsys: Capture) -> None:
    answer([f"roll {i % 2}/{i:02d}.png" for i in range(N - 3)])
    assert query("n=10") == 0
    assert "only 3 pictures are left to ask for" in capsys.readouterr().out
    assert len(asked()) == 3
    answer(asked())
    assert query("n=10") == 0
    assert "Nothing is left to ask" in capsys.readouterr().out


def test_a_test_set_and_an_estimate(query: Query, capsys: Capture) -> None:
    names = [f"roll {i % 2}/{i:02d}.png" for i in range(N)]
    answer(names[:20])
    Path("test.csv").write_text("path,label\n" + "".join(f"{n},{truth(n)}\n" for n in names[30:50]))
    Path("labels.csv").write_text("path,label\n")
    assert (
        query("n=5", "test=test.csv") == 0
    )  # no class is labelled yet, and still none of these may be asked for
    assert not set(asked()) & set(names[30:50])
    assert "0 labelled (no class yet)" in capsys.readouterr().out  # though the test set has both
    shutil.rmtree("photos-queries")
    answer(names[:20])
    assert query("n=5", "test=test.csv", "cross_validate=4") == 0
    out = capsys.readouterr().out
    assert "test set: accuracy 100.0 %, balanced 100.0 %" in out  # bright and dark do not overlap
    assert "cross-validated over 4 folds, on pictures chosen to be hard: accuracy 100.0 %" in out
    assert not set(asked()) & set(names[30:50])
    about = json.loads(Path("photos-queries/queries/001/about.json").read_text())
    assert about["test"]["accuracy"] == 1.0 and about["cross_validated"]["accuracy"] == 1.0
    query("n=5", "more=true")
    about = json.loads(Path("photos-queries/queries/002/about.json").read_text())
    assert about["test"] == about["cross_validated"] == {}
    first, second = rows("photos-queries/progress.csv")
    assert (first["n_labelled"], first["accuracy"], first["cross_validated_accuracy"]) == ("20", "1.0", "1.0")
    assert (second["n_labelled"], second["accuracy"], second["cross_validated_accuracy"]) == ("20", "", "")


def test_an_estimate_needs_no_new_question(query: Query, capsys: Capture) -> None:
    assert query("n=5", "cross_validate=4") == 0
    assert "cross_validate: fewer than two classes are labelled" in capsys.readouterr().out
    answer([f"roll {i % 2}/{i:02d}.png" for i in range(20)])
    assert query("n=5") == 0
    shown = asked()
    capsys.readouterr()
    assert query("n=5", "cross_validate=4") == 0
    out = capsys.readouterr().out
    assert "Nothing is new, so query 2 stands" in out and asked() == shown
    assert "cross-validated over 4 folds, on pictures chosen to be hard: accuracy 100.0 %" in out


def test_a_test_set_needs_no_new_question_and_its_changes_are_noticed(query: Query, capsys: Capture) -> None:
    names = [f"roll {i % 2}/{i:02d}.png" for i in range(N)]
    answer(names[:20])
    assert query("n=5") == 0
    shown = asked()
    wrong = {"bright": "dark", "dark": "bright"}
    left = [name for name in names[20:] if name not in shown]
    lines = [f"{name},{truth(name)}\n" for name in left[:10]]
    one_wrong = [f"{left[0]},{wrong[truth(left[0])]}\n", *lines[1:]]
    out = ""
    for text, accuracy in (
        (lines, 1.0),
        (one_wrong, 0.9),
        ([], None),
        ([*lines[:4], f"{shown[0]},{truth(shown[0])}\n"], 1.0),
    ):
        Path("test.csv").write_text("path,label\n" + "".join(text))
        for _ in range(2):
            capsys.readouterr()
            assert query("n=5", "test=test.csv") == 0
            out = capsys.readouterr().out
            assert "Nothing is new, so query 1 stands: 5 pictures" in out and asked() == shown
            (row,) = rows("photos-queries/progress.csv")
            if accuracy is None:
                assert "test.csv has a label for none of the pictures" in out and "accuracy" not in out
            else:
                assert f"test set: accuracy {100 * accuracy:.1f} %" in out
                assert float(row["accuracy"]) == accuracy
    assert "1 pictures of query 1 test now: they need no answer" in out
    about = json.loads(Path("photos-queries/queries/001/about.json").read_text())
    assert about["command"].startswith("altool query data=photos labels=labels.csv")


def test_how_it_is_computed_makes_no_new_question(query: Query, capsys: Capture) -> None:
    answer([f"roll {i % 2}/{i:02d}.png" for i in range(20)])
    assert query("n=5") == 0
    shown = asked()
    for words in (
        ["verify=true"],
        ["memory_gib=0"],
        ["on_corrupt=skip", "strategy=margin"],
        ["seeds=0", "threads=1"],
    ):
        assert query("n=5", *words) == 0
        assert asked() == shown
    assert query("n=5", "strategy=entropy") == 0
    assert not {*asked()} & {*shown}


def test_the_last_model_is_judged_when_nothing_is_left_to_ask(query: Query, capsys: Capture) -> None:
    names = [f"roll {i % 2}/{i:02d}.png" for i in range(N)]
    answer(names[:40])
    Path("test.csv").write_text("path,label\n" + "".join(f"{n},{truth(n)}\n" for n in names[40:]))
    assert query("n=5", "test=test.csv", "cross_validate=4") == 0
    out = capsys.readouterr().out
    assert "Nothing is left to ask" in out and "test set: accuracy 100.0 %" in out
    assert "cross-validated over 4 folds, on pictures chosen to be hard: accuracy 100.0 %" in out


def test_a_question_that_was_never_shown_is_shown_before_the_next(query: Query, capsys: Capture) -> None:
    answer([f"roll {i % 2}/{i:02d}.png" for i in range(10)])
    assert query("n=5") == 0
    shown = asked()
    for name in ("query.csv", "progress.csv", "contact_sheet.png"):  # as if killed before they were written
        (Path("photos-queries") / name).unlink()
    answer(["roll 0/50.png"])
    assert query("n=5") == 0
    assert asked() == shown
    assert "query 1 was made, but the command was stopped before it was shown" in capsys.readouterr().out
    answer(shown)
    assert query("n=5") == 0 and not {*asked()} & {*shown}


@pytest.mark.parametrize("strategy", ["coreset", "vab_al", "ta_vaal"])
def test_other_strategies_and_learners_on_pictures(query: Query, strategy: str) -> None:
    answer([f"roll {i % 2}/{i:02d}.png" for i in range(20)])
    words = [
        "learner=cnn_small",
        "learner.backbone=null",
        "learner.epochs=2",
        "size=8",
        f"strategy={strategy}",
    ]
    words += [f"strategy.epochs={1}"] if strategy == "ta_vaal" else []
    assert query("n=5", *words) == 0
    assert len(asked()) == 5


def test_pictures_of_many_sizes_corrupt_ones_and_new_ones(
    query: Query, photos: Path, capsys: Capture
) -> None:
    (photos / "broken.png").write_text("hello")
    Image.new("RGB", (300, 200), (0, 90, 0)).save(photos / "new.jpg")
    assert query("n=3") == 2
    assert "broken.png: it is no image that can be read" in capsys.readouterr().err
    assert not Path("photos-queries/asked.csv").exists()
    assert query("n=3", "on_corrupt=skip", "progress=plain") == 0
    why = "it is no image that can be read"
    record = Path("photos-queries/report.txt")
    said = f"1 file is skipped, 61 images are left: broken.png ({why}); all in {record}\n"
    assert said in capsys.readouterr().err
    assert f"skipped: broken.png: {why}\n" in record.read_text()
    answer(asked(), lambda name: "green" if "new" in name else "grey")
    Image.new("RGB", (30, 20), (0, 90, 90)).save(photos / "newer.png")
    assert query("n=3", "on_corrupt=skip") == 0
    assert "62 pictures: 3 labelled" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words,says",
    [
        (["n=0"], "n=0: give a whole number of at least 1."),
        (["n=many"], "n=many: give a whole number"),
        (["label=x.csv"], "label is no word of altool query: did you mean labels=x.csv?"),
        (["strategy=entropie"], "did you mean strategy=entropy?"),
        (["test=none.csv"], "none.csv does not exist."),
        (["classes=a,a"], "a class stands there twice"),
        (["classes=a,skip"], "not a class"),
        (["learner.backbone=resnet"], "did you mean random_resnet?"),
        (["learner.backbone=imagenet"], "are not on this machine"),
        (
            ["dataset=mnist"],
            "dataset=mnist means nothing to altool query: it takes its pictures from data=FOLDER",
        ),
        (["more=maybe"], "give true or false"),
        (["out=photos"], "is the folder with your pictures: give another"),
        (["seeds=[0,1]"], "asks one question at a time: give one seed, seeds=0"),
        (
            ["imbalance=none"],
            "imbalance=none means nothing to altool query: your pictures are taken as they are.",
        ),
        (
            ["budget.step=3"],
            "budget.step=3 means nothing to altool query: n= says how many pictures to ask for.",
        ),
        (["budget=small"], "budget=small means nothing to altool query: n= says how many"),
        (["outputs=here"], "outputs=here means nothing to altool query: out=DIR says where"),
        (
            ["dataset.test=0.3"],
            "dataset.test=0.3 means nothing to altool query: it takes its pictures from data=",
        ),
        (["trace=true"], "trace=true means nothing to altool query: it is for altool run"),
        (["trackers=mlflow"], "trackers=mlflow means nothing to altool query"),
        (["diagnostics.final=true"], "diagnostics.final=true means nothing to altool query"),
        (["rerun=true"], "rerun=true means nothing to altool query"),
        (
            ["experiment=ldr_fig2"],
            "experiment=ldr_fig2 means nothing to altool query: it is for a paper's curve",
        ),
        (["--cfg", "job"], "--cfg=job belongs to altool run"),
        (["strategy=replay"], "repeats a finished run"),
        (["labels=photos"], "is a folder"),
        (["labels=photos-queries/query.csv"], "is written by altool query itself: copy it"),
    ],
)
def test_mistakes(
    query: Query, words: list[str], says: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", "nowhere")
    assert query(*words) == 2
    assert says in capsys.readouterr().err
    assert not Path("photos-queries/asked.csv").exists()


def test_an_out_that_cannot_be_written_in(
    query: Query, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk, at whatever file it happens: one line, and the same command goes on."""
    answer([f"roll {i % 2}/{i:02d}.png" for i in range(20)])
    real, writes = os.fsync, 0
    for writes in range(3, 20):
        left = writes

        def fail(fd: int) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(28, "No space left on device")
            real(fd)

        with monkeypatch.context() as full:
            full.setattr(os, "fsync", fail)
            code = query("n=5")
        said = capsys.readouterr().err
        if code == 0:
            break
        assert code == 2 and said.startswith("altool: ") and "No space left on device" in said, said
        assert said.count("\n") <= 2
    assert writes > 5 and len(asked()) == 5
    assert [row["query"] for row in rows("photos-queries/asked.csv")] == ["1"] * 5


def test_folders_without_pictures(photos: Path, capsys: Capture) -> None:
    for words, says in (
        (["query"], "needs the folder with your pictures"),
        (["query", "data=nowhere"], "data=" + str(photos.parent / "nowhere") + " is no folder"),
    ):
        assert main(words) == 2
        assert says in capsys.readouterr().err
    Path("empty").mkdir()
    assert main(["query", "data=empty"]) == 2
    assert "holds no picture" in capsys.readouterr().err


def test_a_memory_of_other_pictures_is_refused(query: Query, photos: Path, capsys: Capture) -> None:
    query("n=3", "out=memory")
    Path("others").mkdir()
    shutil.copy(photos / "roll 0" / "00.png", "others/z.png")
    assert main(["query", "data=others", "out=memory", "data_root=root", "progress=quiet"]) == 2
    assert "remembers questions about other pictures" in capsys.readouterr().err


def test_killed_at_any_moment_between_answer_and_next_query(query: Query, tmp_path: Path) -> None:
    """Whatever file was just replaced when the process died, the same command ends where an undisturbed one does."""
    query("n=6")
    answer(asked())
    shutil.copytree("photos-queries", "before")
    query("n=6")
    expected = {
        name: Path("photos-queries", name).read_bytes() for name in ("answers.csv", "asked.csv", "query.csv")
    }
    words = ["query", "data=photos", "labels=labels.csv", "learner.backbone=pixels", "learner.min_steps=60"]
    words += ["device=cpu", "data_root=root", "progress=quiet", "n=6"]
    script = Path(__file__).with_name("killed_query.py")
    alone = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }  # no threads that a fork would lose
    done = subprocess.run(
        [sys.executable, str(script), "before", *words],
        capture_output=True,
        text=True,
        timeout=300,
        env=alone,
    )
    assert done.returncode == 0, done.stderr
    moments = int(done.stdout.split()[-1])
    assert moments >= 6  # answers, query, sheet, about, asked, and the copies
    for moment in range(1, moments + 1):
        killed = Path(f"killed_{moment}")
        given = {row["path"]: row["label"] for row in rows("labels.csv")}
        shutil.rmtree("photos-queries")
        shutil.copytree(killed, "photos-queries")
        remembered = {row["path"]: row["label"] for row in rows(killed / "answers.csv")} if moment > 1 else {}
        assert remembered in ({}, given)
        assert query("n=6") == 0
        for name, contents in expected.items():
            assert Path("photos-queries", name).read_bytes() == contents, (moment, name)
