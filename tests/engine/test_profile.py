"""Where the time went: a clock turned by hand, whole runs that only gain a file, and what is said of them."""

from dataclasses import replace

import pytest
import torch

from altool.core.records import read_rows
from altool.core.runfolder import read_run
from altool.engine import profile as module
from altool.engine.advice import profile_report
from altool.engine.profile import PHASES, Profile, phase, profiled, summed
from altool.strategies.ta_vaal import TAVAAL


@pytest.fixture
def clock(monkeypatch):
    """clock(3.0) lets three seconds pass; memory is what `clock.mib` says."""

    class Clock:
        now, mib = 100.0, 1.0

        def __call__(self, seconds: float, mib: float = 1.0) -> None:
            self.now += seconds
            self.mib = mib

    made = Clock()
    monkeypatch.setattr(module, "own_seconds", lambda: made.now)
    monkeypatch.setattr(module, "peak_memory_mib", lambda device: made.mib)
    return made


def by_phase(profile: Profile) -> dict[str, dict[str, object]]:
    return {str(row["phase"]): row for row in profile.rows()}


def test_each_second_counts_once_for_the_innermost_phase(clock):
    profile = Profile(torch.device("cpu"))
    with profiled(profile):
        clock(1)
        with phase("strategy fit"):
            clock(2, mib=7)
            with phase("probe", 30):
                clock(3, mib=9)
            clock(4, mib=8)
        with phase("probe", 20), phase("evaluate", 5):
            clock(10)
        clock(5)
    with phase("save"):  # nobody looks any more
        pass
    found = by_phase(profile)
    seconds = {name: row["seconds"] for name, row in found.items()}
    assert seconds == {"evaluate": 10, "strategy fit": 6, "probe": 3, "idle": 6}
    assert sum(float(str(row["share"])) for row in found.values()) == pytest.approx(1)
    assert found["probe"]["calls"] == 2 and found["probe"]["images"] == 50
    assert found["probe"]["images_per_second"] == pytest.approx(50 / 3)
    assert found["strategy fit"]["images_per_second"] is None
    assert found["strategy fit"]["peak_memory_mib"] == 8 and profile.peak_mib == 9
    assert list(found) == [name for name in PHASES if name in found]
    profile.begin_stage()
    assert profile.rows()[0]["phase"] == "idle" and len(profile.rows()) == 1


def test_a_phase_that_fails_is_left(clock):
    profile = Profile(torch.device("cpu"))
    with profiled(profile):
        with pytest.raises(ValueError), phase("fit", 4):
            clock(2)
            raise ValueError
        clock(1)
    seconds = {name: row["seconds"] for name, row in by_phase(profile).items()}
    assert seconds == {"fit": 2, "idle": 1}


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_profiled_run_leaves_one_file_more_and_the_same_bytes(tmp_path, make_cell, run, files, at_once):
    plain = make_cell(tmp_path / "plain", "entropy", seeds=(0, 1))
    watched = make_cell(
        tmp_path / "watched", "entropy", seeds=(0, 1), profile=True, seeds_at_once=at_once, trace=False
    )
    run(plain)
    run(watched)
    found, expected = files(watched.folder), files(plain.folder)
    tables = {name: found.pop(name) for name in list(found) if name.endswith("profile.csv")}
    assert found == expected and len(tables) == 2
    for seed in (0, 1):
        folder = watched.folder / f"seed_00{seed}"
        rows, stages = read_rows(folder / "profile.csv"), read_rows(folder / "stages.csv")
        assert {row["stage"] for row in rows} == {"0", "1", "2"}
        for stage in stages:
            own = {row["phase"]: row for row in rows if row["stage"] == stage["stage"]}
            queried = {"probe", "score", "select", "strategy fit"}
            assert set(own) == {"fit", "evaluate", "save", "idle"} | (
                queried if stage["stage"] != "2" else set()
            )
            assert float(own["fit"]["seconds"]) == pytest.approx(float(stage["fit_seconds"]), abs=0.02)
            assert int(own["fit"]["images"]) == 2 * int(stage["n_labelled"])
            assert int(own["evaluate"]["images"]) == 200 + 20
    assert (read_run(watched.folder / "seed_000") or {})["steps"] == "eager"


def row(phase_name: str, seconds: float, images: int = 0) -> dict[str, str]:
    return {
        **{"phase": phase_name, "seconds": str(seconds), "calls": "2", "images": str(images)},
        "peak_memory_mib": str(100 + seconds),
    }


def test_lines_sum_stages_and_seeds_the_longest_first():
    lines = summed([row("fit", 2, 10), row("probe", 6, 3), row("fit", 8, 40), row("select", 4)])
    assert [line.phase for line in lines] == ["fit", "probe", "select"]
    assert (lines[0].seconds, lines[0].share, lines[0].calls, lines[0].rate) == (10, 0.5, 4, 5)
    assert lines[0].peak_mib == 108 and lines[2].rate is None


def test_the_report_names_the_largest_part_and_what_to_do(tmp_path, make_cell, run):
    cell = make_cell(tmp_path, "random", profile=True)
    assert profile_report(cell, [cell.folder / "seed_000"]) == ""  # nothing has run
    run(cell)
    text = profile_report(cell, [cell.folder / "seed_000"])
    assert text.splitlines()[1].split() == ["phase", "seconds", "share", "calls", "images/s", "peak", "MiB"]
    games = replace(cell, strategy=TAVAAL())
    (cell.folder / "seed_000" / "profile.csv").write_text(
        "phase,seconds,calls,images,peak_memory_mib\nstrategy fit,9,1,0,5\nfit,1,1,10,5\n"
    )
    text = profile_report(games, [cell.folder / "seed_000"])
    assert "90% is the strategy's own training" in text and "strategy.size=small" in text
