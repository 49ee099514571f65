"""Tables say what was measured, over how many seeds, and fit where they are read."""

import io

import pandas as pd
import pytest

from altool.analysis.summary import summary_frame
from altool.analysis.table import FORMATS, render
from altool.core.errors import UserError


@pytest.fixture
def runs(write_run, tmp_path):
    for seed, shift in enumerate((0.0, 0.02)):
        write_run("random", seed, [0.5 + shift, 0.6 + shift])
        write_run("ta_vaal", seed, [0.5 + shift, 0.7], overrides={"strategy.size": "small"})
    return tmp_path


def test_text(runs):
    assert render([runs], "text", width=80) == (
        "CIFAR-10, step100, ResNet-18: Accuracy (%)\n"
        "\n"
        "Strategy              n          AUBC         1,000         2,000\n"
        "─────────────────────────────────────────────────────────────────\n"
        "Random                2  56.00 ± 1.41  51.00 ± 1.41  61.00 ± 1.41\n"
        "TA-VAAL (size=small)  2  60.50 ± 0.71  51.00 ± 1.41  70.00 ± 0.00\n"
        "\n"
        "Mean ± standard deviation over seeds (n − 1).\n"
        "AUBC: area under the curve over its range of labels; seeds with all stages.\n"
    )


def test_text_wraps_to_the_terminal_and_loses_no_column(write_run, tmp_path):
    write_run("ta_vaal", 0, [0.1 + 0.05 * t for t in range(10)])
    write_run("ta_vaal", 1, [0.1 + 0.05 * t for t in range(10)])
    text = render([tmp_path], "text", width=60)
    assert all(len(line) <= 60 for line in text.split("\n") if "TA-VAAL" in line or "─" in line)
    assert text.count("TA-VAAL") == text.count("Strategy") > 2
    for t in range(10):
        assert text.count(f" {1000 * (t + 1):,}") == 1
        assert text.count(f" {10 + 5 * t}.00 ± 0.00") >= 1


def test_differences_show_their_interval(runs):
    text = render([runs], "text", relative_to="random", width=120)
    # differences 10 and 8 points: 9 ± 12.7062 · (2/√2)/√2 = 9 ± 12.71
    assert "+9.00 [-3.71, +21.71]" in text
    assert "Accuracy over Random (percentage points)" in text
    assert "paired by seed and stage [95 % t interval]" in text


def test_one_seed_says_that_it_has_no_spread(write_run, tmp_path):
    write_run("random", 0, [0.5, 0.6])
    write_run("vaal", 0, [0.55, 0.6])
    text = render([tmp_path], "text")
    assert "±" not in text.split("Mean")[0]
    assert "n = 1: no standard deviation." in text
    relative = render([tmp_path], "text", relative_to="random")
    assert "n = 1: no interval." in relative and "+5.00" in relative


def test_notes_name_shared_settings_unfinished_runs_and_unequal_ranges(write_run, tmp_path):
    write_run("random", 0, [0.5, 0.6, 0.7], overrides={"learner.epochs": 5})
    write_run("vaal", 0, [0.5, 0.6], planned=3, status="stopped", overrides={"learner.epochs": 5})
    text = render([tmp_path], "text")
    assert "All with learner.epochs=5." in text
    assert "Not finished: VAAL." in text
    assert "AUBC over different ranges of labels: not to be compared." in text
    assert "–" in text  # VAAL has nothing at 3,000


def test_markdown(runs):
    lines = render([runs], "markdown").split("\n")
    table = [line for line in lines if line.startswith("|")]
    assert table[0] == "| Strategy | n | AUBC | 1,000 | 2,000 |"
    assert table[1] == "| --- | --: | --: | --: | --: |"
    assert table[2] == "| Random | 2 | 56.00 ± 1.41 | 51.00 ± 1.41 | 61.00 ± 1.41 |"
    assert len(table) == 4


def test_latex_is_a_booktabs_tabular_with_everything_escaped(runs, write_run):
    write_run("my_own_50%", 0, [0.5])
    latex = render([runs], "latex")
    body = [line for line in latex.split("\n") if not line.startswith("%")]
    assert body[0] == r"\begin{tabular}{lrrrr}" and body[-2] == r"\end{tabular}"
    assert [line for line in body if "rule" in line] == [r"\toprule", r"\midrule", r"\bottomrule"]
    assert r"Random & 2 & 56.00 $\pm$ 1.41 & 51.00 $\pm$ 1.41 & 61.00 $\pm$ 1.41 \\" in body
    assert r"my\_own\_50\% & 1 & -- & 50.00 & -- \\" in body
    assert all(line.count(" & ") == 4 for line in body if line.endswith(r"\\"))


def test_csv_holds_the_raw_numbers(runs):
    frame = pd.read_csv(io.StringIO(render([runs], "csv")), keep_default_na=False)
    expected = summary_frame([runs])
    assert list(frame.columns) == list(expected.columns)
    assert frame["mean"].tolist() == expected["mean"].tolist()  # every digit
    assert frame["label"].tolist() == expected["label"].tolist()


def test_other_metrics_have_their_unit(runs):
    text = render([runs], "text", metric="nll")
    assert "NLL (nats)" in text and "0.4900 ± 0.0141" in text


def test_several_panels_follow_each_other(runs, write_run):
    write_run("random", 0, [0.9], dataset="mnist", imbalance="none", learner="cnn")
    for name in ("text", "markdown", "latex"):
        text = render([runs], name)
        assert text.index("CIFAR-10, step100") < text.index("MNIST, CNN")


def test_an_unknown_format(runs):
    with pytest.raises(UserError, match=r"format markdow: did you mean markdown\?"):
        render([runs], "markdow")
    assert FORMATS == ("text", "markdown", "latex", "csv")


def test_smoke_runs_are_tables_of_their_own_and_say_so(runs, write_run):
    before = render([runs], width=80)
    write_run("coreset", 0, [0.1, 0.2], root="outputs/smoke", stamp="Smoke scale: no result.")
    assert render([runs], width=80) == before
    alone = [runs / "outputs/smoke"]
    assert "\n\nSmoke scale: no result.\nMean ±" in render(alone, width=80)
    assert summary_frame(alone)["stamp"].tolist() == ["Smoke scale: no result."] * 2
    assert "stamp" not in summary_frame([runs])
    with_results = render([runs, *alone], width=80)
    assert before in with_results and "Smoke scale" in with_results.removeprefix(before)
