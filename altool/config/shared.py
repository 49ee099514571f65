"""Many runs that choose the same groups: Hydra composes these once, and what sets each run apart is put on a copy.

Composing takes a tenth of a second; the grids of all experiments have five hundred cells.
"""

import copy
import dataclasses
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict

from altool.config.files import GROUPS
from altool.config.load import Origin, compose_words, load, resolve
from altool.config.schema import RunConfig
from altool.config.words import Words

DOTTED = re.compile(r"(?!hydra\.)\w+(\.\w+)+")
ROOT = {field.name for field in dataclasses.fields(RunConfig)} - {*GROUPS}


def load_shared(words: Words) -> tuple[RunConfig, Origin]:
    """The same as `load`, UserError and all."""
    values = [word for word in words.overrides if _is_value(word)]
    try:
        chosen = tuple(word for word in words.overrides if word not in values)
        composed, choices, sweep = _composed(chosen, tuple(words.config_dirs))
        config = copy.deepcopy(composed)
        for override in OverridesParser.create().parse_overrides(values):
            OmegaConf.update(config, override.key_or_group, override.value(), merge=True)
        origin = Origin(words.config_dirs, choices, words.overrides, sweep)
        return resolve(config, words.overrides), origin
    except Exception:
        return load(words)  # finds the words for whatever it was


def _is_value(word: str) -> bool:
    """Whether the word sets a value and chooses nothing; Hydra's own grammar (+key, ~key) is left to it."""
    key, equals, _ = word.partition("=")
    return bool(equals) and (key in ROOT or DOTTED.fullmatch(key) is not None)


@lru_cache(maxsize=1024)
def _composed(
    words: Sequence[str], folders: tuple[Path, ...]
) -> tuple[DictConfig, Mapping[str, str], Mapping[str, str]]:
    """Not to be changed; with what each group took, and what -m would sweep."""
    config = compose_words(words, folders, with_hydra=True)
    choices = dict(config.hydra.runtime.choices)
    sweep = dict(config.hydra.sweeper.get("params") or {})
    with open_dict(config):
        del config["hydra"]
    return config, choices, sweep
