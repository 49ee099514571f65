"""What Hydra and OmegaConf raise while they compose, as one line that says what was wrong and what to type."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from hydra.errors import MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    InterpolationKeyError,
    MissingMandatoryValue,
    OmegaConfBaseException,
    ValidationError,
)

from altool.config.schema import RunConfig
from altool.config.words import Words, unknown_key

KINDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    int | str: "a whole number or a text",
}


def explain(error: BaseException, words: Words, compose: Callable[..., DictConfig]) -> str:
    """One line on an error raised before the run began; `compose` is asked what keys there are."""
    for cause in _chain(error):
        if isinstance(cause, yaml.MarkedYAMLError):
            return _yaml(cause)
        if isinstance(cause, ConfigAttributeError | ConfigKeyError) and cause.full_key:
            return _unknown(cause, words, compose)
        if isinstance(cause, ValidationError) and cause.full_key:
            return _mistyped(cause, words, str(error))
        if isinstance(cause, OmegaConfBaseException) and cause.full_key:
            return explain_unresolved(cause)
    for cause in _chain(error):
        if isinstance(cause, MissingConfigException):
            return f"{_first_line(cause)}. See altool ls."
        if isinstance(cause, OSError) and cause.filename:
            return f"{cause.filename}: {cause.strerror}."
    return f"this run could not begin: {_first_line(error)} ({type(error).__name__}). See altool run --help."


def explain_unresolved(error: OmegaConfBaseException) -> str:
    """One line on a value that is missing or points to one that is."""
    if isinstance(error, MissingMandatoryValue):
        return f"{error.full_key} has no value: type {error.full_key}=…"
    if isinstance(error, InterpolationKeyError):
        target = re.search(r"'([\w.]+)'", str(error.msg or error))
        return (
            f"{error.full_key} is taken from {target.group(1) if target else 'another key'}, which is not set: "
            f"type {error.full_key}=…"
        )
    return f"{error.full_key}: {_first_line(error)}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "").rstrip(".")


def _yaml(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"{mark.name}, line {mark.line + 1}" if mark else "a YAML file"
    return f"{where}: this is not YAML: {error.problem or error.context}."


def _word_for(key: str, words: Words) -> str | None:
    """The last word that sets `key`."""
    return next((w for w in reversed(words.overrides) if w.lstrip("+~").partition("=")[0] == key), None)


def _unknown(error: OmegaConfBaseException, words: Words, compose: Callable[..., DictConfig]) -> str:
    key = str(error.full_key)
    parent, _, name = key.rpartition(".")
    word = _word_for(key, words)
    value = word.partition("=")[2] if word else "…"
    others = [w for w in words.overrides if w != word]
    try:
        node = OmegaConf.select(compose(others, words.config_dirs), parent) if word else None
        known = list(node) if isinstance(node, DictConfig) else _schema_keys(parent)
    except Exception:  # another word is wrong as well; its turn comes next
        known = _schema_keys(parent)
    line = unknown_key(parent, name, known, key, value) if known else f"{key} is no key of {parent}."
    return line if word else f"{line} (set in a YAML file, not on the command line)"


def _schema_keys(parent: str) -> list[str]:
    node = (
        OmegaConf.select(OmegaConf.structured(RunConfig), parent)
        if parent
        else OmegaConf.structured(RunConfig)
    )
    return [str(key) for key in node] if isinstance(node, DictConfig) else []


def _mistyped(error: ValidationError, words: Words, outer: str) -> str:
    key = str(error.full_key)
    word = _word_for(key, words)
    kind = _kind(key)
    wanted = f"must be {kind}" if kind else _first_line(error)
    if word:
        return f"{word}: {wanted}."
    file = re.search(r"[Ii]n '([^']+)'", outer)
    source = f" in {Path(file.group(1)).with_suffix('.yaml')}" if file else ""
    return f"{key}{source}: {_first_line(error)}; it {wanted}."


def _kind(key: str) -> str | None:
    """What `key` takes, in words; None where the error's own words are as good."""
    kind: Any = RunConfig
    for name in key.split("."):
        fields = getattr(kind, "__dataclass_fields__", {})
        if name not in fields:
            return None
        kind = fields[name].type
    if type(None) in get_args(kind):
        (inner,) = (k for k in get_args(kind) if k is not type(None))
        return f"{KINDS[inner]} or null" if inner in KINDS else None
    return KINDS.get(kind)
