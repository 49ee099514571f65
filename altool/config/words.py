"""The words after `altool run`, judged one by one before Hydra sees them.

Hydra's own answer to a mistyped key is to add a `+`, which silently runs the default strategy with a stray key beside it;
to a mistyped flag it prints its usage. Here every mistake names the word, the nearest right one, and what to type.
"""

import argparse
import dataclasses
import importlib.util
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from altool.config.files import GROUPS, OPTIONAL_GROUPS, options
from altool.config.literal import as_text
from altool.config.schema import RunConfig
from altool.core.errors import UserError, did_you_mean, nearest

KEYS = tuple(field.name for field in dataclasses.fields(RunConfig))
LAUNCHERS = {  # choice → (module of the plugin, extra that installs it)
    "local": ("hydra_plugins.hydra_joblib_launcher", "joblib"),
    "joblib": ("hydra_plugins.hydra_joblib_launcher", "joblib"),
    "slurm": ("hydra_plugins.hydra_submitit_launcher", "slurm"),
    "submitit_slurm": ("hydra_plugins.hydra_submitit_launcher", "slurm"),
    "submitit_local": ("hydra_plugins.hydra_submitit_launcher", "slurm"),
    "ray": ("hydra_plugins.hydra_ray_launcher", "ray"),
}
INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")


class _Flags(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}. See altool run --help.")


def _flags() -> argparse.ArgumentParser:
    """The flags of Hydra that altool hands on."""
    parser = _Flags(add_help=False, allow_abbrev=False)
    parser.add_argument("-m", "--multirun", action="store_true")
    parser.add_argument("--cells", type=Path)
    parser.add_argument("-cd", "--config-dir", type=Path)
    parser.add_argument("-c", "--cfg", choices=["job", "hydra", "all"])
    parser.add_argument("-p", "--package")
    parser.add_argument("-i", "--info", nargs="?", const="all", choices=INFO)
    parser.add_argument("-sc", "--shell-completion", action="store_true")
    parser.add_argument("--resolve", action="store_true")
    parser.add_argument("--hydra-help", action="store_true")
    return parser


@dataclass(frozen=True)
class Words:
    """`overrides`: the key=value words; `flags`: the others, as they are handed to Hydra; `cells`: a file that lists
    the cells of the sweep, which then share the overrides."""

    flags: tuple[str, ...]
    overrides: tuple[str, ...]
    multirun: bool
    completing: bool
    config_dirs: tuple[Path, ...]
    cells: Path | None = None

    @property
    def argv(self) -> list[str]:
        return [*self.flags, *self.overrides]

    @property
    def sweeps(self) -> bool:
        """Whether cells are to be run, rather than a configuration to be shown."""
        only_shown = ("--cfg", "--info", "--hydra-help", "--shell-completion")
        return self.multirun and not any(flag.startswith(only_shown) for flag in self.flags)


def parse(words: list[str]) -> Words:
    """Splits and checks the words. Raises UserError on the first mistake."""
    known, rest = _flags().parse_known_args(words)
    sweeping = known.multirun  # whether a,b means one run each
    cells = None if known.cells is None else known.cells.absolute()
    known.multirun |= cells is not None and not (known.cfg or known.info)
    flags = _written(known)
    config_dirs = () if known.config_dir is None else (known.config_dir.absolute(),)
    if config_dirs and not config_dirs[0].is_dir():
        raise UserError(f"--config-dir {known.config_dir}: there is no such folder.")
    overrides = tuple(rest)
    if not known.shell_completion:
        for position, word in enumerate(rest):
            if word.startswith("-"):
                _refuse_flag(word, rest[position + 1 :])
        overrides = tuple(checked_word(word, sweeping, config_dirs) for word in rest)
        _check_launcher(overrides, known.multirun)
    return Words(tuple(flags), overrides, known.multirun, known.shell_completion, config_dirs, cells)


def _written(known: argparse.Namespace) -> list[str]:
    """The flags as words again, in a fixed order and none swallowing the next."""
    flags: list[str] = []
    for name, value in vars(known).items():
        if name == "cells":  # Hydra hears of it by a word
            continue
        if value is True:
            flags.append(f"--{name.replace('_', '-')}")
        elif value:
            flags.append(f"--{name.replace('_', '-')}={value}")
    return flags


def _refuse_flag(word: str, following: list[str]) -> NoReturn:
    name, _, value = word.lstrip("-").partition("=")
    key = nearest(name.replace("-", "_"), KEYS)
    if key is None and name.split(".")[0] in KEYS:
        key = name
    if key is None:
        raise UserError(
            f"{word} is no option of altool run: settings are key=value words. See altool run --help."
        )
    value = value or (following[0] if following and "=" not in following[0] else "…")
    raise UserError(f"{word} is no option: settings are key=value words, type {key}={value}")


def checked_word(word: str, multirun: bool, config_dirs: tuple[Path, ...]) -> str:
    """The word as Hydra may see it. Raises UserError when it means nothing."""
    key, equals, value = word.partition("=")
    sign = re.match(r"[+~]*", key).group()  # type: ignore[union-attr]  # always matches
    key = key[len(sign) :]
    if key.split(".")[0].split("/")[0] == "hydra":
        _check_value(word, key, value, multirun)
        return word
    if not equals and not sign:
        _refuse_bare(word, config_dirs)
    if key == "experiment" and sign == "+":
        word, sign = f"{key}={value}", ""
    check_key(key, value)
    if sign:
        right = f"type {key}={value}" if "~" not in sign else "every key of a run keeps a value"
        raise UserError(f"{word}: altool takes no {sign}: {right}")
    if key in GROUPS:
        _check_choices(word, key, value, multirun, config_dirs)
    _check_value(word, key, value, multirun)
    return word


def _refuse_bare(word: str, config_dirs: tuple[Path, ...]) -> NoReturn:
    if word in KEYS:
        raise UserError(f"{word} is not key=value: give it a value, {word}=…")
    choices = {name: group for group in GROUPS for name in reversed(options(group, config_dirs))}
    name = nearest(word, choices)
    advice = (
        f"did you mean {choices[name]}={name}?" if name else "settings are words such as strategy=entropy."
    )
    raise UserError(f"{word} is not key=value: {advice}")


def check_key(key: str, value: str) -> None:
    """Raises UserError unless `key` is one of a run; keys below open nodes are judged once all is composed."""
    if key in OPTIONAL_GROUPS:
        return
    node: Any = RunConfig
    parent = ""
    for name in key.split("."):
        if not dataclasses.is_dataclass(node):
            return
        types = {field.name: field.type for field in dataclasses.fields(node)}
        if name not in types:
            known = types if parent else [*types, *OPTIONAL_GROUPS]
            raise UserError(unknown_key(parent, name, known, key, value))
        node = types[name]
        parent = f"{parent}.{name}" if parent else name


def unknown_key(parent: str, name: str, known: Any, key: str, value: str) -> str:
    """One line on the key `name`, which `parent` (empty for the run itself) does not have."""
    hit = nearest(name, known)
    right = f"{parent}.{hit}" if parent else hit
    what = f"{key} is no key of " + (f"{parent}" if parent else "a run")
    return f"{what}: " + (f"did you mean {right}={value}?" if hit else did_you_mean(name, known))


def _check_choices(word: str, group: str, value: str, multirun: bool, config_dirs: tuple[Path, ...]) -> None:
    known = options(group, config_dirs)
    if group in OPTIONAL_GROUPS and value == "null":
        return
    if value in ("", "null"):
        raise UserError(f"{word}: a run needs one {group}; known: {', '.join(known)}")
    if re.search(r"[^\w,.-]", value):  # a glob, a quoted or nested sweep: Hydra's to read
        return
    for name in value.split(",") if multirun else [value] if "," not in value else []:
        if name not in known:
            hit = nearest(name, known)
            there_are = f"known: {', '.join(known)}" if known else "there are none"
            advice = f"did you mean {group}={hit}?" if hit else there_are
            raise UserError(f"{group}={name}: there is no such {group}: {advice}")


def _check_value(word: str, key: str, value: str, multirun: bool) -> None:
    """Raises UserError where Hydra's grammar cannot read the value, or where it is a sweep without -m."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        override = OverridesParser.create().parse_override(word)
    except HydraException:
        raise UserError(
            f"{word}: the value cannot be read as it stands; type {_quoted(key, value)}"
        ) from None
    if override.is_sweep_override() and not multirun:
        raise UserError(f"{word} is a sweep: add -m for one run per value{_unless(key, value)}.")


def _unless(key: str, value: str) -> str:
    """What to type where the comma was not meant as a sweep."""
    if key in ("seeds", "trackers") and "(" not in value:
        return f", or type {key}=[{value}] for one run with these {key}"
    if key in GROUPS or "," not in value or re.fullmatch(r"[\d.,e+-]+", value):
        return ""
    return f", or type {_quoted(key, value)} if the comma belongs to the value"


def _quoted(key: str, value: str) -> str:
    """key=value for the shell, with a value that Hydra takes as one text."""
    return shlex.quote(f"{key}={as_text(value)}")


def _check_launcher(overrides: tuple[str, ...], multirun: bool) -> None:
    for word in overrides:
        key, _, name = word.partition("=")
        if key.lstrip("+") != "hydra/launcher":
            continue
        module, extra = LAUNCHERS.get(name, ("hydra", ""))
        if not _installed(module):
            raise UserError(f'{word} needs a plugin that is not installed: pip install "altool[{extra}]"')
        if not multirun:
            raise UserError(f"{word} only acts on sweeps: add -m.")


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
