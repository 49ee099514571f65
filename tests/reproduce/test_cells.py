"""From the grid of an experiment to its cells: the same folders as `altool run` has, whoever asks."""

from pathlib import Path

import pytest

from altool.config.fingerprint import canonical, cell_folder, overrides
from altool.config.load import load
from altool.config.words import parse
from altool.core.errors import UserError
from altool.core.naming import fingerprint
from altool.core.runfolder import RunFolder
from altool.reproduce.cells import Planned, plan
from altool.reproduce.experiment import Block, blocks_of, find_experiment


def planned(name: str, *words: str) -> list[Planned]:
    return plan(find_experiment(name), words)[1]


def folder_of(*words: str) -> tuple[Path, str]:
    run, origin = load(parse(list(words)))
    return cell_folder(run, overrides(run, origin)), fingerprint(canonical(run))


def test_a_cell_is_what_altool_run_makes_of_its_words() -> None:
    cells = planned("ta_vaal_cvpr_fig4a")
    assert [cell.label for cell in cells] == [
        "Random",
        "BALD",
        "Core-set",
        "Learning loss",
        "VAAL",
        "TA-VAAL",
    ]
    coreset = cells[2]
    short = folder_of("dataset=cifar10_imb100", "strategy=coreset")
    assert (coreset.folder, coreset.fingerprint) == short
    assert folder_of("experiment=ta_vaal_cvpr_fig4a", "strategy=coreset") == short
    assert coreset.origin.words == ("experiment=ta_vaal_cvpr_fig4a", "strategy=coreset")
    assert coreset.run.seeds == [0, 1, 2, 3, 4]


def test_figures_of_the_same_runs_share_them_with_what_they_record() -> None:
    whole = {cell.folder: cell.run.diagnostics for cell in planned("ta_vaal_cvpr_fig4a")}
    part = {cell.folder: cell.run.diagnostics for cell in planned("ta_vaal_cvpr_fig8")}
    assert len(part) == 2
    assert part.items() <= whole.items()
    base = next(cell for cell in planned("ldr_fig6") if cell.label == "PR_T = 90")
    assert base.folder == next(cell for cell in planned("ldr_fig9") if cell.label == "Uniform").folder
    assert base.run.trace == "last"


def test_a_replay_trains_alone_on_what_its_source_buys() -> None:
    cells = {cell.label: cell for cell in planned("ta_vaal_draft_fig4", "outputs='/some where'")}
    source, replay = cells["TA-VAAL"], cells["TA-VAAL, task learner alone"]
    assert replay.run.strategy["of"] == str(source.folder)
    assert replay.strategy == "ta_vaal_replayed"
    assert replay.run.extension == "none"
    assert replay.run.budget.candidates == "all"
    assert (replay.run.budget.start, replay.run.learner) == (source.run.budget.start, source.run.learner)


def test_blocks_expand_to_every_combination(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(
        "# @package _global_\n# Mine.\nreproduce:\n  paper: P0\n  cells:\n"
        "    - {panel: A, words: [learner.epochs=3], sweep: {strategy: [random, entropy], seeds: [4, 5]}}\n"
        "    - {panel: B, label: 'as {}', sweep: {budget.step: [10, 20]}}\n"
    )
    _, cells = plan(find_experiment("mine", (tmp_path,)), (), (tmp_path,))
    assert [(cell.panel, cell.label) for cell in cells] == [
        ("A", "Random (seeds=4)"),
        ("A", "Random (seeds=5)"),
        ("A", "Entropy (seeds=4)"),
        ("A", "Entropy (seeds=5)"),
        ("B", "as 10"),
        ("B", "as 20"),
    ]
    assert cells[0].settings == {"strategy": "random", "learner.epochs": 3, "seeds": 4}
    assert [cell.run.seeds for cell in cells[:2]] == [[4], [5]]
    assert cells[0].run.learner.epochs == 3 and cells[4].run.learner.epochs == 60


def test_a_sweep_of_hydra_is_a_grid() -> None:
    (block,) = blocks_of({}, {"strategy": "random, ldr", "strategy.percentile": "70,99.5"})
    assert block == Block(sweep={"strategy": ["random", "ldr"], "strategy.percentile": [70, 99.5]})


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ("[{pannel: A}]", "pannel is no key of a block: did you mean panel?"),
        ("[{label: A}, {label: A}]", "two cells are called A"),
        ("[{label: A, replay: TA-VALL}, {}]", "replay: TA-VALL"),
    ],
)
def test_mistakes_in_the_grid_are_named(tmp_path: Path, grid: str, message: str) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(f"# @package _global_\nreproduce:\n  cells: {grid}\n")
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        plan(find_experiment("mine", (tmp_path,)), (), (tmp_path,))


def test_what_is_on_disk_counts_where_it_is_the_same_configuration(tmp_path: Path) -> None:
    cell = planned("ldr_fig3", f"outputs='{tmp_path}'")[0]
    assert cell.stages_done(0) == 0
    for seed, mark in ((0, cell.fingerprint), (1, "another")):
        folder = RunFolder.open(
            cell.folder / f"seed_{seed:03d}", config={}, run={"fingerprint": mark, "data": ""}, stages=2
        )
        (folder.path / "stages.csv").write_text("stage\n0\n1\n")
        folder.close("done")
    assert cell.is_done(0) and not cell.is_done(1)
    assert cell.not_recorded(0) == ["trace=last", "diagnostics.audit=true"]
