"""conf/dataset, conf/imbalance and conf/budget: every file composes, builds, and is its paper's setting.

The run configuration here is a small one, with stand-ins for the learners: only the data groups are
under test.
"""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from altool.core.budget import Budget
from altool.data.spec import READERS, DatasetSpec, ImbalanceSpec

CONF = Path(__file__).parents[2] / "conf"
DATASETS = sorted(p.stem for p in (CONF / "dataset").glob("*.yaml"))
IMBALANCES = sorted(p.stem for p in (CONF / "imbalance").glob("*.yaml"))
LEARNERS = ("mlp", "mlp_1024", "cnn_small", "cnn", "resnet18", "resnet34")

Compose = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    folder = tmp_path_factory.mktemp("conf")
    (folder / "learner").mkdir()
    for name in LEARNERS:
        learner = {"name": name, "init": "per_stage"}
        (folder / "learner" / f"{name}.yaml").write_text(yaml.safe_dump(learner))
    groups = {"learner": "mlp", "budget": "paper", "imbalance": "none", "dataset": "digits"}
    defaults = [*({group: name} for group, name in groups.items()), "_self_"]
    run = {"defaults": defaults, "hydra": {"searchpath": [f"file://{CONF}"]}}
    (folder / "run.yaml").write_text(yaml.safe_dump(run))
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(folder), version_base="1.3"):
        yield lambda *words: resolved(list(words))


def resolved(words: list[str]) -> dict[str, Any]:
    container = OmegaConf.to_container(compose("run", overrides=words), resolve=True)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


def tuples(keys: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in keys.items()}


def dataset_of(config: dict[str, Any]) -> DatasetSpec:
    return DatasetSpec(**tuples({k: v for k, v in config["dataset"].items() if k != "budgets"}))


def imbalance_of(config: dict[str, Any]) -> ImbalanceSpec:
    return ImbalanceSpec(**tuples(config["imbalance"]))


def budget_of(config: dict[str, Any]) -> Budget:
    return Budget(**{k: v for k, v in config["budget"].items() if k != "name"})


@pytest.mark.parametrize("size", ["paper", "small"])
@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset_composes_and_builds(composed: Compose, name: str, size: str) -> None:
    config = composed(f"dataset={name}", f"budget={size}")
    assert set(config) == {"learner", "budget", "imbalance", "dataset"}
    spec, imbalance, budget = dataset_of(config), imbalance_of(config), budget_of(config)
    assert config["budget"]["name"] == size
    assert (name == spec.name) == (name in READERS)  # an alias keeps the name of its base
    assert name.startswith(spec.name)
    same_images = (
        name.removesuffix("_p3") == spec.name
    )  # P3 trains another learner on raw pixels of the same set
    assert (imbalance.name == "none") == same_images
    assert set(config["dataset"]["budgets"]) == {"paper", "small"}
    assert budget.total <= 20_000


@pytest.mark.parametrize("name", IMBALANCES)
def test_every_imbalance_composes_and_builds(composed: Compose, name: str) -> None:
    assert imbalance_of(composed("dataset=cifar10", f"imbalance={name}")).name == name


def test_a_first_comment_helps_with_every_file() -> None:
    for group in ("dataset", "imbalance", "budget"):
        for path in (CONF / group).glob("*.yaml"):
            lines = path.read_text(encoding="utf-8").splitlines()
            first = next(line for line in lines if not line.startswith("# @package"))
            assert first.startswith("# ") and first.endswith("."), path
            assert len(first) <= 120, path


# dataset, then learner, imbalance, initialisation, start, step, stages, candidates: issue and facts.md 2
PAPERS = [
    ("digits", "cnn_small", "none", "per_stage", 20, 10, 5, 100),
    ("moons", "mlp_1024", "none", "per_stage", 10, 10, 11, None),
    ("circles", "mlp_1024", "none", "per_stage", 10, 10, 11, None),
    ("moons_imb10", "mlp", "none", "per_stage", 20, 10, 5, 100),
    ("mnist", "cnn", "none", "per_stage", 100, 100, 11, None),
    ("fashion_mnist", "resnet18", "none", "per_stage", 1000, 1000, 10, 10_000),
    ("svhn", "resnet18", "none", "per_stage", 1000, 1000, 10, 10_000),
    ("cifar10", "resnet18", "none", "per_stage", 1000, 1000, 10, 10_000),
    ("cifar100", "resnet18", "none", "per_stage", 2000, 2000, 10, 20_000),
    ("cifar10_imb10", "resnet18", "step10", "per_stage", 1000, 1000, 5, 10_000),
    ("cifar10_imb100", "resnet18", "step100", "per_stage", 1000, 1000, 5, 10_000),
    ("cifar10_release2021", "resnet18", "release2021", "per_stage", 1000, 1000, 5, 10_000),
    ("cifar10_p0_165", "resnet18", "p0_165", "per_stage", 1000, 1000, 5, 10_000),
    ("cifar10_dominant_5", "resnet18", "dominant_5", "fixed", 500, 500, 6, None),
    ("cifar10_rare_10", "resnet18", "rare_10", "fixed", 500, 500, 6, None),
    ("cifar100_dominant_45_55", "resnet18", "dominant_45_55", "fixed", 1000, 1000, 5, None),
    ("cifar10_p3", "cnn", "none", "per_stage", 100, 100, 11, None),
    ("svhn_p3", "cnn", "none", "per_stage", 100, 100, 11, None),
    ("folder", "resnet18", "none", "per_stage", 20, 20, 5, 200),
]


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper[0])
def test_a_dataset_brings_its_papers_setting(composed: Compose, paper: tuple[Any, ...]) -> None:
    config = composed(f"dataset={paper[0]}")
    budget = budget_of(config)
    assert paper[1:] == (
        config["learner"]["name"],
        config["imbalance"]["name"],
        config["learner"]["init"],
        *(budget.start, budget.step, budget.stages, budget.n_candidates),
    )


def test_the_command_line_wins(composed: Compose) -> None:
    words = ("learner=cnn", "imbalance=step10", "budget.stages=3", "dataset.flip=false")
    for name in ("cifar10_imb100", "cifar10_dominant_1"):
        config = composed(f"dataset={name}", *words)
        assert config["learner"]["name"] == "cnn"
        assert config["imbalance"]["name"] == "step10"
        assert config["budget"]["stages"] == 3
        assert config["dataset"]["flip"] is False
    config = composed("dataset=cifar10_dominant_1", "learner.init=per_stage")
    assert config["learner"]["init"] == "per_stage"


CUT = [name for name in DATASETS if name.startswith("cifar10_") and not name.endswith("_p3")]


@pytest.mark.parametrize("alias", CUT)
def test_an_alias_is_its_base_with_an_imbalance(composed: Compose, alias: str) -> None:
    short = composed(f"dataset={alias}")
    rule = short["imbalance"]["name"]
    init = short["learner"]["init"]
    long = composed(
        "dataset=cifar10",
        f"imbalance={rule}",
        f"learner.init={init}",
        *(f"budget.{key}={short['budget'][key]}" for key in ("start", "step", "stages", "candidates")),
    )
    for config in (short, long):
        del config["dataset"]["budgets"]
    assert short == long


def test_yaml_keys_are_those_of_the_specs() -> None:
    """What the typed schema is written from."""
    known = {
        "dataset": {*inspect.signature(DatasetSpec).parameters, "budgets", "defaults"},
        "imbalance": set(inspect.signature(ImbalanceSpec).parameters),
        "budget": {*inspect.signature(Budget).parameters, "name"},
    }
    for group, keys in known.items():
        for path in (CONF / group).glob("*.yaml"):
            if "@package _global_" not in path.read_text(encoding="utf-8"):
                assert set(yaml.safe_load(path.read_text(encoding="utf-8"))) <= keys, path
