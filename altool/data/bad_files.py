"""What is said of image files that give no image: by name, and whether the file or the machine is at fault."""

from collections.abc import Mapping
from pathlib import Path

from altool.core.errors import UserError

BREAKS = str.maketrans({"\n": "\\n", "\r": "\\r"})
SHOWN = 20  # files that an error names one by one
NAMED = 5  # files that the line about skipped ones names


def refusal(root: Path, errors: Mapping[str, str], n_files: int) -> str:
    """Of files that are no images, or cannot be used: why, by name relative to `root`."""
    advice = "Repair or remove them"
    if len(errors) < n_files:
        advice += ", or go on without them: on_corrupt=skip"
    head = f"{len(errors)} of {n_files} files in {root} cannot be read as an image:"
    return "\n".join([head, *_listed(errors), advice])


def skipped_line(skipped: Mapping[str, str], n_left: int, record: str) -> str:
    """What is said of files that on_corrupt=skip left out: the first of them by name, how many images are left, and the
    `record` in which all stand."""
    named = ", ".join(f"{name} ({reason})" for name, reason in list(skipped.items())[:NAMED])
    more = ", …" if len(skipped) > NAMED else ""
    files = "1 file is" if len(skipped) == 1 else f"{len(skipped):,} files are"
    return f"{files} skipped, {n_left:,} images are left: {named}{more}; all in {record}"


def unavailable(root: Path, errors: Mapping[str, str]) -> UserError:
    """Of files that the machine could not read: what is no fault of theirs is not remembered."""
    head = f"{len(errors)} files in {root} could not be read just now:"
    return UserError(
        "\n".join([head, *_listed(errors), "Nothing is lost: the same command tries them again."])
    )


def why(error: OSError | MemoryError) -> str:
    return "not enough memory" if isinstance(error, MemoryError) else error.strerror or str(error)


def wrong_name(name: str) -> str:
    """Why a file's name cannot stand in a line of a table, empty where it can."""
    if printable(name) == name:
        return ""
    return f"its name {'has a line break' if any(ord(sign) in BREAKS for sign in name) else 'is not UTF-8'}: rename it"


def printable(name: str) -> str:
    shown = name.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return shown.translate(BREAKS)


def _listed(errors: Mapping[str, str]) -> list[str]:
    lines = [f"  {printable(name)}: {reason}" for name, reason in list(errors.items())[:SHOWN]]
    return lines + ([f"  … and {len(errors) - SHOWN} more"] if len(errors) > SHOWN else [])
