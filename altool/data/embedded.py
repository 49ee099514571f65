"""Sets that need no file: scikit-learn's handwritten digits, and points drawn on the spot."""

from collections.abc import Callable

import numpy as np

from altool.core.streams import stream
from altool.data.spec import DatasetSpec
from altool.data.split import split_off_test
from altool.data.task import Arrays

N_POINTS = 1000  # P3 IV-A: 800 training and 200 test instances
N_MAJORITY, N_MINORITY = 500, 50  # P1 4.1


def digits(spec: DatasetSpec) -> Arrays:
    """1,797 real handwritten digits, uint8 (P, 8, 8, 1), a stratified test split of `spec.test`.

    scikit-learn keeps the test part of Alpaydin and Kaynak's set (UCI, 1998) with 17 grey levels,
    here spread over 256.
    """
    from sklearn.datasets import load_digits

    levels, labels = (np.asarray(part) for part in load_digits(return_X_y=True))
    grey = np.rint(levels * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
    return split_off_test(grey, labels.astype(np.int64), tuple("0123456789"), spec)


def moons(spec: DatasetSpec) -> Arrays:
    """Points uniform on two interleaving half circles of radius 1, with jitter (P3 IV-A, L16)."""

    def arcs(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
        angle = rng.uniform(0, np.pi, len(labels))
        upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
        return np.where(labels[:, None] == 0, upper, lower)

    return _points(spec, arcs)


def circles(spec: DatasetSpec) -> Arrays:
    """Points uniform on two circles of radius 1 and 2, with jitter (P3 IV-A, L16)."""

    def orbits(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
        angle = rng.uniform(0, 2 * np.pi, len(labels))
        return (labels + 1)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)

    return _points(spec, orbits)


def moons_imb10(spec: DatasetSpec) -> Arrays:
    """scikit-learn's make_moons: 500 points of class 0 against 50 of class 1 (P1 4.1).

    P1 names no test set. Here it is a second draw from the same generator, balanced, 500 + 500
    points, as the papers test on balanced sets wherever they make a pool unbalanced.
    """
    from sklearn.datasets import make_moons

    def draw(part: str, sizes: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        seed = int(stream(spec.split_seed, "points", spec.reader, part).integers(2**31))
        points, labels = make_moons(
            n_samples=sizes,  # pyright: ignore[reportArgumentType]  documented: points per class
            noise=spec.noise,
            random_state=seed,
        )
        return np.asarray(points, np.float32), np.asarray(labels, np.int64)

    train = draw("train", (N_MAJORITY, N_MINORITY))
    test = draw("test", (N_MAJORITY, N_MAJORITY))
    return Arrays(*train, *test, classes=("0", "1"))


def _points(spec: DatasetSpec, curve: Callable[[np.random.Generator, np.ndarray], np.ndarray]) -> Arrays:
    rng = stream(spec.split_seed, "points", spec.reader)
    labels = rng.permutation(np.arange(N_POINTS) % 2)
    points = curve(rng, labels)
    jittered = points + rng.normal(0, spec.noise or 0.0, points.shape)
    return split_off_test(jittered.astype(np.float32), labels, ("0", "1"), spec)


EMBEDDED: dict[str, Callable[[DatasetSpec], Arrays]] = {
    "digits": digits,
    "moons": moons,
    "circles": circles,
    "moons_imb10": moons_imb10,
}
