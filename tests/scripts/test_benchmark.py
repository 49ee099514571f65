"""The benchmark measures what it says: counts and verdicts by hand, every comparison's own check on tiny sizes."""

import csv
import math
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmark import gpu, precision, released, table
from benchmark.compared import Count, Ours, Part, Result, Settings, Workload
from benchmark.machine import Ceilings
from benchmark.queries import query_of
from benchmark.roofline import draw
from benchmark.timing import Counting, compare
from PIL import Image
from scipy import stats

from altool.core.errors import UserError

TINY = Settings(rounds=2, threads=1, tiny=True)


def result(value: float | None, low: float | None = None, high: float | None = None, **more) -> Result:
    return Result("row", "×", must=2, aim=3, value=value, low=low, high=high, n=5, **more)


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (result(3.0, 2.9, 3.1), "aim"),
        (result(2.5, 2.1, 3.1), "must"),
        (result(1.5, 1.0, 1.9), "no"),
        (result(2.5, 1.9, 3.1), "unresolved"),
        (result(None), "not measured"),
        (Result("row", "GiB", must=2, value=1.9, at_most=True), "must"),
        (Result("row", "s", must=60, aim=20, value=20, at_most=True), "aim"),
        (Result("row", "s", must=60, aim=20, value=61, at_most=True), "no"),
    ],
)
def test_verdicts(row: Result, verdict: str) -> None:
    assert row.verdict == verdict


def test_work_shared_between_threads_is_counted_whole(threads_are) -> None:
    def query() -> float:
        work = query_of("uncertain_gcn", 1100)
        with Counting() as counting:
            work()
        return counting.operations

    threads_are(2)
    shared = query()
    assert torch.get_num_threads() == 2
    threads_are(1)
    assert shared == query() > 0


def test_operations_and_bytes_of_a_product_a_sum_and_a_view() -> None:
    a, b = torch.ones(3, 5), torch.ones(5, 7)
    with Counting() as counting:
        product = a @ b
    assert counting.operations == 2 * 3 * 5 * 7
    assert counting.bytes == 4 * (15 + 35 + 21)
    with Counting() as counting:
        torch.ones(3, 7).addmm_(a, b)
    assert counting.operations == 2 * 3 * 5 * 7
    with Counting() as counting:
        product.T.reshape(7, 3)[0]
    assert counting.operations == counting.bytes == 0
    with Counting() as counting:
        _ = product + 1
    assert counting.bytes == 4 * 42
    with Counting() as counting:
        _ = product[torch.tensor([2, 0])]
    assert counting.bytes == 4 * (14 + 14) + 8 * 2


def test_sides_take_turns_and_parts_are_scaled() -> None:
    order: list[str] = []

    def side(name: str, seconds: float) -> Part:
        return Part(lambda: (order.append(name), time.sleep(seconds))[0], scale=2)

    workload = Workload([side("a", 0.03)], [Ours("row", 1, 2, [side("b", 0.01)])], lambda: "equal")
    (row,) = compare(workload, Settings(rounds=3))
    assert order[:2] == ["a", "b"] and order[-6:] == ["a", "b"] * 3  # between them: the count
    assert row.reference_seconds and row.ours_seconds and row.value
    assert row.reference_seconds >= 0.06 and row.ours_seconds >= 0.02
    assert row.value > 1 and row.n == 3 and "equal" in row.note


@pytest.mark.parametrize("name", [n for n in table.COMPARED if not n.startswith("small")] + ["small_moons"])
def test_both_sides_find_the_same(name: str) -> None:
    """The checks are each workload's own: equal picks, likelihoods, perturbations."""
    for row in compare(table.COMPARED[name](TINY), Settings(rounds=1, threads=1, tiny=True)):
        assert row.value and row.value > 0
        assert row.count and row.count.operations > 0 and row.count.bytes > 0


FAKE = {
    "models/resnet.py": "ResNet18 = lambda num_classes: Linear(1, 1)\n",
    "models/query_models.py": "LossNet = VAE = Discriminator = lambda *_: Linear(1, 1)\n",
    "train_test.py": """
SEEN = []
def train_epoch(models, method, criterion, optimizers, loaders, epoch, epoch_loss):
    SEEN.extend(tuple(pictures.cuda().shape) for pictures, _ in loaders["train"])
""",
    "selection_methods.py": """
ADDENDUM, SUBSET, BATCH, EPOCHV, SEEN = 1000, 10000, 128, 100, []
def train_vaal(models, optimizers, labelled, unlabelled, cycle):
    print("unheard")
    models["vae"].cuda()
    pictures, classes, numbers = next(iter(unlabelled))
    SEEN.append((int((ADDENDUM * cycle + SUBSET) * EPOCHV / BATCH), *pictures.shape, numbers.tolist() == [*range(128)]))
""",
}


def test_released_code_runs_from_its_folder_beside_ours(tmp_path: Path, monkeypatch, capsys) -> None:
    """A folder with the names that are asked for. Of three iterations the first is taken off."""

    def forget() -> None:
        for name in ("train_test", "selection_methods", "models", "models.resnet", "models.query_models"):
            monkeypatch.delitem(sys.modules, name, raising=False)

    forget()
    (tmp_path / "models").mkdir()
    for name, text in FAKE.items():
        (tmp_path / name).write_text("from torch.nn import Linear\n" * name.startswith("models") + text)
    epoch, game = released.workloads(tmp_path, TINY)
    for part in (*epoch.reference, *game.reference):
        part.run()
    assert sys.modules["train_test"].SEEN == [(128, 3, 32, 32)] * 4
    selection = sys.modules["selection_methods"]
    assert selection.SEEN == [(3, 128, 3, 32, 32, True), (1, 128, 3, 32, 32, True)]
    assert [part.scale for part in game.reference] == [0.5, -0.5]
    assert selection.SUBSET == 10000
    assert capsys.readouterr().out == ""
    assert [side.precision for side in epoch.ours] == ["fp32", "fp32", "bf16"]
    forget()
    with pytest.raises(UserError, match=r"--released .*elsewhere: No module named"):
        released.workloads(tmp_path / "elsewhere", TINY)


def test_gpu_rows_run_without_one() -> None:
    rows = gpu.rows(TINY, torch.device("cpu"))
    assert set(rows) == set(gpu.TARGETS)
    assert all(math.isfinite(found.value) for found in rows.values())
    if not torch.cuda.is_available():
        assert {row.verdict for row in gpu.measure(TINY)} == {"not measured"}


def test_epochs_in_a_window() -> None:
    """Ends at 1, 3, 5: from 2 to 5 lies half an epoch and a whole one."""
    assert gpu._epochs_between([1.0, 3.0, 5.0], 2.0, 5.0) == 1.5


def test_equivalence_is_two_one_sided_tests() -> None:
    rng = np.random.default_rng(0)
    fp32, bf16 = rng.normal(90, 1, 40), rng.normal(90.2, 1, 40)
    row = precision.equivalence(fp32, bf16)
    assert row.value is not None
    # the farther end of the 90 % interval is the margin at which the larger p value is 5 %
    p = [
        stats.ttest_ind(bf16 + sign * row.value, fp32, equal_var=False, alternative=side).pvalue  # type: ignore[attr-defined]
        for sign, side in ((1, "greater"), (-1, "less"))
    ]
    assert max(p) == pytest.approx(0.05, abs=1e-6)


def test_picture_and_csv(tmp_path: Path) -> None:
    rows = [
        result(2.5, 2.4, 2.6, ours_seconds=0.1, count=Count(1e9, 1e8), rounds=[{"ours_seconds": 0.1}]),
        result(None, note="no CUDA device"),
    ]
    draw(rows, Ceilings({"fp32": 1e11, "bf16": 5e11}, 1e10), tmp_path / "roof.png")
    assert np.asarray(Image.open(tmp_path / "roof.png")).std() > 0
    table._write(tmp_path / "rows.csv", rows, {"torch": "x"})
    first, second = csv.DictReader((tmp_path / "rows.csv").read_text().splitlines())
    assert first["verdict"] == "must" and float(first["operations"]) == 1e9 and first["torch"] == "x"
    text = table.markdown(rows, {"torch": "x"}, "fp32 100 GFLOP/s").splitlines()
    assert "torch x · fp32 100 GFLOP/s" in text and len({line.count("|") for line in text[4:]}) == 1
    assert second["value"] == "" and second["verdict"] == "not measured"


def test_rows_are_chosen_by_how_they_begin(capsys: pytest.CaptureFixture[str]) -> None:
    assert table._chosen("vab_al, gpu") == ["vab_al_10", "vab_al_100", "gpu"]
    assert table._chosen("vab_al_10") == ["vab_al_10"]
    everything = table._chosen("")
    assert everything and "growth" in everything and "precision" not in everything
    assert table._chosen("kcentre") is None
    assert "--only kcentre: no such row; known: train" in capsys.readouterr().err
