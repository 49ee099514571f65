"""Where the value of a key comes from: the word, the line of a YAML file, or the schema's default."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from altool.config.files import conf_dir
from altool.config.load import compose_words, composing, search_path
from altool.config.words import Words
from altool.core.errors import UserError, did_you_mean


def source_of(key: str, words: Words) -> str:
    """`key = value: where it was said`. Raises UserError for a key that the run does not have."""
    config = compose_words(words.overrides, words.config_dirs)
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(config, parent) if parent else config
    if not isinstance(node, DictConfig) or name not in node:
        known = list(map(str, node)) if isinstance(node, DictConfig) else list(map(str, config))
        known = [f"{parent}.{one}" if parent else one for one in known]
        raise UserError(f"{key} is no key of this run: {did_you_mean(key, known)}")
    value = node._get_node(name)
    raw = value._value() if hasattr(value, "_value") and not isinstance(value, DictConfig) else None  # type: ignore[union-attr]
    said = f" ({raw})" if isinstance(raw, str) and "${" in raw else ""
    return f"{key} = {node[name]}{said}: {_where(key, words)}"


def _where(key: str, words: Words) -> str:
    for word in reversed(words.overrides):
        if word.partition("=")[0] == key:
            return "the command line"
    for path, package in _files(words):
        inner = (
            key if not package else key.removeprefix(f"{package}.") if key.startswith(f"{package}.") else None
        )
        line = _line(path, inner) if inner else None
        if line is not None:
            return f"{path}, line {line}"
    return "the default of altool's schema"


def _files(words: Words) -> Iterator[tuple[Path, str]]:
    """The YAML files of the composition with the package of each, last word first."""
    with composing():
        found = (
            GlobalHydra.instance()
            .config_loader()
            .compute_defaults_list("run", [*words.overrides, *search_path(words.config_dirs)], RunMode.RUN)
        )
    for default in reversed(found.defaults):
        for folder in (*words.config_dirs, conf_dir()):
            path = folder / f"{default.config_path}.yaml"
            if path.is_file():
                yield path, default.package or ""
                break


def _line(path: Path, key: str) -> int | None:
    """The line on which `path` sets the dotted `key`, None where it does not."""
    node: Any = yaml.compose(path.read_text(encoding="utf-8"))
    line = None
    for name in key.split("."):
        if not isinstance(node, yaml.MappingNode):
            return None
        pairs = {k.value: (k.start_mark.line + 1, v) for k, v in node.value}
        if name not in pairs:
            return None
        line, node = pairs[name]
    return line
