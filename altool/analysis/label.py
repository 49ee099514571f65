"""Names as the papers print them, and what tells one run from another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# In the order of legends and tables: baselines first, the task-aware methods last.
METHODS = {
    "random": "Random",
    "least_confidence": "Least confidence",
    "margin": "Margin",
    "entropy": "Entropy",
    "bald": "BALD",
    "dfal": "DFAL",
    "ldr": "LDR",
    "ldr_vat": "LDR + VAT",
    "coreset": "Core-set",
    "uncertain_gcn": "UncertainGCN",
    "core_gcn": "CoreGCN",
    "vab_al": "VaB-AL",
    "learning_loss": "Learning loss",
    "learning_loss_v2": "Learning loss v2",
    "vaal": "VAAL",
    "sraal": "SRAAL",
    "vaal_learning_loss": "VAAL + learning loss",
    "ta_vaal": "TA-VAAL",
}
DATASETS = {
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "svhn": "SVHN",
    "digits": "Digits",
    "moons": "Moons",
    "circles": "Circles",
}
LEARNERS = {
    "resnet18": "ResNet-18",
    "resnet34": "ResNet-34",
    "cnn": "CNN",
    "cnn_small": "small CNN",
    "mlp": "MLP",
    "mlp_1024": "MLP, 2 × 1024",
}
POINTS = ("moons", "circles")  # P3 IV-A, P1 4.1: items that are no images
LONGEST_VALUE = 24
REPLAYED = "_replayed"  # ends the name of a strategy whose purchases `altool replay` bought again
REPLAY_KEYS = ("strategy.of", "strategy.duplicates")  # where from: the name says it


@dataclass(frozen=True)
class Variant:
    """One configuration of a panel. `overrides`: dotted keys that differ from the defaults."""

    strategy: str
    compat: str
    overrides: Mapping[str, Any]
    budget: str
    cell: str

    def own(self) -> dict[str, str]:
        """What sets the strategy apart from its defaults."""
        return {
            key.removeprefix("strategy."): _value(value)
            for key, value in sorted(self.overrides.items())
            if key.startswith("strategy.") and key not in REPLAY_KEYS
        }

    def setting(self) -> dict[str, str]:
        """What else differs from the defaults: learner, data, candidates, the compat mode."""
        setting = {
            key: _value(value)
            for key, value in sorted(self.overrides.items())
            if not key.startswith("strategy.")
        }
        return setting if self.compat in ("", "recommended") else {"compat": self.compat, **setting}


def method_name(strategy: str) -> str:
    if strategy.endswith(REPLAYED):
        return f"{method_name(strategy.removesuffix(REPLAYED))} picks"
    return METHODS.get(strategy, strategy)


def panel_title(dataset: str, imbalance: str, learner: str) -> str:
    """E.g. `CIFAR-10, step100, ResNet-18`."""
    parts = [DATASETS.get(dataset, dataset), imbalance, LEARNERS.get(learner, learner)]
    return ", ".join(part for part in parts if part and part != "none")


def items_name(dataset: str) -> str:
    return "points" if dataset.startswith(POINTS) else "images"


def sort_key(strategy: str) -> tuple[int, str]:
    names = list(METHODS)
    return (names.index(strategy) if strategy in METHODS else len(names), strategy)


def labels(variants: Sequence[Variant]) -> tuple[list[str], str]:
    """A label for each variant, all distinct, and a note of the settings that they share.

    A strategy's own options stand in its label always; of the rest only what tells it apart, then
    the budget, then the cell's folder where nothing else does.
    """
    settings = [variant.setting() for variant in variants]
    shared = dict(set.intersection(*(set(s.items()) for s in settings))) if settings else {}
    extras = [
        [_text(variant.own()), _text({k: v for k, v in setting.items() if k not in shared})]
        for variant, setting in zip(variants, settings, strict=True)
    ]
    for more in ("budget", "cell"):
        texts = [_label(variant, extra) for variant, extra in zip(variants, extras, strict=True)]
        for variant, extra, text in zip(variants, extras, texts, strict=True):
            if texts.count(text) > 1:
                extra.append(getattr(variant, more))
    texts = [_label(variant, extra) for variant, extra in zip(variants, extras, strict=True)]
    return texts, _text(dict(sorted(shared.items())))


def _label(variant: Variant, extra: Sequence[str]) -> str:
    name = method_name(variant.strategy)
    said = ", ".join(text for text in extra if text)
    return f"{name} ({said})" if said else name


def _text(pairs: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in pairs.items())


def _value(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST_VALUE else f"…{text[1 - LONGEST_VALUE :]}"
