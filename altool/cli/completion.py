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
TAKE_WORDS = ("run", "check", "replay")  # sub-commands that take key=value words


def main(parsed: argparse.Namespace) -> int:
    from altool.run import run

    print(INSTALL[parsed.shell], end="")
    return run(["-sc", f"install={'fish' if parsed.shell == 'fish' else 'bash'}"])


def complete(words: list[str]) -> int:
    """Answers the shell, which calls `altool -sc query=bash` with the line so far in COMP_LINE."""
    from altool.cli.parser import COMMANDS, flags

    line = os.environ.get("COMP_LINE", "")
    typed = line.split()
    command = typed[1] if len(typed) > 1 else ""
    if len(typed) > 2 or (command and line.endswith(" ")):
        last = "" if line.endswith(" ") else typed[-1]
        if command not in TAKE_WORDS or last.startswith("-"):
            before = typed[2:-1] if last else typed[2:]
            known = flags(command) if last.startswith("-") else _own_words(command, before)
            print("\n".join(word for word in known if word.startswith(last)))
            return 0
        if command == "replay" and len(typed) > 2:
            line = line.replace(f"{typed[2]} ", "", 1)  # its path
        os.environ["COMP_LINE"] = line.replace(f"{command} ", "", 1)  # Hydra knows no sub-commands
        from altool.run import run

        with contextlib.redirect_stderr(io.StringIO()):  # a half-typed word is no error
            run(words)
        return 0
    print("\n".join(name for name in COMMANDS if name.startswith(command)))
    return 0


def _own_words(command: str, before: list[str]) -> list[str]:
    """What may follow `altool command before…`: groups and names for ls and reproduce, names for data get."""
    from altool.config.files import GROUPS, options
    from altool.data.public import PUBLIC_SETS

    if command == "ls" and len(before) < 2:
        return [*options(before[0])] if before and before[0] in GROUPS else [*GROUPS] if not before else []
    if command == "reproduce":
        names = [*options("experiment")]
        return ["ls", "show", *names] if not before else names if before == ["show"] else []
    if command == "data":
        return ["ls", "get"] if not before else list(PUBLIC_SETS) if before == ["get"] else []
    return []
