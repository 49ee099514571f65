"""The pairwise penalty matrix against a plain count over SciPy's tests."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from altool.analysis.curves import panels
from altool.analysis.penalty import penalties
from altool.analysis.read import read_stages

SHIFT = {"random": 0.0, "coreset": 0.004, "ta_vaal": 0.03}
LABEL = {"random": "Random", "coreset": "Core-set", "ta_vaal": "TA-VAAL"}


@pytest.fixture
def accuracies(write_run):
    """Six seeds of three strategies over four stages, equal at the first; strategy to (stage, seed)."""
    noise = np.random.default_rng(5).normal(0, 0.006, (3, 4, 6))
    base = np.array([0.4, 0.5, 0.6, 0.65])[:, None]
    found = {}
    for index, (strategy, shift) in enumerate(SHIFT.items()):
        found[strategy] = base + np.array([0, 0.1, 1, 1])[:, None] * shift + noise[index] * (base > 0.4)
        for seed in range(6):
            write_run(strategy, seed, [float(a) for a in found[strategy][:, seed]])
    return found


def brute_force(accuracies) -> dict[tuple[str, str], float]:
    """Every stage after the first: the three tests, then Holm as steps: 3 × the smallest p, 2 × the next, the last."""
    wins = {(a, b): 0.0 for a in SHIFT for b in SHIFT}
    for stage in (1, 2, 3):
        tests = []
        for a, b in combinations(SHIFT, 2):
            found = stats.ttest_rel(accuracies[a][stage], accuracies[b][stage])
            tests.append((float(found.pvalue), (a, b) if found.statistic > 0 else (b, a)))
        for left, (p, pair) in zip((3, 2, 1), sorted(tests), strict=True):
            if left * p >= 0.05:
                break
            wins[pair] += 1 / 3
    return wins


def test_against_brute_force(accuracies, tmp_path):
    found = penalties(panels(read_stages([tmp_path]), "accuracy"))
    expected = brute_force(accuracies)
    assert 0 < expected["ta_vaal", "random"] < 1, "the example has to tell stages apart"
    for (a, b), share in expected.items():
        assert found.matrix.loc[LABEL[a], LABEL[b]] == pytest.approx(share)
    assert (found.settings, found.pairs) == (1, 6)


def test_lower_wins_where_lower_is_better(accuracies, tmp_path):
    stages = read_stages([tmp_path])  # nll is 1 − accuracy there
    by_nll, by_accuracy = (penalties(panels(stages, metric)).matrix for metric in ("nll", "accuracy"))
    assert by_nll.equals(by_accuracy)


def test_settings_add_up_and_do_not_mix(accuracies, write_run, tmp_path):
    alone = penalties(panels(read_stages([tmp_path]), "accuracy")).matrix
    for strategy, values in accuracies.items():
        for seed in range(6):
            write_run(strategy, seed, [float(a) for a in values[:, seed]], dataset="svhn")
    both = penalties(panels(read_stages([tmp_path]), "accuracy"))
    assert both.settings == 2
    assert both.matrix.to_numpy() == pytest.approx(2 * alone.to_numpy())


def test_one_seed_tests_nothing(write_run, tmp_path):
    for strategy in SHIFT:
        write_run(strategy, 0, [0.5, 0.6])
    found = penalties(panels(read_stages([tmp_path]), "accuracy"))
    assert found.matrix.empty and (found.settings, found.pairs) == (0, 0)
