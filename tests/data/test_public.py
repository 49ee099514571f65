"""The public sets: prepared files, torchvision's readers on small files of the same format, and what
is said when something is wrong. Nothing here touches the network."""

import dataclasses
import hashlib
import pickle
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from torchvision import datasets

from altool.core.errors import UserError
from altool.data import catalogue
from altool.data.public import PUBLIC_SETS
from altool.data.public_reader import read_public
from altool.data.read import read
from altool.data.spec import DatasetSpec

N_TRAIN, N_TEST = 200, 100


@pytest.fixture(autouse=True)
def few_items(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sets as if they were small."""
    for name, known in PUBLIC_SETS.items():
        small = dataclasses.replace(known, n_train=N_TRAIN, n_test=N_TEST)
        monkeypatch.setitem(PUBLIC_SETS, name, small)


def random_set(name: str) -> dict[str, Any]:
    rng = np.random.default_rng(len(name))
    known = PUBLIC_SETS[name]
    arrays: dict[str, Any] = {}
    for part, n in (("train", N_TRAIN), ("test", N_TEST)):
        arrays[f"{part}_x"] = rng.integers(0, 256, (n, *known.shape), dtype=np.uint8)
        arrays[f"{part}_y"] = rng.permutation(np.arange(n) % len(known.classes)).astype(np.uint8)
    return arrays


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def write_idx(name: str, root: Path, arrays: dict[str, Any]) -> None:
    """The IDX format: a magic number with type (8: uint8) and rank, the sizes, the bytes."""
    folder = root / PUBLIC_SETS[name].folder
    folder.mkdir(parents=True)
    for part, prefix in (("train", "train"), ("test", "t10k")):
        images, labels = arrays[f"{part}_x"][..., 0], arrays[f"{part}_y"]
        for array, what in ((images, "images-idx3-ubyte"), (labels, "labels-idx1-ubyte")):
            head = struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape)
            (folder / f"{prefix}-{what}").write_bytes(head + array.tobytes())


def write_cifar(name: str, root: Path, arrays: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Pickled batches of rows that hold the red, green and blue plane, with checksums to match."""
    folder = root / PUBLIC_SETS[name].folder
    folder.mkdir(parents=True)
    reader = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    label_key = {"cifar10": "labels", "cifar100": "fine_labels"}[name]
    sums: dict[str, list[list[str]]] = {"train": [], "test": []}
    for part, files in (("train", reader.train_list), ("test", reader.test_list)):
        rows = arrays[f"{part}_x"].transpose(0, 3, 1, 2).reshape(len(arrays[f"{part}_x"]), -1)
        for n, share in enumerate(np.array_split(np.arange(len(rows)), len(files))):
            file = folder / files[n][0]
            labels = arrays[f"{part}_y"][share].tolist()
            file.write_bytes(pickle.dumps({"data": rows[share], label_key: labels}))
            sums[part].append([file.name, md5(file)])
    names = [f"name {c}" for c in range(len(PUBLIC_SETS[name].classes))]
    meta = folder / reader.meta["filename"]
    meta.write_bytes(pickle.dumps({reader.meta["key"]: names}))
    monkeypatch.setattr(reader, "train_list", sums["train"])
    monkeypatch.setattr(reader, "test_list", sums["test"])
    monkeypatch.setattr(reader, "meta", reader.meta | {"md5": md5(meta)})


def write_svhn(root: Path, arrays: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """MATLAB files, (H, W, C, P), the digit 0 labelled 10, with checksums to match."""
    sums = {}
    for part in ("train", "test"):
        labels = np.where(arrays[f"{part}_y"] == 0, 10, arrays[f"{part}_y"])
        file = root / f"{part}_32x32.mat"
        images = arrays[f"{part}_x"].transpose(1, 2, 3, 0)
        scipy.io.savemat(file, {"X": images, "y": labels[:, None]})
        sums[part] = ["", file.name, md5(file)]
    monkeypatch.setattr(datasets.SVHN, "split_list", sums)


def write(name: str, root: Path, arrays: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    match name:
        case "svhn":
            write_svhn(root, arrays, monkeypatch)
        case "cifar10" | "cifar100":
            write_cifar(name, root, arrays, monkeypatch)
        case _:
            write_idx(name, root, arrays)


@pytest.mark.parametrize("name", PUBLIC_SETS)
def test_torchvisions_files_and_a_prepared_file_give_the_same(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = random_set(name)
    write(name, tmp_path, wanted, monkeypatch)
    through_torchvision = read(DatasetSpec(name, name), tmp_path)
    np.savez(tmp_path / f"{name}.npz", **wanted)
    prepared = read(DatasetSpec(name, name), tmp_path)
    for arrays in (through_torchvision, prepared):
        for key, array in wanted.items():
            got = getattr(arrays, key)
            assert np.array_equal(got, array), key
            assert got.dtype == (np.uint8 if key.endswith("x") else np.int64)
        assert len(arrays.classes) == len(PUBLIC_SETS[name].classes)


@pytest.mark.parametrize("name", PUBLIC_SETS)
def test_a_missing_set_says_what_to_do(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        read_public(name, tmp_path)
    says = str(refused.value)
    assert says.startswith(f"{name} is not in {tmp_path}: run altool data get {name}")
    for word in (f"{name}.npz", "data_root=", "ALTOOL_DATA"):
        assert word in says
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", PUBLIC_SETS)
def test_a_damaged_file_is_noticed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(name, tmp_path, random_set(name), monkeypatch)
    damaged = PUBLIC_SETS[name].torchvision_files(tmp_path)[0]
    damaged.write_bytes(damaged.read_bytes()[:-50])
    with pytest.raises(UserError) as refused:
        read_public(name, tmp_path)
    says = str(refused.value)
    assert "cannot be read" in says
    assert damaged.name in says
    assert f"altool data get {name}" in says


def test_a_damaged_prepared_file_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "mnist.npz"
    np.savez(file, **random_set("mnist"))
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(UserError, match=r"Delete mnist\.npz there, then run: altool data get mnist"):
        read_public("mnist", tmp_path)


def test_a_prepared_file_that_is_something_else(tmp_path: Path) -> None:
    good = random_set("mnist")
    cases = {
        "lacks test_y": {key: good[key] for key in good if key != "test_y"},
        "200 training images of shape (28, 28, 1), the file here has 199 of (28, 28, 1)": good
        | {"train_x": good["train_x"][1:], "train_y": good["train_y"][1:]},
        "the file here has 200 of (28, 28, 3)": good | {"train_x": np.repeat(good["train_x"], 3, axis=3)},
        "the training labels are not 0 to 9": good | {"train_y": good["train_y"] + 1},
        "test_y is float64": good | {"test_y": good["test_y"] / 1},
        "labels of shape (99,)": good | {"test_y": good["test_y"][1:]},
    }
    for says, arrays in cases.items():
        np.savez(tmp_path / "mnist.npz", **arrays)
        with pytest.raises(UserError) as refused:
            read_public("mnist", tmp_path)
        assert says in str(refused.value)


def test_grey_images_may_lack_their_channel_axis(tmp_path: Path) -> None:
    arrays = random_set("mnist")
    flat = arrays | {key: arrays[key][..., 0] for key in ("train_x", "test_x")}
    np.savez(tmp_path / "mnist.npz", **flat)
    assert np.array_equal(read_public("mnist", tmp_path).train_x, arrays["train_x"])


def test_the_catalogue_says_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALTOOL_DATA", str(tmp_path))
    np.savez(tmp_path / "mnist.npz", **random_set("mnist"))
    write("svhn", tmp_path, random_set("svhn"), monkeypatch)
    rows = {entry.name: entry for entry in catalogue.entries()}
    assert {name for name, row in rows.items() if row.present} == {
        *("digits", "moons", "circles", "moons_imb10", "mnist", "svhn")
    }
    assert rows["mnist"].where == str(tmp_path / "mnist.npz")
    assert rows["svhn"].where == str(tmp_path)
    assert rows["cifar10"].where == "altool data get cifar10"
    assert rows["cifar10"].size == "171 MB to download"


def test_get_downloads_verifies_and_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = random_set("fashion_mnist")
    root = tmp_path / "new"

    def download(dataset: datasets.FashionMNIST) -> None:
        if not Path(dataset.raw_folder).exists():
            write_idx("fashion_mnist", root, arrays)

    monkeypatch.setattr(datasets.FashionMNIST, "download", download)
    where = catalogue.get("fashion_mnist", root)
    assert where == root / "FashionMNIST" / "raw"
    assert np.array_equal(read_public("fashion_mnist", root).test_x, arrays["test_x"])
    monkeypatch.setattr(datasets.FashionMNIST, "download", lambda dataset: 1 / 0)
    assert catalogue.get("fashion_mnist", root) == where  # there already: nothing is fetched


def test_get_says_why_a_download_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(dataset: datasets.CIFAR10) -> None:
        raise OSError("no route\nto host")

    monkeypatch.setattr(datasets.CIFAR10, "download", download)
    with pytest.raises(UserError, match="could not be downloaded: no route to host"):
        catalogue.get("cifar10_imb100", tmp_path)  # an alias fetches what it is made of


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("digits", "digits is embedded, nothing to fetch: altool run dataset=digits"),
        ("fashionmnist", "did you mean fashion_mnist?"),
        ("neu", "neu cannot be fetched: it is the NEU surface defect database"),
    ],
)
def test_get_of_what_cannot_be_fetched(name: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        catalogue.get(name, tmp_path)
    assert says in str(refused.value)


def test_get_into_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be made"):
        catalogue.get("mnist", tmp_path / "file" / "data")


def test_a_listing_does_without_torch() -> None:
    code = "import sys; from altool.data import catalogue, spec; catalogue.entries(); "
    code += "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
