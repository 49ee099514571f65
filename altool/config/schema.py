"""The keys of a run and their types. A YAML file or a command line that says anything else is refused.

Closed groups are typed here; strategy and model are open `_target_` nodes, checked against their own signatures (nodes.py).
What each key means stands beside its default in conf/run.yaml and in the YAML files of the groups.
"""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import II, MISSING


def choice(default: str, *options: str) -> Any:
    """A field that takes one of `options`; checked when the configuration is resolved."""
    return field(default=default, metadata={"choices": options})


@dataclass
class ImbalanceConfig:
    """`classes`, `keep`: what the rules cut and cut_others use; `first`: alternating_first; `ratio`: longtail."""

    name: str = MISSING
    rule: str = MISSING
    classes: list[int] = field(default_factory=list)
    keep: float = 1.0
    first: int = 0
    counts: list[int] = field(default_factory=list)
    ratio: float = 1.0


@dataclass
class DatasetConfig:
    """`budgets`: what budget=paper and budget=small mean here."""

    name: str = MISSING
    reader: str = MISSING
    path: str | None = None
    test: float | None = None
    val: int | str = 0
    split_seed: int = 0
    mean: list[float] | None = None
    std: list[float] | None = None
    crop_pad: int = 0
    flip: bool = False
    size: Any = None  # a number or a list of two
    rgb: bool | None = None
    background: bool | None = None
    noise: float | None = None
    budgets: dict[str, Any] = field(default_factory=dict)


@dataclass
class BudgetConfig:
    name: str = MISSING
    start: int = MISSING
    step: int = MISSING
    stages: int = MISSING
    candidates: int | str = "10x"
    start_rule: str = choice("random", "random", "balanced")


@dataclass
class LearnerConfig:
    name: str = MISSING
    backbone: str | None = None  # frozen features in the place of images
    pretrained: str | None = None  # weights that the model starts from
    model: dict[str, Any] = field(default_factory=dict)
    epochs: int = MISSING
    batch_size: int = MISSING
    optimiser: str = choice("sgd", "sgd", "adam")
    lr: float = MISSING
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = choice("step", "step", "cosine", "one_cycle", "constant")
    milestones: list[float] = field(default_factory=list)  # fractions of the epochs
    gamma: float = 0.1
    drop_last: str = choice("never", "never", "first_stage")
    init: str = choice("per_stage", "per_stage", "fixed")
    min_steps: int = 0
    eval_batch: int = 512
    threads: int = 2


@dataclass
class DiagnosticsConfig:
    arrays: bool = True
    final: bool = False
    audit: bool = False


@dataclass
class RunConfig:
    dataset: DatasetConfig = field(default_factory=DatasetConfig)
    imbalance: ImbalanceConfig = field(default_factory=ImbalanceConfig)
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    strategy: dict[str, Any] = field(default_factory=dict)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    seeds: Any = MISSING  # a number or a list of numbers; resolved to a list
    compat: str = choice("recommended", "recommended", "paper", "release2021")
    extension: str = choice("strategy", "strategy", "none", "loss_prediction")
    device: str = "auto"
    threads: int = II("learner.threads")
    precision: str = choice("auto", "auto", "fp32", "bf16")
    deterministic: bool = False
    cuda_graphs: bool = True
    seeds_at_once: int = 1
    data_root: str | None = None
    outputs: str = "outputs"
    download: bool = False
    memory_gib: float = 4.0
    on_corrupt: str = choice("stop", "stop", "skip")
    verify: bool = False
    trace: Any = False  # false, true or last
    profile: bool = False
    diagnostics: DiagnosticsConfig = field(default_factory=DiagnosticsConfig)
    rerun: bool = False
    allow_platform_change: bool = False
    cache_mib: float = 2048.0
    trackers: Any = field(default_factory=list)  # a name or a list of names; resolved to a list
    runs_per_gpu: int = 1
    fail_fast: bool = False
    progress: str = choice("auto", "auto", "live", "plain", "quiet")
    reproduce: dict[str, Any] = field(default_factory=dict)  # of an experiment: read by altool reproduce
