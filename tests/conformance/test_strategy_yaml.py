"""A strategy's YAML file says all there is to set, with the defaults of its class, and what it is for."""

import dataclasses
from pathlib import Path

import pytest
import yaml

import altool.strategies
from altool.config.build import build_strategy
from altool.config.files import Option, options
from altool.config.load import load
from altool.config.words import parse

ALL = options("strategy")
ALIASES = {n: yaml.safe_load(o.path.read_text()) for n, o in ALL.items() if "defaults:" in o.path.read_text()}
OPTIONS = {name: option for name, option in ALL.items() if name not in ALIASES}


@pytest.mark.parametrize("option", OPTIONS.values(), ids=OPTIONS)
def test_keys_and_defaults_are_the_classes(option: Option) -> None:
    node = yaml.safe_load(option.path.read_text())
    strategy = build_strategy(node)
    fields = {field.name for field in dataclasses.fields(strategy)}  # type: ignore[arg-type]
    assert node.keys() - {"_target_", "name"} == fields
    assert strategy == type(strategy)()
    assert node["name"] == option.name
    assert type(strategy).__module__ == f"altool.strategies.{option.name}"


@pytest.mark.parametrize("name", ALIASES)
def test_an_alias_is_nothing_but_another_name(name: str) -> None:
    (of,) = ALIASES[name].pop("defaults")
    assert of in OPTIONS and not ALIASES[name]
    run, _ = load(parse([f"strategy={name}"]))
    assert run == load(parse([f"strategy={of}"]))[0]


@pytest.mark.parametrize("option", ALL.values(), ids=ALL)
def test_the_first_line_is_its_help(option: Option) -> None:
    first = option.path.read_text().splitlines()[0]
    assert first.startswith("# ") and len(first.split()) > 2
    assert option.help == first[2:]


def test_every_strategy_has_a_yaml_file() -> None:
    folder = Path(next(iter(altool.strategies.__path__)))
    assert {path.stem for path in folder.glob("[a-z]*.py")} == OPTIONS.keys()
