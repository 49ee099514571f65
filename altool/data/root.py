"""Where downloaded and prepared datasets lie."""

import os
from pathlib import Path


def default_data_root() -> Path:
    """The folder that ALTOOL_DATA names, else one in the user's cache."""
    named = os.environ.get("ALTOOL_DATA")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "altool" / "data"
