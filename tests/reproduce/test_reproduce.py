"""`altool reproduce` typed: lists, shows, runs seed by seed, draws, goes on, and says what is missing."""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from altool.core.errors import EXIT_STOPPED, Stopped
from altool.core.lock import LockHeld
from altool.reproduce.grid import Wanted, grid_of

TOY = ("reproduce", "ldr_fig3", "--scale", "smoke", "--progress", "plain")
MADE = Path("outputs/smoke/reproduce/ldr_fig3")


def test_ls_has_a_line_for_each(altool) -> None:
    said = altool("reproduce", "ls")
    lines = said.out.splitlines()
    assert said.code == 0 and len(lines) == 65
    assert (
        "ta_vaal_cvpr_fig4a           P1 Fig. 4a: CIFAR-10 with imbalance ×100, 1,000 to 5,000 labels"
        in said.out
    )


def test_show_says_claim_cost_and_what_is_on_disk(altool) -> None:
    said = altool(
        "reproduce", "show", "ta_vaal_cvpr_fig1", "--seeds", "0-1", "--only", "strategy=vaal,ta_vaal"
    )
    assert said.code == 0
    assert "Claim: learning loss buys clusters near the boundary" in said.out
    assert re.search(r"^VAAL +2 +2 to do$", said.out, re.M) and "Learning loss  " not in said.out
    assert re.search(
        r"Asked for: 4 runs, 20 models, 2,000 epochs, [\d.]+ GFLOP; about .+ on one H200, .+ on this machine",
        said.out,
    )
    whole, _, asked = said.out.partition("\n\nAsked for, with --seeds 0,1 --only strategy=vaal,ta_vaal:\n")
    assert "\n\nThe whole experiment:\n" in whole and "VAAL  " in asked and "In all" not in said.out
    assert not Path("outputs").exists()


def test_show_of_all_that_the_paper_has_is_not_called_a_part(altool) -> None:
    said = altool("reproduce", "show", "ldr_fig3")
    assert said.code == 0 and "In all: 20 runs" in said.out
    assert "whole experiment" not in said.out and "Asked for" not in said.out


def test_show_plans_for_a_gpu_that_is_not_here(altool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    here, there = (altool("reproduce", "show", "ldr_fig3", "--device", name) for name in ("cpu", "cuda"))
    assert here.code == there.code == 0
    amount = re.compile(r"In all: (20 runs, .* on one H200)")
    (cost,) = amount.findall(here.out)
    assert amount.findall(there.out) == [cost]
    assert "on this machine" in here.out and "on this machine" not in there.out
    assert "device=cuda is not here" in there.out
    said = altool("reproduce", "show", "ldr_fig3", "--device", "cudda")
    assert said.code == 2 and "device=cudda: give auto" in said.err


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ta_vaal_draft_fig2b", "svhn is not in .* run altool data get svhn"),
        ("ta_vaal_draft_table1", "cifar10 is not in"),
        ("ta_vaal_cvpr_fig4c", "caltech101 is not in .* from data.caltech.edu/records/mzrjq-6wc02"),
    ],
)
def test_show_says_which_sets_are_not_here(altool, name: str, told: str) -> None:
    said = altool("reproduce", "show", name)
    assert said.code == 0 and len(re.findall(told, said.out)) == 1
    assert "is not in" not in altool("reproduce", "show", "ldr_fig3").out


def test_runs_seed_by_seed_draws_and_is_done_the_second_time(altool) -> None:
    said = altool(*TOY)
    assert said.code == 0, said.err
    runs = re.findall(r"^\[(\d/4)\] seed (\d), (\S+), Circles$", said.err, re.M)
    assert runs == [("1/4", "0", "Random"), ("2/4", "0", "LDR"), ("3/4", "1", "Random"), ("4/4", "1", "LDR")]
    assert "Smoke scale: no result. No values were published." in said.out
    assert {path.suffix for path in MADE.iterdir()} == {".png", ".pdf", ".svg", ".csv", ".txt", ".json"}
    (svg,) = MADE.glob("*.svg")
    assert "Smoke scale: no result." in svg.read_text()
    assert (MADE / "summary.txt").read_text() in said.out
    judged = (MADE / "published.csv").read_text()
    assert "not measured" in judged and "agrees" not in judged
    record = json.loads((MADE / "study.json").read_text())
    assert record["generated"] and [cell["label"] for cell in record["cells"]] == ["Random", "LDR"]
    stages = sorted(Path("outputs").rglob("stages.csv"))
    stamps = [json.loads((path.parent / "run.json").read_text())["stamp"] for path in stages]
    assert stamps == ["Smoke scale: no result."] * 4
    assert "Smoke scale: no result." in altool("table", "outputs").out
    before = [(path.stat().st_mtime_ns, path.read_bytes()) for path in stages]
    assert len(before) == 4
    again = altool(*TOY)
    assert again.code == 0 and "[1/" not in again.err
    assert [(path.stat().st_mtime_ns, path.read_bytes()) for path in stages] == before


def test_a_stopped_experiment_keeps_what_is_finished_and_goes_on(
    altool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from altool.reproduce import run

    real, calls = run.run_cell, []

    def stopped(cell, progress):
        calls.append(cell)
        if len(calls) == 3:
            raise Stopped("stopped by SIGTERM")
        return real(cell, progress)

    monkeypatch.setattr(run, "run_cell", stopped)
    said = altool(*TOY)
    assert said.code == EXIT_STOPPED
    assert "every finished stage is kept. The same command goes on." in said.err
    monkeypatch.setattr(run, "run_cell", real)
    rest = altool(*TOY)
    assert rest.code == 0
    assert re.findall(r"^\[(\d/\d)\] seed (\d), (\S+), Circles$", rest.err, re.M) == [
        ("1/2", "1", "Random"),
        ("2/2", "1", "LDR"),
    ]


def test_what_another_process_is_making_is_looked_at_again_in_the_end(
    altool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from altool.reproduce import run

    real, held = run.run_cell, set()

    def by_another(cell, progress):
        key = cell.identity.strategy, cell.seeds
        if key not in held and key[0] == "random":
            held.add(key)
            if key[1] == (0,):
                real(cell, progress)  # which finishes it meanwhile
            raise LockHeld("it is being written by process 1 on here")
        return real(cell, progress)

    monkeypatch.setattr(run, "run_cell", by_another)
    said = altool(*TOY)
    assert said.code == 0 and "being written" not in said.err
    assert len({*Path("outputs").rglob("seed_*/stages.csv")}) == 4
    shutil.rmtree("outputs")

    def always(cell, progress):
        raise LockHeld("it is being written by process 1 on here")

    monkeypatch.setattr(run, "run_cell", always)
    said = altool(*TOY)
    assert said.code == 1 and said.err.count("being written by process 1") == 4


def test_older_runs_that_lack_what_is_drawn_are_named(altool) -> None:
    assert altool(*TOY).code == 0
    for path in Path("outputs").rglob("random/*/seed_001/epochs.csv"):
        path.unlink()
    said = altool(*TOY)
    assert said.code == 0
    assert "altool: Random, Circles was run before without trace=last; this runs it again:" in said.err
    assert said.err.rstrip().endswith("'seeds=[1]' rerun=true") and "LDR" not in said.err


def test_a_run_that_breaks_is_told_and_the_rest_is_drawn(altool, monkeypatch: pytest.MonkeyPatch) -> None:
    from altool.strategies.ldr import LDR

    monkeypatch.setattr(LDR, "score", lambda *_: 1 / 0)
    said = altool(*TOY)
    assert said.code == 1
    assert "LDR, Circles, seed 0: stage 0: ZeroDivisionError" in said.err
    assert (MADE / "summary.txt").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("ldr_fig33",), "there is no experiment ldr_fig33: did you mean ldr_fig3?"),
        (
            ("ta_vaal_cvpr_fig4",),
            "did you mean ta_vaal_cvpr_fig4a, ta_vaal_cvpr_fig4b or ta_vaal_cvpr_fig4c?",
        ),
        (("nonsense_fig",), "there is no experiment nonsense_fig: altool reproduce ls lists them.\n"),
        (("ldr_fig3", "strategy=random"), "of these alone: --only strategy=random"),
        (("ls", "--seeds", "0"), "--seeds goes with show NAME or NAME"),
        (("ls", "--only", "strategy=ldr"), "--only goes with show NAME or NAME"),
        (("shw", "ldr_fig3"), "ldr_fig3 is not key=value"),
        (("show",), "altool reproduce show needs a name"),
        (("ls", "ldr_fig3"), "type altool reproduce show ldr_fig3"),
        (("ldr_fig3", "--seeds", "0,a"), "--seeds 0,a: give numbers"),
        (("ldr_fig3", "--seeds", "1,0-2"), "each of them once"),
        (("ldr_fig3", "--only", "ldr"), "--only ldr: give key=value"),
        (("ldr_fig3", "--only", "strategy=ldrr"), "--only strategy=ldrr: did you mean ldr?"),
        (("ldr_fig3", "--only", "stratgy=ldr"), "--only stratgy=…: did you mean strategy?"),
        (("ldr_fig3", "bugdet.step=3"), "bugdet.step is no key of a run"),
        (
            ("ta_vaal_cvpr_fig5",),
            "cityscapes is not in",
        ),
        (("ta_vaal_draft_fig2b",), "run altool data get svhn (246 MB)"),
        (("ldr_table1",), "cifar10 is not in"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(altool, words: tuple[str, ...], message: str) -> None:
    said = altool("reproduce", *words)
    assert said.code == 2 and message in said.err
    assert "Traceback" not in said.err
    assert not Path("outputs").exists()


def test_completion_knows_the_names(altool, monkeypatch: pytest.MonkeyPatch) -> None:
    for line, expected in (
        ("altool reproduce ldr_fig3", ["ldr_fig3"]),
        ("altool reproduce show ldr_table", ["ldr_table1", "ldr_table2", "ldr_table3", "ldr_table4"]),
        ("altool reproduce ldr_fig3 --sc", ["--scale"]),
    ):
        monkeypatch.setenv("COMP_LINE", line)
        assert altool("-sc", "query=bash").out.split() == expected


def test_sizes_that_a_paper_prints_are_counted_and_its_points_drawn_without_training(altool) -> None:
    said = altool("reproduce", "ldr_fig2")
    assert said.code == 0, said.err
    assert not [*Path("outputs").rglob("seed_*")]
    judged = Path("outputs/reproduce/ldr_fig2/published.csv")
    drawn = (judged.parent / "toy_data.csv").read_text().splitlines()
    assert [sum(f"{part}," in line for line in drawn) for part in ("pool", "test")] == [1600, 400]
    assert "Sizes and entropies: 4 of 4 to the digits printed." in said.out
    with judged.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["published"], row["measured"], row["verdict"]) for row in rows] == 2 * [
        ("800 points", "800.0", "agrees"),
        ("200 points", "200.0", "agrees"),
    ]


def test_a_part_or_other_settings_go_beside_the_whole_experiment(altool) -> None:
    whole, part, other = (
        Wanted("ldr_fig5", only=only, words=words)
        for only, words in (({}, ()), ({"panel": ("Circles",)}, ()), ({}, ("learner.epochs=2", "threads=1")))
    )
    assert whole.folder == Path("outputs/reproduce/ldr_fig5").absolute()
    assert len({whole.folder, part.folder, other.folder}) == 3
    for word in ("threads=1", "device=cpu", "seeds=[0,1]", "diagnostics.audit=true", "trace=true"):
        same = Wanted("ldr_fig5", words=(word,))
        assert (same.folder, grid_of(same).stamp) == (whole.folder, "")
    assert grid_of(part).stamp == "Only panel=Circles." and grid_of(other).stamp == "With learner.epochs=2."
    assert part.command == "altool reproduce ldr_fig5 --only panel=Circles"
    assert other.command == "altool reproduce ldr_fig5 learner.epochs=2 threads=1"


def test_outputs_is_a_word_as_well(altool) -> None:
    said = altool(*TOY, "outputs=elsewhere", "--seeds", "0")
    assert said.code == 0 and not Path("outputs").exists()
    assert (Path("elsewhere") / MADE.relative_to("outputs") / "summary.txt").exists()
    assert "With outputs" not in said.out


def test_claims_about_another_panel_are_not_judged_with_the_one_that_was_run(altool) -> None:
    words = ("learner=mlp", "learner.epochs=1", "--progress", "quiet", "--seeds", "0,1")
    assert altool("reproduce", "ldr_fig5", "--only", "panel=Circles", *words).code == 0
    (judged,) = Path("outputs/reproduce").glob("ldr_fig5-*/published.csv")
    with judged.open(newline="") as lines:
        said = {row["dataset"]: row["verdict"] for row in csv.DictReader(lines)}
    assert said.pop("Circles") in ("agrees", "differs", "not resolved") and said == {"Moons": "not measured"}


def test_a_damaged_record_is_told_with_the_command_that_makes_it_anew(altool) -> None:
    assert altool(*TOY).code == 0
    broken = sorted(Path("outputs/smoke").rglob("stage_000.npz"))[0]
    broken.write_bytes(broken.read_bytes()[:100])
    said = altool(*TOY)
    assert said.code in (0, 1) and "rerun=true" in said.err + said.out
