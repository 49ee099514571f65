"""A sweep from a file: each row is the cell that it says, and a mistake anywhere stops it before the first."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st

from altool.config.cells import jobs_of, read_cells
from altool.config.words import parse
from altool.core.errors import UserError

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str, name: str = "cells.csv") -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def test_a_row_is_a_cell_a_column_a_key_and_what_is_empty_is_left_out(write: Write) -> None:
    file = write('strategy,budget.step,seeds\nrandom,5,"[0,1]"\n\nentropy,,3\n,,\nta_vaal , 7 ,\n')
    rows = read_cells(file)
    assert [list(row.words.values()) for row in rows] == [
        ["strategy=random", "budget.step=5", "seeds=[0,1]"],
        ["strategy=entropy", "seeds=3"],
        ["strategy=ta_vaal", "budget.step=7"],
    ]
    assert [row.where for row in rows] == ["cells.csv, row 2", "cells.csv, row 4", "cells.csv, row 6"]


def test_yaml_says_the_same(write: Write) -> None:
    table = write('strategy,budget.step,seeds,trace\nrandom,5,"[0,1]",true\nentropy,,3,\n')
    list_ = write(
        "- {strategy: random, budget.step: 5, seeds: [0, 1], trace: true}\n- {strategy: entropy, seeds: 3}\n",
        "cells.yaml",
    )
    assert [r.words for r in read_cells(table)] == [r.words for r in read_cells(list_)]


def test_every_row_shares_the_words_of_the_command_and_a_sweep_among_them_multiplies(write: Write) -> None:
    file = write("strategy,budget.step\nrandom,5\nentropy,4\n")
    jobs = jobs_of(file, ["budget=small", "seeds=0,1"])
    assert jobs == [
        ["budget=small", f"seeds={seed}", f"strategy={strategy}", f"budget.step={step}"]
        for strategy, step in (("random", 5), ("entropy", 4))
        for seed in (0, 1)
    ]


# spaces around a value are the file's, not the value's
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12)


@given(TEXT)
@settings(max_examples=60, deadline=None)
def test_any_text_is_taken_as_it_stands_or_refused_with_its_place(
    tmp_path_factory: pytest.TempPathFactory, value: str
) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([["strategy", "dataset.path"], ["random", value]])
    file = tmp_path_factory.mktemp("any") / "cells.csv"
    file.write_text(out.getvalue(), encoding="utf-8", newline="")
    try:
        (row,) = read_cells(file)
    except UserError as error:
        assert "cells.csv, row 2, column dataset.path: " in str(error)
        return
    override = OverridesParser.create().parse_override(row.words["dataset.path"])
    assert not override.is_sweep_override()
    try:
        typed = OverridesParser.create().parse_override(f"dataset.path={value}").value()
    except Exception:
        typed = value
    assert override.value() == typed


@pytest.mark.parametrize(
    "text,lines",
    [
        (
            "strategy,seedss\nrandom,0\n",
            ["cells.csv, column seedss: seedss is no key of a run: did you mean seeds"],
        ),
        ("strategy,hydra/launcher\nrandom,slurm\n", ["type hydra/launcher=… after --cells"]),
        ("strategy,outputs\nrandom,there\n", ["type outputs=… after --cells"]),
        ("strategy;seeds\nrandom;0\n", ["separated by commas"]),
        ("strategy,strategy\nrandom,margin\n", ["column strategy stands there twice"]),
        ("strategy,\nrandom,0\n", ["a column has no name"]),
        ("strategy\nrandom,0\n", ["row 2: 2 values for 1 columns"]),
        ('strategy\n"random\n', ["this is not CSV"]),
        ("strategy\n", ["it lists no cell"]),
        (
            'strategy,seeds\nrandon,0\nrandom,"0,1"\n',
            [
                "cells.csv, row 2, column strategy: strategy=randon: there is no such strategy: did you mean",
                "cells.csv, row 3, column seeds: 0,1 is several values: write [0,1] for one run with all of them",
                "No cell was run.",
            ],
        ),
        (
            "strategy,strategy.beta,budget.step,seeds\n"
            'ta_vaal,two,,0\nrandom,3,,0\nta_vaal,,x,0\nrandom,,,-1\nrandom,,5000,0\nmargin,,,1\nmargin,,,"[2,1]"\n',
            [
                "row 2, column strategy.beta: strategy.beta=two: must be a number",
                "row 3, column strategy.beta: strategy.beta is no key of strategy",
                "row 4, column budget.step: budget.step=x: must be a whole number",
                "row 5, column seeds: seeds=-1: seeds are whole numbers from 0 up",
                "row 6 (strategy=random budget.step=5000 seeds=0): The budget buys 20020 labels",
                "row 8 (strategy=margin seeds=[2,1]): the same run as cells.csv, row 7, with seed 1",
            ],
        ),
    ],
)
def test_mistakes_name_their_row_and_column(write: Write, text: str, lines: list[str]) -> None:
    with pytest.raises(UserError) as raised:
        jobs_of(write(text), [])
    found = str(raised.value)
    for line in lines:
        assert line in found
    assert len(found.splitlines()) <= len(lines) + 1


def test_a_key_is_said_once(write: Write) -> None:
    with pytest.raises(UserError, match=r"strategy is a column of cells\.csv and a word of the command"):
        jobs_of(write("strategy\nrandom\n"), ["strategy=margin"])


@pytest.mark.parametrize(
    "text,message",
    [
        ("strategy: random\n", "give a list of mappings"),
        ("- 3\n", "row 1: 3 is no mapping"),
        ("- {a: [}\n", "line 1: this is not YAML"),
        ("- {strategy: random, seeds: {a: 1}}\n", "row 1, column seeds"),
    ],
)
def test_yaml_that_lists_no_cells_is_refused(write: Write, text: str, message: str) -> None:
    with pytest.raises(UserError) as raised:
        jobs_of(write(text, "cells.yaml"), [])
    assert message in str(raised.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--cells .*nowhere\.csv: No such file"):
        read_cells(tmp_path / "nowhere.csv")
    (tmp_path / "latin.csv").write_bytes("strategy\nrandöm\n".encode("latin-1"))
    with pytest.raises(UserError, match="no UTF-8 text"):
        read_cells(tmp_path / "latin.csv")


def test_a_shared_sweep_still_needs_m() -> None:
    with pytest.raises(UserError, match="seeds=0,1 is a sweep: add -m"):
        parse(["--cells", "cells.csv", "seeds=0,1"])
    assert parse(["-m", "--cells", "cells.csv", "seeds=0,1"]).overrides == ("seeds=0,1",)
