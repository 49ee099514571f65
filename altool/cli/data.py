"""`altool data ls`, `altool data get NAME`: which datasets lie on this machine, and how the others come."""

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
            "altool data get needs a name, such as altool data get mnist; altool data ls shows them."
        )
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
