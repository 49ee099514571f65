"""Composition: every choice of every group, defaults, resolved values."""

import dataclasses
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from altool.config.files import GROUPS, conf_dir, options
from altool.config.fingerprint import canonical
from altool.config.load import compose_words, resolve
from altool.config.schema import RunConfig
from altool.core.errors import UserError


def needed(group: str, name: str) -> list[str]:
    """What has to be said beside group=name."""
    own = group == "dataset" and name in ("folder", "npz", "csv")
    return [f"{group}={name}", *(["dataset.path=/somewhere"] if own else [])]


ALIASES = {"mc_dropout": "bald"}
CHOICES = [(group, name) for group in GROUPS for name in options(group)]


@pytest.mark.parametrize("group,name", CHOICES)
def test_every_choice_composes(group: str, name: str, load_words) -> None:
    run, origin = load_words(*needed(group, name))
    assert origin.choices[group] == name
    if group in ("learner", "strategy", "imbalance", "budget"):
        node = getattr(run, group)
        assert (node["name"] if isinstance(node, dict) else node.name) == ALIASES.get(name, name)
    for budget in options("budget"):
        assert set(run.dataset.budgets[budget]) == {"start", "step", "stages", "candidates"}


@pytest.mark.parametrize("group,name", [(g, n) for g in GROUPS for n in options(g)])
def test_every_choice_has_a_line_of_help(group: str, name: str) -> None:
    assert len(options(group)[name].help) > 10


def test_run_yaml_names_every_key_with_the_default_of_the_schema() -> None:
    said = yaml.safe_load((conf_dir() / "run.yaml").read_text())
    schema = OmegaConf.to_container(OmegaConf.structured(RunConfig))
    assert isinstance(schema, dict)
    groups = {"dataset", "imbalance", "learner", "strategy", "budget"}
    assert set(said) - {"defaults", "hydra"} == set(schema) - groups
    for key in set(said) - {"defaults", "hydra", "seeds"}:
        assert said[key] == schema[key], key


def test_hydra_makes_no_folder_moves_nowhere_and_uses_our_logging() -> None:
    hydra = compose_words([], with_hydra=True).hydra
    assert hydra.run.dir == "."
    assert hydra.output_subdir is None
    assert hydra.job.chdir is False
    for logging in (hydra.job_logging, hydra.hydra_logging):
        assert logging.disable_existing_loggers is False
        assert [handler.stream for handler in logging.handlers.values()] == ["ext://sys.stderr"]
        assert logging.root.level == "WARNING"


@pytest.mark.parametrize(
    "word,seeds", [("seeds=3", [3]), ("seeds=[0,1]", [0, 1]), ("threads=2", [0, 1, 2, 3, 4])]
)
def test_seeds_are_a_list(word: str, seeds: list[int], load_words) -> None:
    assert load_words(word)[0].seeds == seeds


def test_the_imbalanced_set_brings_its_papers_setting_and_words_win(load_words) -> None:
    run, _ = load_words("dataset=cifar10_imb100")
    assert (run.dataset.name, run.imbalance.name, run.learner.name) == ("cifar10", "step100", "resnet18")
    assert (run.budget.start, run.budget.step, run.budget.stages) == (1000, 1000, 5)
    assert (run.learner.epochs, run.budget.candidates) == (200, "10x")
    run, _ = load_words("dataset=cifar10_imb100", "learner=cnn", "imbalance=step10", "budget.stages=2")
    assert (run.imbalance.name, run.learner.name, run.budget.stages) == ("step10", "cnn", 2)


def test_the_experiment_is_the_dataset_that_it_names(load_words) -> None:
    experiment, _ = load_words("experiment=ta_vaal_cvpr_fig4a")
    dataset, _ = load_words("dataset=cifar10_imb100")
    assert canonical(experiment) == canonical(dataset)
    other, _ = load_words("experiment=ta_vaal_cvpr_fig4a", "strategy=coreset", "seeds=7")
    assert (other.strategy["name"], other.seeds) == ("coreset", [7])


def test_paths_are_absolute(load_words, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALTOOL_DATA", str(tmp_path / "sets"))
    run, _ = load_words("dataset=npz", "dataset.path=mine.npz")
    assert run.dataset.path == str(tmp_path / "mine.npz")
    assert run.outputs == str(tmp_path / "outputs")
    assert run.data_root == str(tmp_path / "sets")
    run, _ = load_words("data_root=here")
    assert run.data_root == str(tmp_path / "here")


def test_a_key_that_slipped_past_hydra_is_still_refused() -> None:
    config = compose_words(["+learner.epoch=3"])
    with pytest.raises(UserError, match=r"learner\.epoch is no key: did you mean epochs\?"):
        resolve(config)


def test_the_result_is_plain(load_words) -> None:
    run, _ = load_words()
    assert type(run.strategy) is dict
    assert type(run.learner.model) is dict
    assert dataclasses.asdict(run)["budget"]["start"] == 20


def test_a_users_folder_adds_choices(tmp_path: Path, load_words) -> None:
    (tmp_path / "budget").mkdir()
    (tmp_path / "budget" / "mine.yaml").write_text("name: mine\nstart: 30\nstep: 5\nstages: 4\n")
    run, origin = load_words("--config-dir", str(tmp_path), "budget=mine")
    assert (run.budget.start, run.budget.candidates) == (30, "10x")
    assert origin.command == f"altool run --config-dir={tmp_path} budget=mine"
