"""Runs a command again and again, each time from the same state, and dies right after its first, second, … file is in place.

killed_query.py STATE WORDS…    leaves killed_1, killed_2, … and says how many moments there were
"""

import os
import shutil
import sys
from pathlib import Path

from altool.cli.main import main

FOLDER = Path("photos-queries")


def dying(words: list[str], moment: int) -> int:
    """The exit code of a child that dies at its `moment`-th replaced file, 137, or gets through, 0."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    replace, passed = Path.replace, 0

    def then_die(path: Path, target: Path) -> Path:
        nonlocal passed
        done = replace(path, target)
        if FOLDER.resolve() in Path(target).resolve().parents:
            passed += 1
            if passed == moment:
                os._exit(137)
        return done

    Path.replace = then_die  # type: ignore[method-assign]
    os._exit(main(words))


if __name__ == "__main__":
    state, words = sys.argv[1], sys.argv[2:]
    main(words)  # what is imported late is imported once here, not in every child
    moment, code = 0, 137
    while code == 137:
        moment += 1
        shutil.rmtree(FOLDER)
        shutil.copytree(state, FOLDER)
        code = dying(words, moment)
        if code == 137:
            FOLDER.rename(f"killed_{moment}")
            shutil.copytree(state, FOLDER)
    print(moment - 1)
    sys.stdout.flush()
    os._exit(code)
