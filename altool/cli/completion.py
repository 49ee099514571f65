"""Shell completion: Hydra's own for the words of `altool run`, ours for the sub-commands before them."""

import argparse
import contextlib
import io
import os

INSTALL = {  # what makes the shell understand Hydra's script
    "bash": "",
    "zsh": "autoload -U +X compinit && compinit && autoload -U +X bashcompinit && bashcompinit\n",
    "fish": "",
}
TAKE_WORDS = ("run", "check")  # sub-commands that take key=value words


def main(parsed: argparse.Namespace) -> int:
    from altool.run import run

    print(INSTALL[parsed.shell], end="")
    return run(["-sc", f"install={'fish' if parsed.shell == 'fish' else 'bash'}"])


def complete(words: list[str]) -> int:
    """Answers the shell, which calls `altool -sc query=bash` with the line so far in COMP_LINE."""
    line = os.environ.get("COMP_LINE", "")
    typed = line.split()
    command = typed[1] if len(typed) > 1 else ""
    if len(typed) > 2 or (command and line.endswith(" ")):
        if command not in TAKE_WORDS:
            return 0
        os.environ["COMP_LINE"] = line.replace(f"{command} ", "", 1)  # Hydra knows no sub-commands
        from altool.run import run

        with contextlib.redirect_stderr(io.StringIO()):  # a half-typed word is no error
            run(words)
        return 0
    from altool.cli.main import COMMANDS

    print("\n".join(name for name in COMMANDS if name.startswith(command)))
    return 0
