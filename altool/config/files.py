"""The YAML files that the groups offer, found without Hydra: what `altool ls` shows and what error messages suggest."""

from dataclasses import dataclass
from pathlib import Path

import altool
from altool.core.errors import UserError

GROUPS = ("dataset", "imbalance", "learner", "strategy", "budget", "experiment")
OPTIONAL_GROUPS = ("experiment",)


def conf_dir() -> Path:
    """The folder with run.yaml: inside the package in a wheel, beside it in a checkout or an editable install."""
    package = Path(altool.__file__).resolve().parent
    for folder in (package / "_conf", package.parent / "conf"):
        if (folder / "run.yaml").is_file():
            return folder
    raise UserError(f"altool's conf folder is missing beside {package}: install altool again.")


@dataclass(frozen=True)
class Option:
    """One choice of a group: `dataset=cifar10` is `group` dataset, `name` cifar10."""

    group: str
    name: str
    path: Path

    @property
    def help(self) -> str:
        """The first comment line that is not Hydra's own `# @package`."""
        for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            if not line.startswith("#"):
                return ""
            if not line.startswith("# @"):
                return line.lstrip("# ").strip()
        return ""


def options(group: str, more: tuple[Path, ...] = ()) -> dict[str, Option]:
    """The choices of `group` by name, sorted. Folders in `more` (--config-dir) come first, as Hydra takes them."""
    found: dict[str, Option] = {}
    for folder in (*more, conf_dir()):
        for path in sorted((folder / group).glob("*.yaml")):
            found.setdefault(path.stem, Option(group, path.stem, path))
    return dict(sorted(found.items()))
