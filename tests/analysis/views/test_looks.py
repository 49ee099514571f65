"""Every figure fits a column, and its legend, footnote and axes cover neither each other nor the edge, at paper size."""

import io
import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.transforms import BboxBase
from PIL import Image

from altool.analysis import canvas
from altool.analysis.label import METHODS, method_name
from altool.analysis.views import (
    boundary,
    class_entropy,
    class_heatmap,
    class_share,
    contours,
    curves,
    discriminator,
    epochs,
    image_grid,
    importance,
    loss_scatter,
    selection_time,
    sensitivity,
    toy_data,
)

EIGHT = ["random", "bald", "coreset", "vab_al", "learning_loss", "vaal", "vaal_learning_loss", "ta_vaal"]
CLASSES = 10
DOMINANT = {"imbalance": {"rule": "cut_others", "classes": [1]}}


def recorded(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What an audited query on CIFAR-sized images leaves."""
    n = 400
    labels = rng.integers(0, CLASSES, n)
    pictures = rng.integers(0, 256, (20, 32, 32, 3), np.uint8)
    chosen = np.concatenate([np.flatnonzero(labels == c)[:2] for c in range(CLASSES)])
    return {
        "candidates": np.arange(n),
        "scores": rng.normal(size=n),
        "picks": rng.permutation(n)[:50],
        "pick_images": pictures[:10],
        "discriminator_candidates": rng.beta(3, 5, n),
        "discriminator_labelled": rng.beta(5, 3, n),
        "true_losses": rng.exponential(size=n),
        "true_labels": labels,
        "predicted": np.where(rng.random(n) < 0.5, labels, 1),
        "example_indices": chosen,
        "example_images": pictures,
    }


def in_the_plane(rng: np.random.Generator, picks: bool) -> dict[str, np.ndarray]:
    x, y = np.linspace(-1.7, 2.7, 65), np.linspace(-1.2, 1.8, 65)
    right = 1 / (1 + np.exp(-4 * (x[None, :] - np.sin(3 * y[:, None]))))
    points = rng.uniform((-1.3, -0.8), (2.3, 1.4), (200, 2)).astype(np.float32)
    arrays = {
        "grid_x": x,
        "grid_y": y,
        "grid_probs": np.stack([1 - right, right], axis=2).astype(np.float16),
        "points": points,
        "point_indices": np.arange(200),
        "point_labels": (points[:, 0] > 0.5).astype(int),
    }
    return arrays | ({"candidates": np.arange(200), "picks": np.arange(20, 30)} if picks else {})


def point_sets() -> pd.DataFrame:
    points = np.random.default_rng(0).uniform((-1, -1), (2, 1), (1000, 2)).tolist()
    told = ";".join(f"{'test' if i % 5 == 0 else 'pool'} {x} {y} {i % 2}" for i, (x, y) in enumerate(points))
    return pd.DataFrame([{"panel": name, "dataset": "", "points": told} for name in ("Circles", "Moons")])


@pytest.fixture(scope="module")
def images(make_bench):
    """Eight methods over ten stages, two seeds, all recorded at the last stage."""
    bench = make_bench("images")
    rng = np.random.default_rng(0)
    cells = []
    for strategy in EIGHT:
        rises = {s: np.linspace(0.4, 0.9, 10) + rng.normal(0, 0.02, 10) for s in (0, 1)}
        cells.append(
            bench.cell(
                strategy,
                {s: values.tolist() for s, values in rises.items()},
                label=method_name(strategy),
                start=1000,
                step=1000,
                counts={s: rng.integers(50, 200, (10, CLASSES)).tolist() for s in (0, 1)},
                recalls={s: rng.uniform(0, 1, (10, CLASSES)).tolist() for s in (0, 1)},
                seconds={s: rng.uniform(0, 3, (10, 3)).tolist() for s in (0, 1)},
                arrays={(s, 9): recorded(rng) for s in (0, 1)},
                epochs={
                    s: [
                        {
                            "stage": 9,
                            "seed": s,
                            "epoch": e,
                            "train_loss": v,
                            "test_loss": 2 * v,
                            "test_accuracy": 1 - v,
                        }
                        for e, v in enumerate((np.geomspace(0.9, 0.01, 100) * rng.uniform(0.8, 1.1)).tolist())
                    ]
                    for s in (0, 1)
                },
                config=DOMINANT,
                settings={"strategy.percentile": len(cells)} if strategy == "vaal" else None,
            )
        )
    return bench.study(*cells)


@pytest.fixture(scope="module")
def points(make_bench):
    bench, rng = make_bench("points"), np.random.default_rng(0)
    bought = [(0, int(i), int(i) % 2) for i in range(20)]
    cells = [
        bench.cell(
            strategy,
            {0: [0.8, 0.9]},
            label=method_name(strategy),
            panel="",
            dataset="moons",
            arrays={(0, s): in_the_plane(rng, picks=True) for s in (0, 1)},
            acquired={0: bought},
        )
        for strategy in ("learning_loss", "vaal", "ta_vaal")
    ]
    oracle = bench.cell(
        "random", {0: [0.9]}, label="All labels", arrays={(0, 0): in_the_plane(rng, picks=False)}
    )
    return bench.study(*cells, oracle)


ON_IMAGES = {
    "curves": lambda s: curves.view(s),
    "curves_relative": lambda s: curves.view(s, relative_to="random"),
    "curves_individual": lambda s: curves.view(s, individual="vab_al", x="round"),
    "class_entropy": lambda s: class_entropy.view(s),
    "class_share": lambda s: class_share.view(s),
    "class_heatmap": lambda s: class_heatmap.view(s),
    "selection_time": lambda s: selection_time.view(s),
    "discriminator": lambda s: discriminator.view(s, strategies=["vaal", "ta_vaal"]),
    "loss_scatter": lambda s: loss_scatter.view(s, strategies=["vaal", "ta_vaal", "vaal_learning_loss"]),
    "image_grid": lambda s: image_grid.view(s, strategies=EIGHT[1:5]),
    "importance": lambda s: importance.view(s, stage=9, strategies=EIGHT[1:5]),
    "epochs": lambda s: epochs.view(s, columns=["train_loss", "test_loss", "test_error"]),
    "sensitivity": lambda s: sensitivity.view(s, key="strategy.percentile"),
}
ON_POINTS = {
    "boundary": lambda s: boundary.view(s),
    "contours": lambda s: contours.view(s, strategies=["vaal", "ta_vaal"]),
    "toy_data": lambda s: toy_data.view(replace(s, datasets=point_sets())),
}


def box_of(artist) -> BboxBase:
    box = artist.get_tightbbox() if hasattr(artist, "get_tightbbox") else artist.get_window_extent()
    assert box is not None
    return box


def overlap(a: BboxBase, b: BboxBase) -> float:
    """Pixels by which two boxes overlap in the direction in which they overlap less."""
    return min(min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0))


def check(figure: Figure) -> None:
    figure.draw_without_rendering()
    boxes = [box_of(part) for part in [*figure.axes, *figure.legends, *figure.texts] if part.get_visible()]
    for box in boxes:
        inside = figure.bbox
        assert box.x0 >= inside.x0 - 1 and box.x1 <= inside.x1 + 1
        assert box.y0 >= inside.y0 - 1 and box.y1 <= inside.y1 + 1
    for a, b in itertools.combinations(boxes, 2):
        assert overlap(a, b) <= 1.5


def figures(outputs) -> list[Figure]:
    found = [output.figure for output in outputs if output.figure is not None]
    assert found and all(output.caption.endswith(".") for output in outputs)
    return found


@pytest.mark.parametrize("name", [*ON_IMAGES, *ON_POINTS])
def test_a_figure_stands_in_a_column(name, request):
    study = request.getfixturevalue("images" if name in ON_IMAGES else "points")
    for figure in figures((ON_IMAGES | ON_POINTS)[name](study)):
        check(figure)
        height = figure.get_figheight()
        canvas.footnote(
            figure, "Generated data. No values were published for this figure, only claims in words."
        )
        check(figure)
        assert figure.get_figwidth() == 3.3 and height < figure.get_figheight() < 5.5
        with Image.open(io.BytesIO(canvas.encode(figure, "png"))) as png:
            assert png.width == 990


def test_vector_files_hold_text_and_are_the_same_every_time(points):
    (figure,) = figures(contours.view(points, strategies=["ta_vaal"]))
    svg = canvas.encode(figure, "svg")
    assert svg == canvas.encode(figure, "svg") and canvas.is_ours(svg, "svg")
    assert b">TA-VAAL</text>" in svg and b">Queried next</text>" in svg
    assert b"/Type3" not in canvas.encode(figure, "pdf")


def test_many_classes_are_a_heat_map_without_numbers(bench):
    rng = np.random.default_rng(0)
    cells = [
        bench.cell(
            strategy, {0: [0.5]}, label=method_name(strategy), recalls={0: rng.random((1, 100)).tolist()}
        )
        for strategy in METHODS
    ]
    (figure,) = figures(class_heatmap.view(bench.study(*cells)))
    check(figure)
    assert not figure.axes[0].texts
