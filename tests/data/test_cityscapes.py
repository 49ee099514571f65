"""The tree of leftImg8bit and gtFine, small, written here by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from altool.core.errors import UserError
from altool.core.maps import IGNORED
from altool.data.cityscapes import CLASSES
from altool.data.prepare import prepare
from altool.data.reading import Reading
from altool.data.rows import Rows
from altool.data.spec import DatasetSpec, ImbalanceSpec
from altool.data.store import moved
from altool.data.task import Task

N_TRAIN, N_VAL, HEIGHT, WIDTH = 20, 5, 64, 128
# The benchmark's table of train ids, id by id
TRAIN_ID = {
    **{7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9},
    **{23: 10, 24: 11, 25: 12, 26: 13, 27: 14, 28: 15, 31: 16, 32: 17, 33: 18},
}


def frame(split: str, i: int) -> str:
    city = ("aachen", "zurich")[i % 2]
    return f"{split}/{city}/{city}_{i:06d}_000019"


@pytest.fixture
def ids() -> dict[str, np.ndarray]:
    """Maps of ids by frame: blocks of 4×4 pixels; every id occurs in every map."""
    rng = np.random.default_rng(0)
    found = {}
    for split, n in (("train", N_TRAIN), ("val", N_VAL), ("test", 1)):
        for i in range(n):
            blocks = rng.permutation(np.arange(HEIGHT * WIDTH // 16) % 34).reshape(HEIGHT // 4, WIDTH // 4)
            found[frame(split, i)] = blocks.repeat(4, 0).repeat(4, 1).astype(np.uint8)
    return found


@pytest.fixture
def root(tmp_path: Path, ids: dict[str, np.ndarray]) -> Path:
    """The red of a pixel is seven times its id."""
    root = tmp_path / "cityscapes"
    for name, map_H_W in ids.items():
        picture = np.stack([7 * map_H_W, np.zeros_like(map_H_W), np.zeros_like(map_H_W)], axis=2)
        for path, pixels in (
            (root / "leftImg8bit" / f"{name}_leftImg8bit.png", picture),
            (root / "gtFine" / f"{name}_gtFine_labelIds.png", map_H_W),
            (root / "gtFine" / f"{name}_gtFine_instanceIds.png", map_H_W.astype(np.uint16)),
            (root / "gtFine" / f"{name}_gtFine_color.png", picture),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    return root


Load = Callable[..., Task]


@pytest.fixture
def load(root: Path) -> Load:
    def load(memory_gib: float = 4.0, on_corrupt: str = "stop", imbalance: str = "none", **keys: Any) -> Task:
        spec = DatasetSpec("cityscapes", "cityscapes", **{"size": (32, 64), "flip": True, **keys})
        reading = Reading(root.parent, memory_gib=memory_gib, on_corrupt=on_corrupt, quiet=True)  # type: ignore[arg-type]
        return prepare(
            spec,
            ImbalanceSpec(imbalance, imbalance, ratio=10 if imbalance != "none" else 1),
            0,
            "cpu",
            reading,
        )

    return load


def by_table(map_H_W: np.ndarray) -> np.ndarray:
    return np.vectorize(lambda i: TRAIN_ID.get(int(i), IGNORED))(map_H_W).astype(np.uint8)


def test_train_is_the_pool_and_val_the_test_set(load: Load, ids: dict[str, np.ndarray]) -> None:
    task = load()
    assert task.is_dense and task.n_classes == 19 and task.classes == CLASSES
    assert task.members.tolist() == list(range(N_TRAIN))
    assert task.store.shape == task.test.store.shape == (3, 32, 64)
    names = sorted(ids)
    train, val = ([n for n in names if n.startswith(split)] for split in ("train", "val"))
    maps = task.oracle.reveal(task.members)
    assert maps.dtype == np.uint8 and maps.shape == (N_TRAIN, 32, 64)
    for i, name in enumerate(train):
        np.testing.assert_array_equal(maps[i], by_table(ids[name][::2, ::2]))
    for i, name in enumerate(val):  # at full resolution
        np.testing.assert_array_equal(task.test.labels[i : i + 1][0], by_table(ids[name]))
    assert task.oracle.revealed == N_TRAIN


def test_images_and_maps_belong_together_and_move_together(load: Load) -> None:
    task = load(crop_pad=3, size=None)  # no colours mixed
    indices = torch.tensor([3, 17, 8, 4])
    dy, dx = torch.tensor([0, 6, 2, 3]), torch.tensor([1, 5, 6, 3])
    flip = torch.tensor([True, False, True, False])
    pad = task.store.transforms.crop_pad
    images = moved(task.store.pixels(indices), dy, dx, flip, pad, 0)
    maps = moved(torch.from_numpy(task.oracle.audit(indices.numpy())), dy, dx, flip, pad, IGNORED)
    assert not torch.equal(maps, torch.from_numpy(task.oracle.audit(indices.numpy())))
    red = images[..., 0].numpy()
    of_class = np.array([i for i, _ in sorted(TRAIN_ID.items(), key=lambda item: item[1])]) * 7
    for image, classes in zip(red, maps.numpy(), strict=True):
        known = classes != IGNORED
        np.testing.assert_array_equal(image[known], of_class[classes[known]])
        assert not np.isin(image[~known] // 7, list(TRAIN_ID)).any()


def test_without_a_size_maps_are_as_large_as_their_images(load: Load, ids: dict[str, np.ndarray]) -> None:
    task = load(size=None)
    assert task.store.shape == (3, HEIGHT, WIDTH)
    np.testing.assert_array_equal(task.oracle.audit(np.array([0]))[0], by_table(ids[frame("train", 0)]))


def test_a_path_may_name_the_folder_around_it(load: Load, root: Path) -> None:
    assert load(path=str(root.parent)).digest == load(path=str(root)).digest


def test_a_large_set_is_read_from_its_memory_map(load: Load) -> None:
    resident, streamed = load(), load(memory_gib=0)
    assert resident.digest == streamed.digest and streamed.store._items is None
    assert isinstance(streamed.test.labels, Rows)
    some = np.array([4, 0, 4])
    assert torch.equal(resident.store.images(some), streamed.store.images(some))
    np.testing.assert_array_equal(resident.oracle.audit(some), streamed.oracle.audit(some))


def test_a_validation_split_leaves_the_pool_with_its_maps(load: Load) -> None:
    task = load(val=4)
    assert task.val is not None and len(task.members) == N_TRAIN - 4
    np.testing.assert_array_equal(np.asarray(task.val.labels), task.oracle.audit(task.val.indices))


def test_another_map_is_other_data(load: Load, root: Path, ids: dict[str, np.ndarray]) -> None:
    before = load().digest
    path = root / "gtFine" / f"{frame('train', 3)}_gtFine_labelIds.png"
    Image.fromarray(ids[frame("train", 3)][::-1].copy()).save(path)
    prepare.__globals__["_stores"].cache_clear()
    assert load().digest != before


def test_files_that_cannot_be_read_stop_the_run_or_are_left_out(load: Load, root: Path) -> None:
    broken = (
        f"leftImg8bit/{frame('train', 2)}_leftImg8bit.png",
        f"gtFine/{frame('train', 5)}_gtFine_labelIds.png",
        f"gtFine/{frame('val', 1)}_gtFine_labelIds.png",
    )
    for name in broken:
        (root / name).write_text("broken")
    with pytest.raises(UserError, match=r"(?s)1 of 20 files .*aachen_000002_000019_leftImg8bit.png"):
        load()
    task = load(on_corrupt="skip")
    assert (len(task.members), len(task.test.indices)) == (N_TRAIN - 2, N_VAL - 1)
    assert task.skipped.keys() == {*broken}
    whole = load(on_corrupt="skip", size=None)  # no colours mixed
    red, maps = whole.store.pixels(whole.members)[..., 0].numpy(), whole.oracle.audit(whole.members)
    known = maps != IGNORED
    assert np.isin(red[known] // 7, list(TRAIN_ID)).all()  # still beside their own maps
    assert not np.isin(red[~known] // 7, list(TRAIN_ID)).any()


def test_a_map_of_colours_is_refused(load: Load, root: Path) -> None:
    path = root / "gtFine" / f"{frame('train', 3)}_gtFine_labelIds.png"
    right = path.read_bytes()
    Image.open(root / "gtFine" / f"{frame('train', 3)}_gtFine_color.png").save(path)
    with pytest.raises(UserError, match=r"1 of 20 files .*\n.*grey of 8 bits, its pixels are of mode RGB\n"):
        load()
    path.write_bytes(right)  # repaired: no other map is blamed
    assert len(load().members) == N_TRAIN


def test_a_map_with_a_palette_holds_ids_all_the_same(
    load: Load, root: Path, ids: dict[str, np.ndarray]
) -> None:
    name = frame("train", 0)
    coloured = Image.fromarray(ids[name], mode="P")
    coloured.putpalette([(37 * i) % 256 for i in range(768)])
    coloured.save(root / "gtFine" / f"{name}_gtFine_labelIds.png")
    np.testing.assert_array_equal(load().oracle.audit(np.array([0]))[0], by_table(ids[name][::2, ::2]))


def test_an_image_of_another_shape_than_its_map_is_refused(
    load: Load, root: Path, ids: dict[str, np.ndarray]
) -> None:
    """Half as large is fine, lying on its side is not."""
    name = frame("train", 3)
    image = root / "leftImg8bit" / f"{name}_leftImg8bit.png"
    Image.open(image).resize((WIDTH // 2, HEIGHT // 2)).save(image)
    assert len(load().members) == N_TRAIN
    prepare.__globals__["_stores"].cache_clear()
    Image.fromarray(ids[name].T.copy()).save(root / "gtFine" / f"{name}_gtFine_labelIds.png")
    with pytest.raises(
        UserError, match=r"zurich_000003_000019_leftImg8bit.png has 64×32 pixels, its map 64×128"
    ):
        load()


def test_maps_to_be_judged_have_one_size(load: Load, root: Path, ids: dict[str, np.ndarray]) -> None:
    name = frame("val", 1)
    Image.fromarray(ids[name][::2, ::2].copy()).save(root / "gtFine" / f"{name}_gtFine_labelIds.png")
    with pytest.raises(UserError, match="64×32: val maps are judged as they are, so all must have one size"):
        load()


def test_maps_without_any_class_are_refused(load: Load, root: Path, ids: dict[str, np.ndarray]) -> None:
    for i in range(N_VAL):
        path = root / "gtFine" / f"{frame('val', i)}_gtFine_labelIds.png"
        Image.fromarray(np.full((HEIGHT, WIDTH), 255, np.uint8)).save(path)
    with pytest.raises(UserError, match="no pixel of the val maps has one of the 19 classes: they must hold"):
        load()


def test_an_image_without_its_map_is_named(load: Load, root: Path) -> None:
    (root / "gtFine" / f"{frame('train', 3)}_gtFine_labelIds.png").unlink()
    with pytest.raises(
        UserError, match=r"leftImg8bit/train/zurich/zurich_000003_000019_leftImg8bit.png has no gtFine"
    ):
        load()


@pytest.mark.parametrize("gone", ["gtFine", "leftImg8bit/val"])
def test_what_was_not_unpacked_is_said(load: Load, root: Path, gone: str) -> None:
    (root / gone).rename(root / "elsewhere")
    with pytest.raises(UserError, match=r"unpack leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip"):
        load()


def test_a_set_that_is_not_there_says_where_to_get_it(load: Load, root: Path) -> None:
    root.rename(root.with_name("other"))
    with pytest.raises(
        UserError, match=r"www.cityscapes-dataset.com, which wants a registration.*Put it there"
    ):
        load()


def test_classes_of_images_cannot_be_thinned_out(load: Load) -> None:
    with pytest.raises(UserError, match="imbalance=longtail thins out classes of images"):
        load(imbalance="longtail")
