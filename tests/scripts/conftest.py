"""The benchmark's package lies beside its script, not in altool."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
