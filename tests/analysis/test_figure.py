"""What is drawn is what was measured, looks the same everywhere, and covers nothing."""

import io
import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from altool.analysis import style
from altool.analysis.canvas import FORMATS, is_ours
from altool.analysis.curves import Curve, Panel
from altool.analysis.figure import draw, image, thousands
from altool.analysis.label import METHODS, Variant, method_name
from altool.analysis.metric import METRICS

NINE = [*[*METHODS][:4], "coreset", "learning_loss", "learning_loss_v2", "vaal", "ta_vaal"]


def curve(strategy: str, values_TS: Sequence[Sequence[float]], label: str = "") -> Curve:
    index = pd.MultiIndex.from_tuples(
        [(t, 1000 * (t + 1)) for t in range(len(values_TS))], names=["stage", "n_labelled"]
    )
    variant = Variant(strategy, "recommended", {}, "", "")
    values = pd.DataFrame(values_TS, index=index, columns=range(len(values_TS[0])))
    return Curve(variant, label or method_name(strategy), values, 0)


def panel_of(*curves: Curve, note: str = "", relative_to: str = "") -> Panel:
    metric = METRICS["accuracy"]
    return Panel("cifar10", "step100", "resnet18", metric, curves, note, relative_to)


def legend_texts(figure: Figure) -> list[str]:
    (legend,) = figure.legends
    return [legend.get_title().get_text(), *(text.get_text() for text in legend.get_texts())]


def test_line_and_band_are_mean_and_std_in_percent():
    axes = draw(panel_of(curve("vaal", [[0.5, 0.7], [0.8, 0.8]]))).axes[0]
    xy = np.asarray(axes.lines[0].get_xydata(), float)
    np.testing.assert_allclose(xy, [[1000, 60], [2000, 80]])
    (band,) = axes.collections
    half = 100 * np.sqrt(0.02)  # two values 0.2 apart
    vertices = {tuple(v) for v in np.asarray(band.get_paths()[0].vertices, float).round(6).tolist()}
    expected = {(1000.0, 60 - half), (1000.0, 60 + half), (2000.0, 80.0)}
    assert vertices == {(x, round(y, 6)) for x, y in expected}
    assert axes.get_ylabel() == "Accuracy (%)"
    assert axes.get_xlabel() == "Number of labelled images"


def test_one_seed_has_no_band_and_says_so():
    figure = draw(panel_of(curve("vaal", [[0.5], [0.6]])))
    assert not figure.axes[0].collections
    assert legend_texts(figure) == ["One seed: no band", "VAAL"]


def test_points_over_fewer_seeds_are_hollow():
    figure = draw(panel_of(curve("vaal", [[0.5, 0.6], [0.7, np.nan]])))
    _, full, hollow = figure.axes[0].lines
    assert np.asarray(full.get_xdata()).tolist() == [1000]
    assert np.asarray(hollow.get_xdata()).tolist() == [2000]
    assert to_hex(str(hollow.get_markerfacecolor())) == "#ffffff"
    assert "Hollow" in legend_texts(figure)[0]


def test_the_number_of_seeds_is_said_once_or_per_line():
    both = draw(panel_of(curve("vaal", [[0.5, 0.6]]), curve("random", [[0.5, 0.6]])))
    assert legend_texts(both) == ["Mean ± 1 std over 2 seeds", "VAAL", "Random"]
    mixed = draw(panel_of(curve("vaal", [[0.5, 0.6]]), curve("random", [[0.5]]), note="a.b=1"))
    assert legend_texts(mixed) == [
        "Mean ± 1 std over n seeds\nAll: a.b=1",
        "VAAL, n = 2",
        "Random, n = 1",
    ]


def test_an_improvement_has_its_zero_line_and_its_unit():
    figure = draw(panel_of(curve("vaal", [[0.01, -0.02]]), relative_to="Random"))
    axes = figure.axes[0]
    assert axes.get_ylabel() == "Accuracy over Random\n(percentage points)"
    assert any(np.allclose(np.asarray(line.get_ydata(), float), 0) for line in axes.lines)
    assert legend_texts(figure)[0] == "Mean ± 1 std over 2 seeds, paired by seed"


@pytest.mark.parametrize("n", [1, 5, 9])
def test_the_legend_covers_nothing_and_all_is_inside(n):
    many = [curve(name, [[0.5, 0.55], [0.6, 0.62]]) for name in NINE[:n]]
    many[0] = curve(NINE[0], [[0.5, 0.55], [0.6, 0.62]], label="Random (" + "a.key=value, " * 6)
    figure = draw(panel_of(*many), titled=True)
    figure.draw_without_rendering()
    inside = figure.bbox
    for box in (figure.axes[0].get_tightbbox(), figure.legends[0].get_window_extent()):
        assert box is not None
        assert box.x0 >= inside.x0 - 1 and box.x1 <= inside.x1 + 1
        assert box.y0 >= inside.y0 - 1 and box.y1 <= inside.y1 + 1
    axes_box = figure.axes[0].get_tightbbox()
    assert axes_box is not None
    assert figure.legends[0].get_window_extent().y1 <= axes_box.y0 + 1
    assert figure.axes[0].get_window_extent().height > 1.4 * figure.dpi  # inches for the lines


def test_every_known_look_is_its_own():
    assert len(set(style.LOOKS.values())) == len(style.LOOKS)
    assert set(METHODS) == set(style.LOOKS)
    looks = [style.LOOKS[name] for name in NINE]
    assert len({look.colour for look in looks}) == 9
    assert len({(look.marker, look.line) for look in looks}) == 9  # so in grey as well


def test_a_method_keeps_its_colour_and_its_variants_share_it():
    one, two = curve("ta_vaal", [[0.5]]), curve("ta_vaal", [[0.5]], "TA-VAAL (size=small)")
    other, own = curve("vaal", [[0.5]]), curve("my_method", [[0.5]])
    for curves in itertools.permutations((one, two, other, own)):
        looks = dict(zip((c.label for c in curves), style.looks(curves), strict=True))
        assert looks["TA-VAAL"].colour == looks["TA-VAAL (size=small)"].colour == style.VERMILLION
        assert looks["VAAL"] == style.LOOKS["vaal"]
        assert looks["my_method"] == style.looks([own, one, other])[0]
        assert len(set(looks.values())) == 4


def test_variants_alone_differ_in_colour_and_many_still_differ():
    variants = [curve("ta_vaal", [[0.5]], f"TA-VAAL ({i})") for i in range(30)]
    assert len({look.colour for look in style.looks(variants[:9])}) == 9
    assert len(set(style.looks(variants))) == 30
    among_others = [*variants, curve("vaal", [[0.5]])]
    assert len(set(style.looks(among_others))) == 31


@pytest.mark.parametrize("file_format", FORMATS)
def test_equal_panels_give_equal_bytes_that_are_ours(file_format):
    panel = panel_of(curve("vaal", [[0.5, 0.6], [0.7, 0.75]]))
    content = image(panel, file_format)
    assert content == image(panel, file_format)
    assert is_ours(content, file_format)


def test_files_are_as_a_paper_wants_them():
    panel = panel_of(curve("ta_vaal", [[0.5, 0.6], [0.7, 0.75]]))
    with Image.open(io.BytesIO(image(panel, "png"))) as png:
        assert png.width == 990  # 3.3 inches at 300 dpi
        assert png.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert png.info["Software"] == "altool"
    pdf = image(panel, "pdf")
    assert b"/TrueType" in pdf or b"/CIDFontType2" in pdf
    assert b"/Type3" not in pdf and b"/CreationDate" not in pdf
    svg = image(panel, "svg").decode()
    assert ">TA-VAAL</text>" in svg and "<dc:date>" not in svg


def test_a_file_of_somebody_else_is_not_ours():
    out = io.BytesIO()
    Figure().savefig(out, format="png")
    assert not is_ours(out.getvalue(), "png")


def test_thousands():
    assert [thousands(v) for v in (0, 500, 1000, 2500, 10000)] == ["0", "500", "1k", "2.5k", "10k"]


def test_the_legend_shows_every_dash_pattern_and_p3s_methods_have_each_their_own():
    lines = {name: style.LOOKS[name].line for name in ("random", "ldr", "ldr_vat", "dfal")}
    assert len(set(lines.values())) == 4
    (legend,) = draw(panel_of(curve("coreset", [[0.5, 0.6]]), curve("random", [[0.5, 0.6]]))).legends
    for handle in legend.get_lines():
        x = np.asarray(handle.get_xdata(), float)
        longest_points = max(sum(pattern) for _, pattern in style.LINES) * handle.get_linewidth()
        assert np.ptp(x) >= 2.5 * longest_points
