"""From a study to its files: figures, tables, what was published beside what was measured, and a summary in words."""

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from altool.analysis import canvas, published, tallies, verdict
from altool.analysis.by_seed import by_seed
from altool.analysis.study import Output, Study
from altool.analysis.views import published_table
from altool.core.atomic import write_atomic, write_text_atomic
from altool.core.errors import UserError, did_you_mean

VIEWS = "altool.analysis.views"
LARGEST_TABLE = 40  # rows of a table that the summary prints


@dataclass(frozen=True)
class Drawn:
    """`summary`: for the terminal; `files`: what was written; `failed`: views that could not be drawn, with the reason."""

    summary: str
    files: list[Path]
    failed: list[str]


@dataclass(frozen=True)
class Viewed:
    """What the views make of a study. `judged`: verdict.judge's rows; `note`: stands under every figure; `failed`: as
    Drawn's."""

    outputs: list[Output]
    judged: pd.DataFrame
    note: str
    failed: list[str]


def views(study: Study) -> Viewed:
    """All that the study's views make of it, the table of what was published last. What a view lacks is said and costs no
    other view."""
    outputs: list[Output] = []
    failed: list[str] = []
    for options in study.spec.get("views", []):
        try:
            outputs += _viewed(study, options)
        except UserError as error:
            failed.append(f"{options['view']}: {error}")
    judged = verdict.judge(study)
    note = _note(study)
    for output in outputs:
        if output.figure is not None and note:
            canvas.footnote(output.figure, note)
    return Viewed([*outputs, *published_table.table(judged)], judged, note, failed)


def draw(study: Study, folder: Path) -> Drawn:
    """Writes all views of the study into `folder`."""
    viewed = views(study)
    outputs, note, failed = viewed.outputs, viewed.note, viewed.failed
    files = [path for output in outputs for path in _write(output, folder)]
    write_text_atomic(folder / "published.csv", tallies.as_shown(viewed.judged).to_csv(index=False))
    seeds = by_seed(study)
    if not seeds.empty:
        write_text_atomic(folder / "by_seed.csv", seeds.to_csv(index=False, float_format="%.6g"))
    if not study.datasets.empty:
        sizes = study.datasets.drop(columns="points", errors="ignore")
        write_text_atomic(folder / "datasets.csv", sizes.to_csv(index=False))
    summary = _summary(study, outputs, note, failed)
    write_text_atomic(folder / "summary.txt", summary)
    record = {**study.as_record(), "outputs": [_record(output) for output in outputs], "note": note}
    write_text_atomic(folder / "study.json", json.dumps(record, indent=1, default=str) + "\n")
    return Drawn(summary, files, failed)


def _viewed(study: Study, options: Mapping[str, Any]) -> list[Output]:
    """`panels` of the options: these alone; `name`: what its only output is called."""
    given = dict(options)
    name, panels, stem = given.pop("view"), given.pop("panels", None), given.pop("name", None)
    if panels is not None:
        study = replace(study, cells=tuple(cell for cell in study.cells if cell.panel in panels))
    module = f"{VIEWS}.{name}"
    if find_spec(module) is None:
        known = [path.stem for path in Path(str(importlib.import_module(VIEWS).__path__[0])).glob("[!_]*.py")]
        raise UserError(f"there is no such view: {did_you_mean(name, known)}")
    outputs: list[Output] = importlib.import_module(module).view(study, **given)
    if stem is None:
        return outputs
    if len(outputs) != 1:
        raise UserError(
            f"name: {stem}: this view makes {len(outputs)} outputs, which have names of their own."
        )
    return [replace(outputs[0], name=stem)]


def _note(study: Study) -> str:
    """The small line under every figure."""
    unpublished = "" if published.has_values(study.name) else "No values were published."
    return " ".join(part for part in (study.stamp, unpublished) if part)


def _write(output: Output, folder: Path) -> list[Path]:
    """The files of one output. Raises UserError for a figure in the way that altool did not make."""
    written = []
    if output.figure is not None:
        for ending in canvas.FORMATS:
            path = folder / f"{output.name}.{ending}"
            if path.exists() and not canvas.is_ours(path.read_bytes(), ending):
                raise UserError(f"{path} was not made by altool: move it away.")
            content = canvas.encode(output.figure, ending)
            write_atomic(path, lambda file, content=content: file.write(content))
            written.append(path)
    if output.frame is not None:
        path = folder / f"{output.name}.csv"
        write_text_atomic(path, output.frame.to_csv(index=False))
        written.append(path)
    return written


def _record(output: Output) -> dict[str, object]:
    return {"name": output.name, "kind": output.kind, "caption": output.caption}


def _summary(study: Study, outputs: list[Output], note: str, failed: list[str]) -> str:
    spec = study.spec
    lines = [f"{spec.get('paper', '')} {spec.get('item', '')}: {spec.get('title', study.name)}".strip()]
    for output in outputs:
        lines += ["", f"{output.name}: {output.caption}"]
        if output.kind == "table" and output.frame is not None:
            lines.append(output.frame.head(LARGEST_TABLE).to_string(index=False, float_format="%.4g"))
    if note:
        lines += ["", note]
    lines += [f"Not drawn: {reason}" for reason in failed]
    return "\n".join(lines) + "\n"
