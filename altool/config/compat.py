"""`compat=paper` sets every option as its paper prints it; `compat=release2021` as the released TA-VAAL and VaB-AL code
runs, warts included. What the person types still wins. The rows cite facts.md; `docs/methods.md` explains them.
"""

from collections.abc import Callable, Iterable
from typing import Any

from altool.core.errors import UserError

Plain = dict[str, Any]
MODES = ("recommended", "paper", "release2021")

P1 = (
    "random",
    "coreset",
    "bald",
    "learning_loss",
    "learning_loss_v2",
    "vaal",
    "vaal_learning_loss",
    "ta_vaal",
)
P2 = ("vab_al",)
P3 = ("ldr", "ldr_vat", "dfal", "entropy")
RELEASED = ("random", "coreset", "learning_loss", "ta_vaal", "core_gcn", "uncertain_gcn", "vab_al")

CIFAR10_MEAN, CIFAR10_STD = [0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]
RELEASED_IMBALANCE = {  # even class ids keep their first 50 images (D2)
    "name": "release2021",
    "rule": "alternating_first",
    "classes": [],
    "keep": 1.0,
    "first": 50,
    "counts": [],
    "ratio": 1.0,
}


def apply_compat(plain: Plain, typed: Iterable[str]) -> None:
    """Sets what `plain["compat"]` says in a resolved configuration, except under the keys that were typed.

    Raises UserError when the strategy has no paper, or is not in the release.
    """
    mode, name = plain["compat"], plain["strategy"]["name"]
    if mode == "recommended":
        return
    has = {"paper": (*P1, *P2, *P3), "release2021": RELEASED}[mode]
    if name not in has:
        raise UserError(f"compat={mode}: not for strategy={name}; it is for {', '.join(sorted(has))}.")
    typed = set(typed)
    rules = PAPER if mode == "paper" else RELEASE
    for applies, settings in rules:
        if not applies(plain):
            continue
        for key, value in settings.items():
            group = key.split(".")[0]
            if key not in typed and not (key == "imbalance" and group in typed):
                _set(plain, key, value)


def _set(plain: Plain, key: str, value: Any) -> None:
    *path, last = key.split(".")
    for part in path:
        plain = plain[part]
    plain[last] = value


def _strategy(*names: str) -> Callable[[Plain], bool]:
    return lambda plain: plain["strategy"]["name"] in names


def _resnet_of(names: tuple[str, ...]) -> Callable[[Plain], bool]:
    return lambda p: p["strategy"]["name"] in names and p["learner"]["name"].startswith("resnet")


def _cropped(names: tuple[str, ...]) -> Callable[[Plain], bool]:
    return lambda p: p["strategy"]["name"] in names and p["dataset"]["crop_pad"] > 0


def _reads(names: tuple[str, ...], *readers: str) -> Callable[[Plain], bool]:
    return lambda p: p["strategy"]["name"] in names and p["dataset"]["reader"] in readers


FAMILY = (
    "random",
    "coreset",
    "learning_loss",
    "ta_vaal",
    "core_gcn",
    "uncertain_gcn",
)  # of the TA-VAAL release

PAPER: tuple[tuple[Callable[[Plain], bool], Plain], ...] = (
    (_resnet_of(P1), {"learner.weight_decay": 0.005}),  # P0 5.3, P1 4.2 (D1)
    (_cropped(P1), {"dataset.crop_pad": 2}),  # 32 of 36×36 (D3)
    (_reads(P1, "svhn"), {"dataset.flip": True}),  # P0 5.3 (T20)
    (
        _strategy("ta_vaal", "vaal_learning_loss"),
        {
            "strategy.coupling": "joint",  # P1 Algorithm 1 (D9)
            "strategy.detach_after": None,
            "strategy.freeze_after": 0.8,  # P1 Algorithm 1 (D8)
            "strategy.discriminator_layers": 5,  # "5-layer MLP" (D11)
        },
    ),
    (
        _strategy("vab_al"),
        {
            "strategy.normalise": True,  # P2 Eq. 5 (V1)
            "strategy.likelihood": "sum",  # V2
            "strategy.mask_in_training": False,  # P2 3.3 masks at inference (facts.md 1.5.2)
        },
    ),
    (_strategy("ldr", "ldr_vat"), {"strategy.epsilon": 2.0}),  # "ξ = 2" for every dataset (L2)
    (  # P3 IV-B1: 70 for the toys
        lambda p: (
            p["strategy"]["name"] in ("ldr", "ldr_vat") and p["dataset"]["reader"] in ("moons", "circles")
        ),
        {"strategy.percentile": 70.0},
    ),
)

RELEASE: tuple[tuple[Callable[[Plain], bool], Plain], ...] = (
    (_strategy(*FAMILY), {"extension": "loss_prediction"}),  # the Ranker is trained for all methods (D13)
    (_strategy(*FAMILY), {"learner.drop_last": "first_stage"}),  # facts.md 1.1.4
    (_strategy(*FAMILY), {"budget.candidates": 10_000}),  # for every dataset (D12)
    (
        lambda p: p["strategy"]["name"] in FAMILY and p["imbalance"]["name"] == "step100",
        {"imbalance": RELEASED_IMBALANCE},
    ),
    (_reads(FAMILY, "cifar100"), {"dataset.mean": CIFAR10_MEAN, "dataset.std": CIFAR10_STD}),  # D5
    (  # ToTensor only (D6)
        _reads(FAMILY, "svhn", "fashion_mnist"),
        {"dataset.mean": None, "dataset.std": None, "dataset.crop_pad": 0, "dataset.flip": False},
    ),
    (_reads(FAMILY, "svhn"), {"dataset.mean": [0.0] * 3, "dataset.std": [1.0] * 3}),
    (_reads(FAMILY, "fashion_mnist"), {"dataset.mean": [0.0], "dataset.std": [1.0]}),
    (_strategy("random"), {"strategy.replacement": True}),  # D14
    (_strategy("learning_loss"), {"strategy.loss": "ranking"}),  # the only loss there is (D22)
    (_strategy("core_gcn"), {"strategy.space": "raw"}),  # facts.md 1.4
    (
        _strategy("ta_vaal"),
        {
            "strategy.rank": "raw",  # into the discriminator (D7)
            "strategy.shuffle": False,  # facts.md 1.1.4
            "strategy.batch_norm": "train",  # facts.md 1.1.4
            "strategy.iteration_rule": "release2021",  # facts.md 1.1.3
        },
    ),
    (
        _strategy("vab_al"),
        {
            "strategy.score_rule": "release2021",  # loss × prior, no exp, inverted (facts.md 1.5.3)
            "strategy.prior_from": "unlabelled",  # V3
            "strategy.features": "linear_relu_norm",  # V8
            "strategy.lr": 0.01,
            "strategy.lr_drop": 0.8,  # to 0.001 at epoch 16 of 20 (facts.md 1.5.2)
        },
    ),
)
