"""Smoke scale: tiny, of the true shape, and never in the way of what the grid sweeps."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from altool.config.build import dataset_spec, reading_of
from altool.config.load import load
from altool.config.schema import RunConfig
from altool.config.words import parse
from altool.data.prepare import prepare
from altool.data.spec import ImbalanceSpec
from altool.reproduce.smoke import GENERATED, generated, smoke_words


def small(folder: Path, *words: str) -> RunConfig:
    run, _ = load(parse([*words, f"data_root='{folder}/none'"]))
    words = (*words, *smoke_words(run, run.strategy["name"], folder))
    return load(parse(list(words)))[0]


@pytest.mark.parametrize(
    ("dataset", "shape", "n_classes"),
    [("svhn", (32, 32, 3), 10), ("fashion_mnist", (28, 28, 1), 10), ("cifar100", (32, 32, 3), 100)],
)
def test_a_missing_set_is_generated_in_its_format(
    tmp_path: Path, dataset: str, shape: tuple[int, ...], n_classes: int
) -> None:
    run = small(tmp_path, f"dataset={dataset}", "strategy=ta_vaal")
    assert run.dataset.name == dataset
    assert str(run.dataset.path).endswith(f"{dataset}_generated.npz")
    with np.load(str(run.dataset.path)) as file:
        assert file["train_x"].shape[1:] == shape and file["train_x"].dtype == np.uint8
        assert np.array_equal(np.unique(file["train_y"]), np.arange(n_classes))
        assert np.array_equal(np.unique(file["test_y"]), np.arange(n_classes))
    assert (run.learner.epochs, run.learner.model["width"], run.strategy["width"]) == (2, 16, 16)
    assert run.budget.stages == 2 and run.seeds == [0]


@pytest.mark.parametrize(
    ("experiment", "reader", "shape", "n_classes", "sizes"),
    [
        ("ta_vaal_cvpr_fig4c", "caltech101", (3, 64, 64), 102, (204, 102)),
        ("ta_vaal_cvpr_fig5", "cityscapes", (3, 32, 64), 19, (24, 4)),
        ("vab_al_fig3a", "neu", (3, 64, 64), 9, (180, 27)),
    ],
)
def test_sets_of_image_files_are_read_from_folders_in_their_true_format(
    tmp_path: Path,
    experiment: str,
    reader: str,
    shape: tuple[int, ...],
    n_classes: int,
    sizes: tuple[int, int],
) -> None:
    run = small(tmp_path, f"experiment={experiment}")
    assert run.dataset.reader == reader and GENERATED in str(run.dataset.path)
    task = prepare(dataset_spec(run.dataset), ImbalanceSpec(), 0, "cpu", reading_of(run))
    assert (task.store.shape, task.n_classes) == (shape, n_classes)
    assert (len(task.store), len(task.test.indices)) == sizes
    assert (tmp_path / "decoded").is_dir()  # and nothing in the person's own data root


def test_two_processes_that_make_the_same_pictures_at_once_both_have_them(tmp_path: Path) -> None:
    place, meeting = tmp_path / "items" / "caltech101_generated", tmp_path / "meeting"
    meeting.mkdir()
    command = [sys.executable, str(Path(__file__).with_name("twice.py")), str(place), str(meeting)]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [one.communicate(timeout=120) for one in both]
    assert [(one.returncode, out.strip()) for one, (out, _) in zip(both, said, strict=True)] == [
        (0, str(place))
    ] * 2, said
    assert len([*meeting.iterdir()]) == 2, "they did not meet"
    assert [path.name for path in place.parent.iterdir()] == [place.name]  # nothing half made
    assert len([*place.rglob("*.jpg")]) == 6


def test_generated_images_can_be_told_apart_and_are_the_same_every_time() -> None:
    images, labels = generated((32, 32, 3), 10, 20, "svhn", "train")
    again, _ = generated((32, 32, 3), 10, 20, "svhn", "train")
    other, others = generated((32, 32, 3), 10, 20, "svhn", "test")
    assert np.array_equal(images, again) and not np.array_equal(images, other)
    means = np.stack([images[labels == c].mean(axis=0) for c in range(10)])
    distance = ((other[:, None] - means[None]) ** 2).sum(axis=(2, 3, 4))
    assert (distance.argmin(axis=1) == others).all()


def test_the_smallest_class_of_p0_keeps_an_image(tmp_path: Path) -> None:
    run = small(tmp_path, "dataset=cifar10_p0_165")
    assert run.imbalance.counts == [30, 30, 40, 50, 1, 1, 1, 1, 2, 10]


def test_points_are_those_of_the_paper(tmp_path: Path) -> None:
    run = small(tmp_path, "dataset=moons", "strategy=ldr", "strategy.percentile=30")
    assert (run.dataset.reader, run.dataset.path, run.budget.start) == ("moons", None, 10)
    assert (run.strategy["percentile"], run.learner.epochs) == (30, 10)
    assert run.seeds == [0, 1]
