"""From a typed configuration to a cell: everything one run needs, built and checked before any data is opened."""

import dataclasses
import inspect
import os
import re
from collections.abc import Callable
from operator import methodcaller
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from altool.config.files import options
from altool.config.fingerprint import budget_of, canonical, cell_folder, identity_of, overrides
from altool.config.load import Origin
from altool.config.nodes import check_node, find_target
from altool.config.schema import DatasetConfig, ImbalanceConfig, RunConfig
from altool.core.errors import UserError
from altool.core.naming import fingerprint
from altool.data.root import default_data_root
from altool.data.spec import DatasetSpec, ImbalanceSpec
from altool.trackers.catalogue import check_installed

if TYPE_CHECKING:
    import torch

    from altool.core.strategy import Extension, Strategy
    from altool.data.reading import Reading
    from altool.data.task import Task
    from altool.engine.cell import Cell
    from altool.learners.learner import Learner


def build_cell(run: RunConfig, origin: Origin) -> "Cell":
    """The cell of `run`. Raises UserError; opens no data and writes nothing."""
    from altool.engine.cell import Cell, DiagnosticsOptions, Platform

    check_installed(run.trackers)
    strategy, learner = build_strategy(run.strategy), build_learner(run)
    check_task(run, learner, strategy)
    device = resolve_device(run.device)
    config, differing = canonical(run), overrides(run, origin)
    folder = cell_folder(run, differing)
    check_writable(folder)
    return Cell(
        identity=identity_of(run),
        load=task_loader(run, device),
        learner=learner,
        strategy=strategy,
        extend=extension_rule(run, strategy),
        budget=budget_of(run),
        seeds=tuple(run.seeds),
        folder=folder,
        outputs=Path(run.outputs),
        config=config,
        fingerprint=fingerprint(config),
        overrides=differing,
        platform=Platform(
            device, run.threads, resolve_precision(run.precision, device), run.deterministic, run.cuda_graphs
        ),
        command=origin.command,
        trace=run.trace,
        profile=run.profile,
        rerun=run.rerun,
        allow_platform_change=run.allow_platform_change,
        cache_mib=run.cache_mib,
        trackers=tuple(run.trackers),
        fail_fast=run.fail_fast,
        seeds_at_once=run.seeds_at_once,
        diagnostics=DiagnosticsOptions(**dataclasses.asdict(run.diagnostics)),
    )


def check_run(run: RunConfig) -> None:
    """Judges of `run` what needs neither the machine that it will run on nor a large dataset. Raises UserError."""
    from altool.data.embedded import EMBEDDED
    from altool.data.prepare import prepare

    check_installed(run.trackers)
    strategy, learner = build_strategy(run.strategy), build_learner(run)
    extension_rule(run, strategy)
    check_task(run, learner, strategy)
    dataset, imbalance, budget = dataset_spec(run.dataset), imbalance_spec(run.imbalance), budget_of(run)
    if dataset.reader in EMBEDDED:
        for seed in run.seeds:
            budget.check(len(prepare(dataset, imbalance, seed, "cpu").members))


def task_loader(run: RunConfig, device: "torch.device | str") -> "Callable[[int], Task]":
    """What makes the task of a seed, as the run reads it: the images, or what a frozen backbone makes of them.

    Raises UserError for a dataset or an imbalance that cannot be; opens no data before it is called.
    """
    from altool.data.features import embedded
    from altool.data.prepare import prepare

    dataset, imbalance, reading = dataset_spec(run.dataset), imbalance_spec(run.imbalance), reading_of(run)

    def load(seed: int) -> "Task":
        task = prepare(dataset, imbalance, seed, device, reading)
        return embedded(task, run.learner.backbone, reading) if run.learner.backbone else task

    return load


def reading_of(run: RunConfig) -> "Reading":
    """How the run reads its data. Raises UserError."""
    from altool.data.reading import Reading

    return Reading(
        Path(run.data_root or default_data_root()),
        *(run.download, run.memory_gib, run.on_corrupt, run.verify),  # type: ignore[arg-type]  # checked
        quiet=run.progress == "quiet",
    )


def build_strategy(node: dict[str, Any]) -> "Strategy":
    from altool.core.strategy import Strategy

    if not isinstance(node.get("name"), str):
        raise UserError("the strategy's YAML file has no `name:` line.")
    target, arguments = check_node(node, "strategy")
    strategy = target(**arguments)
    if not isinstance(strategy, Strategy):
        raise UserError(f"strategy._target_={node['_target_']} is no altool Strategy.")
    return strategy


def extension_rule(run: RunConfig, strategy: "Strategy") -> "Callable[[Strategy], Extension | None]":
    """What joins the training: the strategy's own, nothing, or a Ranker for strategies that have none of their own."""
    from altool.strategies._loss_prediction import LossPrediction

    if run.extension == "none":
        if "auxiliary" in strategy.wants:
            raise UserError(f"extension=none: strategy={run.strategy['name']} cannot do without its own.")
        return lambda strategy: None
    if run.extension == "loss_prediction":
        return lambda strategy: strategy.extension() or LossPrediction()
    return methodcaller("extension")


def build_learner(run: RunConfig) -> "Learner":
    from altool.learners.learner import Learner

    given = ("input_shape", "n_classes")
    target, arguments = check_node(run.learner.model, "learner.model", given)
    if run.learner.pretrained is not None:
        arguments |= _pretrained(run, target)
    check_backbone(run.learner.backbone)
    recipe = dataclasses.asdict(run.learner)
    name = recipe.pop("name")
    del recipe["threads"]
    apart = ("model", "backbone", "pretrained")
    numbers: dict[str, Any] = {key: value for key, value in recipe.items() if key not in apart}
    numbers["milestones"] = tuple(numbers["milestones"])
    return Learner(
        name=name,
        make_model=lambda input_shape, n_classes: target(
            input_shape=input_shape, n_classes=n_classes, **arguments
        ),
        recipe=recipe,
        dense=bool(getattr(target, "dense", False)),
        **numbers,
    )


def check_task(run: RunConfig, learner: "Learner", strategy: "Strategy") -> None:
    """Raises UserError where learner, strategy, imbalance or start rule is not for what the dataset's labels are."""
    dataset, name = f"dataset={run.dataset.name}", run.strategy["name"]
    if not dataset_spec(run.dataset).is_dense:
        if learner.dense:
            raise UserError(
                f"learner={learner.name} gives every pixel a class, but {dataset} has one label per image: type "
                "learner=resnet18."
            )
        return
    if not learner.dense:
        raise UserError(
            f"learner={learner.name} gives an image one class, but in {dataset} every pixel has one: type "
            "learner=drn_d_22."
        )
    if not strategy.dense:
        raise UserError(
            f"strategy={name} does not work where every pixel has a class, as in {dataset}: type one of "
            f"{', '.join(dense_strategies())}."
        )
    if run.imbalance.rule != "none":
        raise UserError(
            f"imbalance={run.imbalance.name} thins out images by their class; {dataset} has one per pixel."
        )
    if run.budget.start_rule != "random":
        raise UserError(
            f"budget.start_rule={run.budget.start_rule} goes by the classes of images; {dataset} has one per pixel."
        )


def dense_strategies() -> list[str]:
    """What can be chosen where every pixel has a class. Not among them: aliases, and replay, which repeats a run."""
    texts = {name: option.path.read_text(encoding="utf-8") for name, option in options("strategy").items()}
    nodes = {name: yaml.safe_load(text) for name, text in texts.items() if name != "replay"}
    return [n for n, node in nodes.items() if "_target_" in node and find_target(node, "strategy").dense]  # type: ignore[attr-defined]  # a Strategy


def _pretrained(run: RunConfig, target: Callable[..., Any]) -> dict[str, Any]:
    """The model's argument for weights that it starts from. Raises UserError for a model that takes none."""
    node = {**run.learner.model, "pretrained": run.learner.pretrained}
    if "pretrained" not in inspect.signature(target).parameters:
        raise UserError(
            f"learner.pretrained={run.learner.pretrained}: learner={run.learner.name} has no trained weights: type "
            "learner=resnet18_imagenet, resnet34_imagenet or timm."
        )
    return {"pretrained": check_node(node, "learner", ("input_shape", "n_classes"))[1]["pretrained"]}


def check_backbone(name: str | None) -> None:
    """Raises UserError for an unknown backbone, or one whose weights are missing, before any data is opened."""
    from altool.models.backbone import make_backbone

    if name is not None:
        make_backbone(name)


def dataset_spec(dataset: DatasetConfig) -> DatasetSpec:
    return DatasetSpec(**{key: value for key, value in _frozen(dataset).items() if key != "budgets"})


def imbalance_spec(imbalance: ImbalanceConfig) -> ImbalanceSpec:
    return ImbalanceSpec(**_frozen(imbalance))


def _frozen(node: Any) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in dataclasses.asdict(node).items()}


def check_writable(folder: Path, key: str = "outputs") -> None:
    """Raises UserError where `folder` could not be made; makes nothing."""
    there = folder
    while not there.exists():
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"{there} cannot be written: name another folder with {key}=…")


def check_device_name(text: str) -> None:
    """Raises UserError for a word that names no device of any machine."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", text):
        raise UserError(f"device={text}: give auto, cpu, cuda, cuda:1 or mps.")


def resolve_device(text: str) -> "torch.device":
    """auto: CUDA, else the processor; Apple's GPU only when asked for, since it has no float64, in which scores and
    metrics are computed. Raises UserError for a device that is not there."""
    import torch

    check_device_name(text)
    n_cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if text == "auto":
        text = "cuda" if n_cuda else "cpu"
    device = torch.device(text)
    if device.type == "cuda" and not n_cuda:
        raise UserError(
            f"device={text}: there is no CUDA device here: type device=cpu, or see altool doctor."
        )
    if device.type == "cuda" and (device.index or 0) >= n_cuda:
        there = f"are only cuda:0 to cuda:{n_cuda - 1}" if n_cuda > 1 else "is only cuda:0"
        raise UserError(f"device={text}: there {there} here.")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UserError("device=mps: there is no Apple GPU here: type device=cpu.")
    return device


def resolve_precision(text: str, device: "torch.device") -> str:
    if text == "auto":
        return "bf16" if device.type == "cuda" else "fp32"
    return text
