"""The page: whole, alone, safe, the same every time; and what it says is what the runs and the papers say."""

import html
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from altool.analysis import published
from altool.cli.main import main
from altool.reproduce.grid import Wanted, grid_of

VOID = ("meta", "link", "br", "img")
FIG3A = {
    "paper": "P1",
    "item": "Fig. 3a",
    "title": "CIFAR-10",
    "views": [{"view": "curves"}],
}
BUDGET = {"start": 1000, "step": 1000}
HOSTILE = "<script>alert(1)</script>\"'&"


class Outline(HTMLParser):
    """Tags in balance, ids, links, and text; as the standard library reads a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        assert len(given) == len(attrs)
        assert not any(key.startswith("on") for key in given)
        self.ids += [str(given["id"])] if "id" in given else []
        self.links += [str(given[key]) for key in ("href", "xlink:href", "src") if key in given]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def text_of(page: str) -> str:
    body = re.sub(r"<style>.*?</style>", "", page, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def fig3a(outputs, n: int = 3, noise: float = 0.0) -> Path:
    """Three seeds of two methods over the paper's ten stages. `noise`: of the difference between them, which is 0.01."""
    ours = {seed: [0.5 + 0.04 * stage + 0.001 * seed for stage in range(10)] for seed in range(n)}
    better = {seed: [value + 0.01 + noise * (seed - 1) for value in values] for seed, values in ours.items()}
    cells = [
        outputs.cell("random", ours, label="Random", **BUDGET),
        outputs.cell("ta_vaal", better, label="TA-VAAL", **BUDGET),
    ]
    return outputs.study("ta_vaal_cvpr_fig3a", *cells, spec=FIG3A)


def test_well_formed_alone_and_without_scripts(outputs) -> None:
    fig3a(outputs)
    outputs.cell("margin", {0: [0.2, 0.4], 1: [0.3, 0.5]})
    page = outputs.page()
    seen = Outline(page)
    assert len(set(seen.ids)) == len(seen.ids) > 50
    assert all(link.startswith(("#", "data:")) for link in seen.links)
    assert {link[1:] for link in seen.links if link.startswith("#")} <= set(seen.ids)
    assert set(re.findall(r"url\(#([^)]*)\)", page)) <= set(seen.ids)
    assert "script" not in seen.tags and "//" not in re.sub(r"data:[^\"]*", "", page)
    assert "@import" not in page and "url(" not in page.partition("</style>")[0]
    assert {"main", "nav", "header", "footer", "h1"} <= set(seen.tags)
    assert seen.tags.count("svg") == 2
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">')


def test_every_published_value_stands_there_with_its_verdict(outputs) -> None:
    fig3a(outputs)
    text = text_of(outputs.page())
    rows = published.statements("ta_vaal_cvpr_fig3a")
    assert len(rows) > 40
    for row in rows:
        assert " ".join(row.text.split()) in text
        if row.kind == "value":
            assert row.printed() in text
    theirs = sum(row.origin == "third party" for row in rows)
    assert theirs > 30 and text.count("third party") >= theirs and "Values that others report: " in text
    assert "6 of 6 runs finished, n = 3." in text
    assert "✗ differs" in text and "– not measured" in text
    assert "learner.epochs: 7" in text and "altool reproduce ta_vaal_cvpr_fig3a" in text
    assert "feedbeeffeed" in text and "digits-none: 0123456789ab" in text


def test_what_differs_is_told_first_and_leads_there(outputs) -> None:
    fig3a(outputs)
    page = outputs.page()
    differs = page.partition('id="differs"')[2].partition("</section>")[0]
    told = re.search(r"What differs \((\d+)\)", differs)
    assert told is not None and int(told[1]) == page.count("✗ differs") > 0
    assert 'href="#ta_vaal_cvpr_fig3a"' in differs


def test_what_differs_is_counted_as_it_is_listed_and_one_seed_says_so(outputs) -> None:
    rise = [0.5 + 0.04 * stage for stage in range(10)]
    better = outputs.cell("random", {0: [v + 0.02 for v in rise]}, label="Random", **BUDGET)
    worse = outputs.cell("ta_vaal", {0: rise}, label="TA-VAAL", **BUDGET)
    record = outputs.study("ta_vaal_cvpr_fig3a", better, worse, spec=FIG3A)
    told = json.loads(record.read_text())
    beside = record.parent.with_name("ta_vaal_cvpr_fig3a-other")
    beside.mkdir()
    (beside / "study.json").write_text(json.dumps(told | {"stamp": "With learner.epochs=1."}))
    page = outputs.page()
    part = page.split('id="differs"')[1].split("</section>")[0]
    rows = part.count("<tr>") - 1
    assert rows > 0 and f"What differs ({rows})" in text_of(page)
    (tally,) = re.findall(r'<table class="tally".*?</table>', page, re.S)
    assert f"{rows} ({rows} in sign)" in text_of(tally)


def test_what_an_interval_leaves_open_is_counted_apart(outputs) -> None:
    fig3a(outputs, noise=0.05)
    page = outputs.page()
    text = text_of(page)
    assert "? not resolved" in text and 'class="verdict unresolved"' in page and 'class="unresolved"' in page
    unresolved = page.count("? not resolved")
    assert f", {unresolved} not resolved, " in text
    head = text.partition("Published against measured, by paper")[2]
    assert "Claims agree differ not resolved not measured" in head


def test_names_from_outside_are_text(outputs) -> None:
    cell = outputs.cell("random", {0: [0.1, 0.2]}, label=HOSTILE, run={"command": HOSTILE, "device": HOSTILE})
    spec = {
        "paper": HOSTILE,
        "item": HOSTILE,
        "title": HOSTILE,
        "views": [{"view": "curves"}, {"view": HOSTILE}],
    }
    outputs.study("my_own", cell, spec=spec)
    outputs.cell(
        "an <b>own</b> strategy", {0: [0.1, 0.2]}, dataset="d<i>", status="failed", run={"reason": HOSTILE}
    )
    page = outputs.page()
    seen = Outline(page)
    assert not {"script", "b"} & set(seen.tags) and seen.tags.count("i") == 0
    assert HOSTILE in text_of(page)


def test_the_same_runs_give_the_same_bytes_wherever_they_lie(outputs, tmp_path: Path) -> None:
    fig3a(outputs, n=1)
    first = outputs.page()
    assert outputs.page() == first
    (tmp_path / "elsewhere").mkdir()
    shutil.move(outputs.root, tmp_path / "elsewhere" / "outputs")
    outputs.root = tmp_path / "elsewhere" / "outputs"
    assert outputs.page() == first
    assert str(tmp_path) not in first


def test_experiments_are_found_by_fingerprint(outputs) -> None:
    grid = grid_of(Wanted("ldr_fig5"))
    cell = next(cell for cell in grid.cells if cell.label == "LDR" and cell.panel == "Circles")
    outputs.cell("ldr", {0: [0.5, 0.6]}, dataset="circles", start=10, step=10, fingerprint=cell.fingerprint)
    page = outputs.page()
    assert 'id="ldr_fig5"' in page and 'id="ldr_fig2"' not in page
    assert "LDR" in text_of(page)


def test_smoke_runs_are_stamped_and_in_no_count(outputs) -> None:
    cells = [outputs.cell("random", {0: [0.1, 0.2]}, label="Random", **BUDGET)]
    outputs.study("ta_vaal_cvpr_fig3a", *cells, spec=FIG3A, generated=True)
    page = outputs.page()
    text = text_of(page)
    assert text.count("Smoke scale, generated data: no result.") >= 2  # over the section and in the figure
    assert "What differs (0)" in text and "Nothing here was compared" in text
    assert 'id="ta_vaal_cvpr_fig3a-smoke"' in page and "✗" not in text and "✓" not in text


def test_smoke_runs_without_a_record_are_stamped_as_well(outputs) -> None:
    outputs.cell("random", {0: [0.1, 0.2]}, run={"stamp": "Smoke scale: no result."})
    outputs.cell("margin", {0: [0.5, 0.6]}, start=20)
    text = text_of(outputs.page())
    assert text.count("Smoke scale: no result.") >= 2 and "1 section of smoke runs" in text
    assert "Smoke" not in text.split("Runs of no paper's experiment")[1].split("Smoke runs: no results")[0]


def test_runs_of_no_experiment_are_shown_beside_random(outputs) -> None:
    rise = [0.5, 0.6, 0.7]
    outputs.cell("random", {seed: rise for seed in range(3)})
    outputs.cell("margin", {seed: [v + 0.02 + 0.001 * seed for v in rise] for seed in range(3)})
    text = text_of(outputs.page())
    assert "Digits, MLP" in text or "Digits, mlp" in text
    assert "Accuracy against Random (percentage points)" in text
    assert "+2.10" in text  # mean of 2.0, 2.1 and 2.2


def test_damaged_and_unfinished_runs_are_told_and_cost_no_other(outputs) -> None:
    whole = outputs.cell("random", {0: [0.5, 0.6], 1: [0.5, 0.6]})
    begun = outputs.cell("margin", {0: [0.5]}, planned=2, status="stopped")
    bad = outputs.cell("entropy", {0: [0.5, 0.6]}, run={"seed": 0})
    (bad.folder / "seed_000" / "run.json").write_text("{")
    (whole.folder / "seed_001" / "stages.csv").write_text("schema,stage\n1,zero\n")
    (begun.folder / "seed_000" / "config.yaml").write_text("a: [")
    study = outputs.study("my_own", whole, spec={"views": [{"view": "curves"}]})
    broken = study.parent.parent / "other" / "study.json"
    broken.parent.mkdir()
    broken.write_text("[]")
    text = text_of(outputs.page())
    assert "3 damaged, left out of every number here" in text
    assert "1 run: stopped" in text and "1 of 2 stages" in text
    assert "1 of 1 runs finished, n = 1." in text


def test_a_figure_that_cannot_be_drawn_is_told(outputs) -> None:
    spec = {**FIG3A, "views": [{"view": "curves"}, {"view": "loss_scatter"}]}
    cell = outputs.cell("random", {0: [0.1, 0.2]}, label="Random", **BUDGET)
    (cell.folder / "seed_000" / "diagnostics").mkdir()
    (cell.folder / "seed_000" / "diagnostics" / "stage_001.npz").write_bytes(b"no archive")
    outputs.study("my_own", cell, spec=spec)
    text = text_of(outputs.page())
    assert "Not drawn: loss_scatter: " in text and "Not all could be drawn of my_own" in text


def test_typed(outputs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    outputs.cell("random", {0: [0.1, 0.2]})
    monkeypatch.chdir(outputs.root.parent)
    assert main(["report"]) == 0
    assert "report.html: 1 sections" in capsys.readouterr().out
    assert main(["report", "outputs"]) == 0  # its own it writes again
    Path("mine.html").write_text("my notes")
    for words, message in (
        (["--out", "mine.html"], "mine.html was not made by altool report"),
        (["--out", "outputs"], "outputs is a folder: give the file to write"),
        (["nowhere"], "nowhere: there is no such folder"),
    ):
        assert main(["report", *words]) == 2
        assert message in capsys.readouterr().err
    assert Path("mine.html").read_text() == "my notes"
    Path("empty").mkdir()
    assert main(["report", "empty"]) == 2
    assert "no run here" in capsys.readouterr().err
