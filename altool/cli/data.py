"""`altool data ls`, `get NAME`, `export NAME FOLDER`: which datasets lie on this machine, how the others come, and how
their images become picture files."""

import argparse
from pathlib import Path

from altool.core.errors import UserError


def main(parsed: argparse.Namespace) -> int:
    from altool.data.catalogue import get
    from altool.data.root import default_data_root

    root = parsed.data_root or default_data_root()
    if parsed.action == "ls":
        _print_entries(root)
        return 0
    if parsed.name is None:
        raise UserError(
            f"altool data {parsed.action} needs a name, such as altool data {parsed.action} mnist; "
            "altool data ls shows them."
        )
    if parsed.action == "export":
        from altool.data.export import export

        if parsed.folder is None:
            raise UserError(f"say where to write: altool data export {parsed.name} FOLDER")
        pictures, answers = export(parsed.name, parsed.folder, root)
        print(f"{pictures}\n{answers}")
        return 0
    print(get(parsed.name, root))
    return 0


def _print_entries(root: Path) -> None:
    from altool.data.catalogue import entries

    rows = entries(root)
    width = max(len(row.name) for row in rows) + 2
    print(f"data_root: {root}")
    for row in rows:
        state = "there  " if row.present else "missing"
        print(f"{row.name:<{width}}{state}  {row.what}")
        print(f"{'':<{width}}         {row.where}" + (f" ({row.size})" if row.size else ""))
