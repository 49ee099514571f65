"""What the runs of a study were made with: the settings that all share, and those that set a cell apart."""

import shlex
from collections.abc import Mapping
from typing import Any

from altool.analysis.study import Study
from altool.config.literal import literal
from altool.core.errors import UserError
from altool.report.markup import Markup, fold, table, tag

NO_SETTING = "(not set)"


def settings(study: Study) -> Markup:
    """Folded away: resolved, as config.yaml has them; nothing where no run is on disk."""
    told = {_name(study, cell.label, cell.panel): _config(study, n) for n, cell in enumerate(study.cells)}
    known = {name: flat for name, flat in told.items() if flat}
    if not known:
        return Markup()
    every = set.intersection(*({*flat.items()} for flat in known.values()))
    shared = {key: value for key, value in next(iter(known.values())).items() if (key, value) in every}
    parts = [tag("p", f"The same in {_all(len(known))}, resolved:"), tag("pre", _text(shared))]
    if len(known) > 1:
        rows = [
            (name, tag("pre", _text({key: value for key, value in flat.items() if key not in shared})))
            for name, flat in known.items()
        ]
        parts.append(table("What sets each cell apart", ("Cell", "Settings"), rows))
    parts.append(_commands(study))
    return fold("Settings", *parts)


def _all(n: int) -> str:
    return f"all {n} cells" if n > 1 else "the one cell"


def _name(study: Study, label: str, panel: str) -> str:
    return f"{label} · {panel}" if panel and len(study.panels()) > 1 else label


def _config(study: Study, position: int) -> dict[str, str]:
    cell = study.cells[position]
    for seed in study.seeds_on_disk(cell):
        try:
            return flat(study.config(cell, seed))
        except UserError:
            continue
    return {}


def flat(node: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Dotted keys with their values as one would type them."""
    found: dict[str, str] = {}
    for key, value in node.items():
        if isinstance(value, dict) and value:
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = literal(value)
    return found


def _text(pairs: Mapping[str, str]) -> str:
    return "\n".join(f"{key}: {value}" for key, value in sorted(pairs.items())) or NO_SETTING


def _commands(study: Study) -> Markup:
    """What makes each cell again, without the folders of the machine that made it."""
    rows = []
    for cell in study.cells:
        words = [word for word in cell.words if not word.startswith(("outputs=", "data_root="))]
        if words:
            command = shlex.join(["altool", "run", *words])
            rows.append((_name(study, cell.label, cell.panel), tag("code", command)))
    return table("Commands, one for each cell", ("Cell", "Command"), rows) if rows else Markup()
