"""`altool plot`: reads runs, draws each panel, and puts the files where they are looked for."""

import os
from collections.abc import Sequence
from pathlib import Path

from altool.analysis.canvas import FORMATS, is_ours
from altool.analysis.curves import panels
from altool.analysis.figure import image
from altool.analysis.read import read_stages
from altool.core.atomic import write_atomic
from altool.core.errors import UserError, did_you_mean


def main_plot(
    paths: Sequence[Path],
    relative_to: str | None = None,
    out: Path | None = None,
    formats: Sequence[str] = ("png",),
    metric: str = "accuracy",
) -> list[Path]:
    """Writes a figure per dataset, imbalance and learner in each of `formats`; returns the files.

    paths: run folders, or anything above them. relative_to: a strategy to subtract, paired by seed
    and stage. out: a folder, or a file name whose ending then is the format. None: for one cell its
    own folder (curve.png), for several the folder that holds them all
    (accuracy_<dataset>-<imbalance>_<learner>.png). metric: a key of `metric.METRICS`. Raises
    UserError on anything amiss, before the first file is written; so it does for a file in the way
    that altool did not make.
    """
    for name in formats:
        if name not in FORMATS:
            raise UserError(f"--format {name}: {did_you_mean(name, FORMATS)}")
    out, base, formats = _split(out, formats)
    stages = read_stages(paths)
    found = panels(stages, metric, relative_to)
    cells = sorted({Path(cell).resolve() for cell in stages["cell"]})
    folder = out if out is not None else Path(os.path.commonpath(cells))
    topic = metric if relative_to is None else f"{metric}_vs_{relative_to}"
    files: dict[Path, bytes] = {}
    for panel in found:
        if base:
            stem = base if len(found) == 1 else f"{base}_{panel.slug}"
        elif out is None and len(cells) == 1:
            stem = "curve" if topic == "accuracy" else f"curve_{topic}"
        else:
            stem = f"{topic}_{panel.slug}"
        for name in formats:
            path = folder / f"{stem}.{name}"
            _refuse_foreign(path, name)
            files[path] = image(panel, name, titled=len(found) > 1)
    for path, content in files.items():
        _write(path, content)
    return list(files)


def _split(out: Path | None, formats: Sequence[str]) -> tuple[Path | None, str, Sequence[str]]:
    """Folder, file name without ending ("" where `out` is a folder), formats."""
    if out is None or out.is_dir() or not out.suffix:
        return out, "", formats
    ending = out.suffix.lstrip(".").lower()
    if ending not in FORMATS:
        raise UserError(f"{out}: figures end in .{', .'.join(FORMATS)}; or name a folder.")
    return out.parent, out.stem, (ending,)


def _refuse_foreign(path: Path, file_format: str) -> None:
    if path.exists() and not is_ours(path.read_bytes(), file_format):
        raise UserError(f"{path} was not made by altool: move it away, or choose another --out.")


def _write(path: Path, content: bytes) -> None:
    try:
        write_atomic(path, lambda file: file.write(content))
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{path} cannot be written ({reason}): choose another --out.") from None
