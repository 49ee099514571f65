"""What a specification refuses before any file is opened."""

from typing import Any

import pytest

from altool.core.errors import UserError
from altool.data.spec import DatasetSpec, ImbalanceSpec


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"reader": "cifar_10"}, "dataset.reader=cifar_10 is unknown: did you mean cifar10?"),
        ({"reader": "cifar10", "path": "/x"}, "cifar10 has no path"),
        ({"reader": "cifar10", "test": 0.2}, "cifar10 has its own test split"),
        ({"reader": "digits", "noise": 0.1}, "digits has no noise"),
        ({"reader": "npz", "size": 32}, "npz has no size"),
        ({"reader": "folder", "test": 1.0}, "dataset.test=1.0"),
        ({"reader": "cifar10", "val": "first500"}, "give 0, how many items, or first5000"),
        ({"reader": "cifar10", "val": -1}, "dataset.val=-1"),
        ({"reader": "cifar10", "val": 0.1}, "dataset.val=0.1"),
        ({"reader": "cifar10", "crop_pad": -1}, "dataset.crop_pad=-1"),
        ({"reader": "cifar10", "std": (0.2, 0.0, 0.2)}, "dataset.std=[0.2, 0.0, 0.2]"),
        ({"reader": "folder", "size": 0}, "dataset.size=0"),
        ({"reader": "moons", "noise": -0.1}, "dataset.noise=-0.1"),
    ],
)
def test_datasets_that_make_no_sense(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError) as refused:
        DatasetSpec(name="x", **keys)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"rule": "long_tail"}, "imbalance.rule=long_tail is unknown: did you mean longtail?"),
        ({"rule": "cut", "ratio": 5.0}, "imbalance.ratio=5.0: x takes classes, keep"),
        ({"rule": "none", "keep": 0.1}, "imbalance.keep=0.1: x takes no number"),
        ({"rule": "cut", "keep": 0.0}, "imbalance.keep=0.0"),
        ({"rule": "longtail", "ratio": 0.5}, "imbalance.ratio=0.5"),
        ({"rule": "alternating_first"}, "imbalance.first=0"),
    ],
)
def test_imbalances_that_make_no_sense(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError) as refused:
        ImbalanceSpec(name="x", **keys)
    assert says in str(refused.value)
