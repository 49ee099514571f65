"""`altool ls [group [name]]`: the choices, each with its first comment line, or one file as it stands."""

import argparse

from altool.config.files import GROUPS, Option, options
from altool.core.errors import UserError, did_you_mean


def main(parsed: argparse.Namespace) -> int:
    more = (parsed.config_dir,) if parsed.config_dir else ()
    if parsed.group is None:
        for group in GROUPS:
            print(f"{group:<12}{', '.join(options(group, more))}")
        return 0
    if parsed.group not in GROUPS:
        raise UserError(f"{parsed.group} is no group: {did_you_mean(parsed.group, GROUPS)}")
    choices = options(parsed.group, more)
    if parsed.name is None:
        _print_choices(list(choices.values()))
        return 0
    if parsed.name not in choices:
        raise UserError(f"there is no {parsed.group} {parsed.name}: {did_you_mean(parsed.name, choices)}")
    path = choices[parsed.name].path
    print(f"# {path}\n{path.read_text(encoding='utf-8')}", end="")
    return 0


def _print_choices(choices: list[Option]) -> None:
    width = max((len(choice.name) for choice in choices), default=0) + 2
    for choice in choices:
        print(f"{choice.name:<{width}}{choice.help}")
