"""The words before Hydra sees them."""

import shlex
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st

from altool.config import words as words_module
from altool.config.words import parse
from altool.core.errors import UserError

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20)


@given(TEXT)
@settings(max_examples=200, deadline=None)
def test_the_quoted_form_that_is_advised_means_the_value(value: str) -> None:
    advised = words_module._quoted("dataset.path", value)
    (word,) = shlex.split(advised)
    override = OverridesParser.create().parse_override(word)
    assert override.get_key_element() == "dataset.path"
    assert override.value() == value


@given(TEXT)
@settings(max_examples=200, deadline=None)
def test_a_word_is_taken_or_refused_as_a_user_error(value: str) -> None:
    try:
        taken = parse([f"dataset.path={value}"]).overrides
    except UserError:
        return
    assert taken == (f"dataset.path={value}",)


def test_flags_are_handed_on_wherever_they_stand(tmp_path: Path) -> None:
    words = parse(["strategy=random", "-m", "--config-dir", str(tmp_path), "seeds=0,1"])
    assert words.multirun
    assert words.config_dirs == (tmp_path,)
    assert words.argv == ["--multirun", f"--config-dir={tmp_path}", "strategy=random", "seeds=0,1"]


@pytest.mark.parametrize("flag", ["--config-path=/x", "--config-name=x", "--experimental-rerun=x"])
def test_flags_that_would_go_round_the_checks_are_refused(flag: str) -> None:
    with pytest.raises(UserError, match="is no option"):
        parse([flag])


def test_an_added_experiment_is_a_chosen_one() -> None:
    words = parse(["+experiment=ta_vaal_cvpr_fig4a"])
    assert words.overrides == ("experiment=ta_vaal_cvpr_fig4a",)


def test_hydra_has_its_own_keys() -> None:
    words = ["hydra.sweep.dir=elsewhere", "+hydra.launcher.ray.init.num_cpus=2"]
    assert parse(["-m", *words]).overrides == tuple(words)


def test_a_launcher_acts_on_sweeps_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words_module, "_installed", lambda module: True)
    with pytest.raises(UserError, match="only acts on sweeps: add -m"):
        parse(["hydra/launcher=slurm"])
    assert parse(["-m", "hydra/launcher=slurm"]).multirun


def test_every_launcher_that_is_shipped_has_its_extra() -> None:
    from altool.config.files import options

    assert set(options("hydra/launcher")) <= set(words_module.LAUNCHERS)
