"""Errors that speak to the person at the terminal, and the exit codes they carry."""

import difflib
from collections.abc import Iterable

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_STOPPED = 75  # EX_TEMPFAIL: stopped and resumable
EXIT_INTERRUPTED = 130


class AltoolError(Exception):
    """Base of everything altool raises on purpose; `exit_code` is what the process returns."""

    exit_code = EXIT_FAILED


class UserError(AltoolError):
    """Bad input: nothing was trained, nothing was written."""

    exit_code = EXIT_BAD_INPUT


class RunFailed(AltoolError):
    """A run broke (non-finite loss, a strategy that returned nonsense); other seeds went on."""


class RunConflict(UserError):
    """The run folder holds something else than what was asked for."""


class Stopped(AltoolError):
    """A signal was honoured at a safe point, or the halt of a sweep (then `signal` is None); the same command resumes."""

    def __init__(self, message: str, exit_code: int = EXIT_STOPPED, signal: int | None = None):
        super().__init__(message)
        self.exit_code = exit_code
        self.signal = signal


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest in spelling to `name`, or None when nothing is close."""
    known = sorted(known)
    squeezed = {k.replace("_", "").replace("-", "").lower(): k for k in known}
    plain = name.replace("_", "").replace("-", "").lower()
    if plain in squeezed:
        return squeezed[plain]
    hits = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return hits[0] if hits else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean X?`, or the list of what there is."""
    known = sorted(known)
    hit = nearest(name, known)
    return f"did you mean {hit}?" if hit else f"known: {', '.join(known)}"


def require_positive(options: object, group: str, *keys: str) -> None:
    """Raises UserError for the first of `options`' values that is not above 0, naming it as the person types it."""
    for key in keys:
        if not getattr(options, key) > 0:
            raise UserError(f"{group}.{key}={getattr(options, key)}: must be positive.")
