"""Equal runs share fingerprint and folder, others do not."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from altool.config.fingerprint import canonical, cell_folder, overrides
from altool.config.load import load
from altool.config.words import parse
from altool.core.naming import fingerprint


def identity(*words: str) -> tuple[str, str]:
    """Fingerprint, and folder below outputs."""
    run, origin = load(parse(list(words)))
    folder = cell_folder(run, overrides(run, origin))
    return fingerprint(canonical(run)), str(folder.relative_to(run.outputs))


def test_an_alias_and_what_it_stands_for_are_the_same_run() -> None:
    alias = identity("dataset=cifar10_imb100")
    assert alias == identity("dataset=cifar10", "imbalance=step100", "budget.stages=5")
    assert alias == identity("experiment=ta_vaal_cvpr_fig4a")
    assert alias[1] == "cifar10-step100/resnet18/ta_vaal/1000+1000x4"


NO_INFLUENCE = (
    "seeds=7",
    "device=cpu",
    "threads=1",
    "precision=bf16",
    "deterministic=true",
    "data_root=/elsewhere",
    "download=true",
    "trace=true",
    "diagnostics.final=true",
    "rerun=true",
    "allow_platform_change=true",
    "cache_mib=1",
    "trackers=[tensorboard]",
    "progress=quiet",
    "outputs=/elsewhere",
    "budget.candidates=100",  # 10x the step of 10, in other words
    "strategy.beta=1",  # 1.0
)


def test_what_cannot_change_a_result_is_no_part_of_it() -> None:
    assert identity(*NO_INFLUENCE) == identity()


@pytest.mark.parametrize(
    "word",
    ["learner.epochs=3", "strategy.beta=2", "budget.candidates=all", "budget.start_rule=balanced"],
)
def test_what_differs_from_the_defaults_is_in_the_folders_name(word: str) -> None:
    plain, changed = identity(), identity(word)
    assert changed[0] != plain[0]
    stem, _, digest = changed[1].rpartition("-")
    assert stem == plain[1]
    assert len(digest) == 8 and int(digest, 16) >= 0


def test_the_budgets_numbers_are_readable_in_the_name() -> None:
    assert identity("budget=small")[1] == "digits-none/cnn_small/ta_vaal/20+10x2"
    assert identity("budget.stages=4")[1] == "digits-none/cnn_small/ta_vaal/20+10x3"
    assert identity("learner=mlp")[1].startswith("digits-none/mlp/ta_vaal/20+10x4")


def test_overrides_are_what_a_figure_says_beside_the_name() -> None:
    run, origin = load(parse(["strategy.size=small", "learner.epochs=5", "imbalance=step10"]))
    assert overrides(run, origin) == {"strategy.size": "small", "learner.epochs": 5}


def test_a_dataset_with_a_name_of_ones_own() -> None:
    folder = identity("dataset=npz", "dataset.path=/x.npz", "dataset.name=beans", "strategy=random")[1]
    assert folder.startswith("beans-none/resnet18/random/20+20x4")


def test_the_path_of_ones_own_data_is_part_of_the_run_but_not_how_it_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outputs = f"outputs={tmp_path}"
    relative = identity("dataset=npz", "dataset.path=x.npz", outputs)
    assert relative == identity("dataset=npz", f"dataset.path={tmp_path}/x.npz", outputs)
    assert relative != identity("dataset=npz", "dataset.path=y.npz", outputs)


def test_a_users_strategy_is_compared_with_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "strategy").mkdir()
    file = tmp_path / "strategy" / "mine.yaml"
    file.write_text("name: mine\n_target_: mine.Mine\nk: 3\n")
    own = ["--config-dir", str(tmp_path), "strategy=mine"]
    assert identity(*own)[1] == "digits-none/cnn_small/mine/20+10x4"
    assert identity(*own, "strategy.k=4")[1].startswith("digits-none/cnn_small/mine/20+10x4-")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4))
@settings(max_examples=50, deadline=None)
def test_the_order_of_keys_does_not_matter(config: dict[str, object]) -> None:
    turned = dict(reversed(config.items()))
    assert fingerprint(config) == fingerprint(turned)
    assert fingerprint(config) != fingerprint({**config, "one more": 1})
