"""Shortcuts from words to what they mean."""

from collections.abc import Callable

import pytest

from altool.config.load import Origin, load
from altool.config.schema import RunConfig
from altool.config.words import parse

Load = Callable[..., tuple[RunConfig, Origin]]


@pytest.fixture
def load_words() -> Load:
    return lambda *words: load(parse(list(words)))
