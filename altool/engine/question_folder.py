"""One question on disk: queries/NNN/ as it was asked, and the last one once more where it is easy to find, beside a table of
all of them."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from altool.core.atomic import write_atomic, write_text_atomic
from altool.core.ledger import Asked
from altool.core.records import read_rows, table_text
from altool.data.contact_sheet import write_sheets

METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "nll", "ece")
COLUMNS = ("path", "rank", "score", "predicted class", "confidence")


def question_folder(out: Path, query: int) -> Path:
    return out / "queries" / f"{query:03d}"


def write_question(
    out: Path,
    query: int,
    rows: Sequence[Asked],
    pictures: Path,
    carry: Mapping[str, np.ndarray],
    about: Mapping[str, Any],
) -> None:
    """Everything of a question in its own folder. `pictures`: the folder that the rows' paths are relative to."""
    folder = question_folder(out, query)
    shutil.rmtree(folder, ignore_errors=True)  # of a killed attempt: it was never asked
    table = [{**vars(row), "predicted class": row.predicted} for row in rows]
    write_text_atomic(folder / "query.csv", table_text(table, COLUMNS))
    said = ["" if row.confidence is None else f"{row.predicted} {row.confidence:.0%}" for row in rows]
    captions = [(f"{row.rank}. {row.path}", words) for row, words in zip(rows, said, strict=True)]
    write_sheets(folder / "contact_sheet.png", [pictures / row.path for row in rows], captions)
    if carry:
        write_atomic(folder / "carry.npz", lambda file: np.savez(file, **carry))  # type: ignore[arg-type]
    write_about(out, about)


def write_about(out: Path, about: Mapping[str, Any]) -> None:
    folder = question_folder(out, about["query"])
    write_text_atomic(folder / "about.json", json.dumps(about, indent=1) + "\n")


def publish(out: Path, query: int) -> None:
    """The question's table and sheets in `out` itself, those of an older question go; and progress.csv, a row per question
    with the metrics that are known of its model."""
    folder = question_folder(out, query)
    for old in out.glob("contact_sheet*.png"):
        if not (folder / old.name).exists():
            old.unlink()
    for file in (*folder.glob("contact_sheet*.png"), folder / "query.csv"):
        contents = file.read_bytes()
        write_atomic(out / file.name, lambda target, contents=contents: target.write(contents))
    rows = [_progress(read_about(out, number)) for number in range(1, query + 1)]
    write_text_atomic(out / "progress.csv", table_text(rows, rows[-1]))


def is_published(out: Path, query: int) -> bool:
    """Whether the question has been shown: progress.csv is written last."""
    return len(read_rows(out / "progress.csv")) >= query


def _progress(about: Mapping[str, Any]) -> dict[str, object]:
    test, folds = about.get("test", {}), about.get("cross_validated", {})
    return {
        "query": about.get("query"),
        "how": about.get("how"),
        "n_labelled": sum(about.get("class_counts", {}).values()),
        "n_skipped": about.get("n_skipped"),
        "n_classes": len(about.get("classes", [])),
        **{key: test.get(key) for key in METRICS},
        **{f"cross_validated_{key}": folds.get(key) for key in METRICS},
    }


def read_about(out: Path, query: int) -> dict[str, Any]:
    """about.json of a question, {} where there is none."""
    try:
        return json.loads((question_folder(out, query) / "about.json").read_text())
    except (OSError, ValueError):
        return {}


def read_carry(out: Path, query: int, classes: Sequence[str], strategy: str) -> dict[str, np.ndarray]:
    """What the strategy handed on in `query`; nothing if it is another strategy now, or the class ids have moved."""
    about, path = read_about(out, query), question_folder(out, query) / "carry.npz"
    if not path.exists() or about.get("classes") != list(classes) or about["words"]["strategy"] != strategy:
        return {}
    with np.load(path, allow_pickle=False) as stored:
        return {key: stored[key] for key in stored.files}
