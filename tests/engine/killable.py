"""Runs cells in processes that can be killed. Torch is imported once; every run is a fork of that.

Reads one JSON object a line: outputs, options of `build_cell`, the moment to die at (0: never), and a folder for copies of
outputs as a death at each moment would leave them (or null). Answers with the exit code, and leaves the moments that passed
in the report. A moment lies before every file that is moved into place, when all files before it are there, after every
epoch, and at every word of progress from the strategy.
"""

import json
import os
import runpy
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import torch

from altool.core.errors import AltoolError
from altool.engine.progress import SeedProgress
from altool.engine.provenance import git_state, versions

CONFTEST = runpy.run_path(str(Path(__file__).with_name("conftest.py")))


def live(request: dict[str, Any], report: Path) -> NoReturn:
    moments: list[str] = []

    def tell(error: str = "") -> None:
        report.write_text(json.dumps({"moments": moments, "error": error}))

    def moment(name: str) -> None:
        moments.append(name)
        if request["copies"]:
            shutil.copytree(request["outputs"], Path(request["copies"]) / str(len(moments)))
        if len(moments) == request["die_at"]:
            tell()
            os.kill(os.getpid(), signal.SIGKILL)

    def replace(self: Path, target: Path, _replace: Callable[..., Path] = Path.replace) -> Path:
        moment(target.name)
        return _replace(self, target)

    Path.replace = replace  # type: ignore[method-assign]
    for name in ("epoch", "querying"):
        hook = getattr(SeedProgress, name)
        setattr(SeedProgress, name, _then(hook, lambda name=name: moment(name)))
    try:
        result = CONFTEST["run_quietly"](
            CONFTEST["build_cell"](Path(request["outputs"]), **request["options"])
        )
    except AltoolError as error:
        tell(str(error))
        os._exit(error.exit_code)
    tell()
    os._exit(1 if result.failures else 0)


def _then(first: Callable[..., None], second: Callable[[], None]) -> Callable[..., None]:
    def both(*words: Any) -> None:
        first(*words)
        second()

    return both


def serve() -> None:
    torch.set_num_threads(1)
    for slow in (versions, git_state):
        slow()
    CONFTEST["build_cell"](Path()).load(0)
    weight = torch.zeros(1, requires_grad=True)
    weight.grad = torch.zeros(1)  # a backward pass before the forks would start threads where there is a GPU
    torch.optim.Adam([weight]).step()  # its first step imports for seconds
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            live(json.loads(line), Path(sys.argv[1]))
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
    os._exit(0)  # taking torch down in good order takes seconds
