"""Streams: named, independent of each other and of everything else in the process."""

import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from altool.core.streams import Streams, init_scope, stream, torch_stream

names = st.lists(st.one_of(st.text(max_size=8), st.integers(0, 2**40)), min_size=1, max_size=4)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**63), names)
def test_equal_names_give_equal_streams(seed, path):
    assert (stream(seed, *path).integers(0, 2**32, 8) == stream(seed, *path).integers(0, 2**32, 8)).all()


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31), names, names)
def test_other_names_give_other_streams(seed, a, b):
    same = [(type(x), x) for x in a] == [(type(x), x) for x in b]
    equal = (stream(seed, *a).integers(0, 2**63, 4) == stream(seed, *b).integers(0, 2**63, 4)).all()
    assert bool(equal) == same


def test_a_number_and_its_text_are_different_names():
    assert stream(0, 3).random() != stream(0, "3").random()
    assert stream(0, "a", "b").random() != stream(0, "ab").random()


def test_streams_do_not_move_when_others_are_drawn_from():
    before = stream(1, "start").random(3)
    stream(1, "shuffle").random(1000)
    assert (stream(1, "start").random(3) == before).all()


def test_init_scope_gives_named_weights_and_leaves_the_global_generators_alone():
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # type: ignore[index]
    with init_scope(5, "backbone"):
        first = torch.nn.Linear(3, 3).weight
    torch.nn.init.normal_(torch.empty(4), generator=torch_stream(9, "other"))
    with init_scope(5, "backbone"):
        second = torch.nn.Linear(3, 3).weight
    with init_scope(6, "backbone"):
        third = torch.nn.Linear(3, 3).weight
    assert torch.equal(first, second) and not torch.equal(first, third)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.random.get_state()[1] == states[1]).all()  # type: ignore[index]
    assert random.getstate() == states[2]


def test_priorities_are_a_permutation_that_changes_with_stage_and_seed():
    first = Streams(3, 1).priorities(50)
    assert sorted(first) == list(range(50))
    assert (first == Streams(3, 1).priorities(50)).all()
    assert (first != Streams(3, 2).priorities(50)).any() and (first != Streams(4, 1).priorities(50)).any()


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match="non-negative"):
        stream(-1, "start")
