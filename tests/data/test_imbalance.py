"""Every imbalance of conf/imbalance: its class counts, and which items it lets go."""

from collections import Counter
from pathlib import Path
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy

from altool.core.errors import UserError
from altool.data.imbalance import class_counts, survivors
from altool.data.spec import ImbalanceSpec

CONF = Path(__file__).parents[2] / "conf" / "imbalance"
CIFAR10 = np.full(10, 5000)
CIFAR100 = np.full(100, 500)


def named(name: str, **changes: object) -> ImbalanceSpec:
    keys: dict[str, Any] = yaml.safe_load((CONF / f"{name}.yaml").read_text(encoding="utf-8"))
    keys |= changes
    keys |= {k: tuple(v) for k, v in keys.items() if isinstance(v, list)}
    return ImbalanceSpec(**keys)


def whole_but(cut: list[int], to: int) -> list[int]:
    return [to if c in cut else 5000 for c in range(10)]


# By hand from P0 Table 1, P1 4.3, P2 4.1 and the released code; totals as in facts.md section 2.
EXPECTED = {
    "none": ([5000] * 10, 50_000),
    "step10": ([500] * 5 + [5000] * 5, 27_500),
    "step100": ([50] * 5 + [5000] * 5, 25_250),
    "release2021": ([50, 5000] * 5, 25_250),
    "p0_165": ([3000, 3000, 4000, 5000, 50, 100, 100, 100, 200, 1000], 16_550),
    "p0_189": ([3000, 3000, 4000, 5000, 500, 500, 200, 300, 500, 2000], 19_000),
    "p0_211": ([3000, 3000, 4000, 5000, 1000, 1000, 1000, 1000, 1000, 3000], 23_000),
    "dominant_1": ([5000] + [500] * 9, 9_500),
    "dominant_5": ([500] * 4 + [5000] + [500] * 5, 9_500),
    "dominant_10": ([500] * 9 + [5000], 9_500),
    "rare_1": (whole_but([0], 500), 45_500),
    "rare_5": (whole_but([4], 500), 45_500),
    "rare_10": (whole_but([9], 500), 45_500),
    # 5000 · 100^(−c/9), rounded down; the total that runners of CIFAR-10-LT report at ratio 100
    "longtail": ([5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50], 12_406),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_class_counts_of_cifar10(name: str) -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 5000))
    kept = survivors(np.arange(50_000), labels, 10, named(name), seed=3)
    counts, total = EXPECTED[name]
    assert [Counter(labels[kept].tolist())[c] for c in range(10)] == counts
    assert len(kept) == len(set(kept.tolist())) == total


def test_class_counts_of_cifar100_with_its_dominant_classes() -> None:
    labels = np.tile(np.arange(100), 500)
    kept = survivors(np.arange(50_000), labels, 100, named("dominant_45_55"), seed=0)
    one_based = Counter((labels[kept] + 1).tolist())
    assert {c for c in one_based if one_based[c] == 500} == set(range(45, 56))
    assert set(one_based.values()) == {300, 500}
    assert len(kept) == 32_200


def test_every_yaml_is_covered_here() -> None:
    assert {p.stem for p in CONF.glob("*.yaml")} == {*EXPECTED, "dominant_45_55", "counts"}


@pytest.mark.parametrize(("name", "printed"), [("p0_165", 1.65), ("p0_189", 1.89), ("p0_211", 2.11)])
def test_entropy_is_the_one_that_p0_prints(name: str, printed: float) -> None:
    nats = entropy(class_counts(CIFAR10, named(name)))
    assert int(nats * 100) / 100 == printed  # truncated, as in P0 Table 1


def test_entropies_in_full() -> None:
    expected = {"p0_165": 1.6570, "p0_189": 1.8998, "p0_211": 2.1146, "step100": 1.665}
    expected |= {"step10": 1.914, "none": np.log(10)}
    got = {name: entropy(class_counts(CIFAR10, named(name))) for name in expected}
    assert got == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize(("ratio", "total"), [(10.0, 20_431), (50.0, 13_996), (100.0, 12_406)])
def test_long_tail_has_the_sizes_that_others_report(ratio: float, total: int) -> None:
    counts = class_counts(CIFAR10, named("longtail", ratio=ratio))
    assert counts.sum() == total
    assert counts[0] / counts[-1] == pytest.approx(ratio)


def test_release_keeps_the_first_items_in_dataset_order() -> None:
    labels = np.random.default_rng(1).integers(0, 10, 2000)
    kept = survivors(np.arange(2000), labels, 10, named("release2021", first=7), seed=0)
    by_hand, seen = [], Counter()
    for index, label in enumerate(labels.tolist()):
        if label % 2 == 1 or seen[label] < 7:
            by_hand.append(index)
        seen[label] += 1
    assert kept.tolist() == by_hand
    again = survivors(np.arange(2000), labels, 10, named("release2021", first=7), seed=1)
    assert np.array_equal(kept, again)  # nothing of it is drawn


def test_removal_is_random_not_the_first_or_last() -> None:
    labels = np.repeat(np.arange(10), 5000)
    kept = survivors(np.arange(50_000), labels, 10, named("step10"), seed=0)
    for c in range(5):
        of_class = kept[labels[kept] == c] - 5000 * c
        # mean of 500 uniform draws from 0 to 4999: 2500 with a standard error of about 61
        assert abs(of_class.mean() - 2500) < 300


@st.composite
def pools(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    labels = draw(hnp.arrays(np.int64, st.integers(60, 200), elements=st.integers(0, 3)))
    labels[:40] = np.arange(40) % 4  # ten of every class
    gaps = draw(hnp.arrays(np.int64, len(labels), elements=st.integers(1, 5)))
    return np.cumsum(gaps), labels


SPECS = st.sampled_from(
    [
        named("none"),
        named("counts", counts=[1, 10, 3, 7]),
        named("longtail", ratio=5.0),
        ImbalanceSpec("cut", "cut", classes=(0, 2), keep=0.4),
        ImbalanceSpec("others", "cut_others", classes=(3,), keep=0.5),
        ImbalanceSpec("first", "alternating_first", first=4),
    ]
)


@settings(max_examples=40, deadline=None)
@given(pools(), SPECS, st.integers(0, 2**32))
def test_survivors_are_a_sorted_seeded_subset_with_exact_counts(
    pool: tuple[np.ndarray, np.ndarray], spec: ImbalanceSpec, seed: int
) -> None:
    indices, labels = pool
    kept = survivors(indices, labels, 4, spec, seed)
    assert kept.dtype == np.int64
    assert np.all(np.diff(kept) > 0)
    assert np.isin(kept, indices).all()
    of_kept = labels[np.isin(indices, kept)]
    wanted = class_counts(np.bincount(labels, minlength=4), spec)
    assert np.array_equal(np.bincount(of_kept, minlength=4), wanted)
    assert np.array_equal(kept, survivors(indices, labels, 4, spec, seed))


def test_other_seeds_lose_other_items() -> None:
    labels = np.repeat(np.arange(10), 100)
    kept = {survivors(np.arange(1000), labels, 10, named("step10"), seed).tobytes() for seed in range(5)}
    assert len(kept) == 5


def test_a_class_loses_the_same_items_whatever_happens_to_the_others() -> None:
    labels = np.repeat(np.arange(10), 100)
    one = survivors(np.arange(1000), labels, 10, named("rare_1"), seed=4)
    five = survivors(np.arange(1000), labels, 10, named("step10"), seed=4)
    assert np.array_equal(one[labels[one] == 0], five[labels[five] == 0])


@pytest.mark.parametrize(
    ("present", "spec", "says"),
    [
        (np.full(2, 400), named("step10"), "class id 2"),
        (CIFAR100, named("p0_165"), "counts for 10 classes, the dataset has 100"),
        (CIFAR10, named("counts"), "counts for 0 classes"),
        (CIFAR10 - 1, named("p0_165"), "asks for 5000 items of class 3, the pool has 4999"),
        (np.full(10, 49), named("release2021"), "asks for 50 items of class 0, the pool has 49"),
        (np.full(10, 40), named("step100"), "leave 0 of the 40 items of class 0"),
        (np.full(10, 90), named("longtail"), "leave 0 of the 90 items of class 9"),
        (np.full(2, 9), named("counts", counts=[9, -1]), "leave -1"),
        (np.full(2, 9), named("counts", counts=[0, 0]), "no item at all"),
    ],
)
def test_more_than_there_is_is_refused(present: np.ndarray, spec: ImbalanceSpec, says: str) -> None:
    with pytest.raises(UserError) as refused:
        class_counts(present, spec)
    assert says in str(refused.value)
