"""What is said of image files that give no image: by name, and whether the file or the machine is at fault."""

from collections.abc import Mapping
from pathlib import Path

from altool.core.errors import UserError

SHOWN = 20  # files that an error names one by one


def refusal(root: Path, errors: Mapping[str, str], n_files: int) -> str:
    """Of files that are no images, or cannot be used: why, by name relative to `root`."""
    advice = "Repair or remove them"
    if len(errors) < n_files:
        advice += ", or go on without them: on_corrupt=skip"
    head = f"{len(errors)} of {n_files} files in {root} cannot be read as an image:"
    return "\n".join([head, *_listed(errors), advice])


def unavailable(root: Path, errors: Mapping[str, str]) -> UserError:
    """Of files that the machine could not read: what is no fault of theirs is not remembered."""
    head = f"{len(errors)} files in {root} could not be read just now:"
    return UserError(
        "\n".join([head, *_listed(errors), "Nothing is lost: the same command tries them again."])
    )


def why(error: OSError | MemoryError) -> str:
    return "not enough memory" if isinstance(error, MemoryError) else error.strerror or str(error)


def is_utf8(name: str) -> bool:
    """Whether a file's name can be written into a table."""
    return printable(name) == name


def printable(name: str) -> str:
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _listed(errors: Mapping[str, str]) -> list[str]:
    lines = [f"  {printable(name)}: {reason}" for name, reason in list(errors.items())[:SHOWN]]
    return lines + ([f"  … and {len(errors) - SHOWN} more"] if len(errors) > SHOWN else [])
