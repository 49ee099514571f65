"""From words to a RunConfig: composed by Hydra, resolved, checked, and plain from here on."""

import dataclasses
import os
import re
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from altool.config.compat import MODES, apply_compat
from altool.config.explain import explain, explain_unresolved
from altool.config.files import conf_dir
from altool.config.schema import RunConfig
from altool.config.words import Words
from altool.core.errors import UserError, did_you_mean
from altool.data.root import default_data_root
from altool.trackers.catalogue import TRACKERS

ConfigStore.instance().store(name="run_schema", node=RunConfig)


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where a configuration came from: folders beside conf/ (--config-dir), the file that each group took, and the
    key=value words, of this cell alone where it is one of a sweep; `sweep`: what -m would sweep by itself."""

    folders: tuple[Path, ...]
    choices: Mapping[str, str]
    words: tuple[str, ...]
    sweep: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def command(self) -> str:
        """What to type for this cell alone."""
        folders = [f"--config-dir={folder}" for folder in self.folders]
        return shlex.join(["altool", "run", *folders, *self.words])


@contextmanager
def composing() -> Iterator[None]:
    """Hydra made ready to compose from conf/, also inside a task, where it is busy with the task's own."""
    outer = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with warnings.catch_warnings(), initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
            # ours stands before the plugin's of the same name; that Hydra 1.3 still merges the two does no harm
            warnings.filterwarnings("ignore", "\n'hydra/launcher/ray' is validated")
            yield
    finally:
        GlobalHydra.instance().hydra = outer


def compose_words(
    overrides: Sequence[str], folders: Sequence[Path] = (), *, with_hydra: bool = False
) -> DictConfig:
    """What Hydra makes of `overrides`. Raises Hydra's and OmegaConf's own errors; see `explain`."""
    with composing():
        return compose("run", [*overrides, *search_path(folders)], return_hydra_config=with_hydra)


def search_path(folders: Sequence[Path]) -> list[str]:
    """The word that adds `folders` to where Hydra looks for files."""
    quoted = ",".join(f'"file://{folder}"' for folder in folders)
    return [f"hydra.searchpath=[{quoted}]"] if folders else []


def load(words: Words) -> tuple[RunConfig, Origin]:
    """The run that the words mean. Raises UserError, in one line."""
    try:
        config = compose_words(words.overrides, words.config_dirs, with_hydra=True)
        hydra = config.hydra
        sweep = dict(hydra.sweeper.get("params") or {})
        origin = Origin(words.config_dirs, dict(hydra.runtime.choices), words.overrides, sweep)
        with open_dict(config):
            del config["hydra"]
        return resolve(config, origin.words), origin
    except (KeyboardInterrupt, UserError):
        raise
    except Exception as error:
        raise UserError(explain(error, words, compose_words)) from error


def run_hydra(words: Words, task: Callable[[DictConfig], None]) -> None:
    """Gives the words to Hydra, which calls `task` with every configuration that they mean."""
    import hydra

    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us as exceptions; explain.py words them
    argv = sys.argv
    # Hydra's completion script is installed for the program's name alone
    sys.argv = ["altool" if words.completing else "altool run", *words.argv]
    try:
        hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="run")(task)()
    finally:
        sys.argv = argv


def origin_of_task() -> Origin:
    """Inside a Hydra task: the origin of its configuration."""
    hydra = HydraConfig.get()
    folders = [Path(source.path) for source in hydra.runtime.config_sources if source.schema == "file"]
    ours = conf_dir().resolve()
    return Origin(
        tuple(folder for folder in folders if folder.resolve() != ours),
        dict(hydra.runtime.choices),
        tuple(hydra.overrides.task),
    )


def resolve(config: DictConfig, words: Sequence[str] = ()) -> RunConfig:
    """Plain and typed; compat applied to what no word set, paths absolute, seeds a list. Raises UserError."""
    try:
        plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise UserError(explain_unresolved(error)) from error
    assert isinstance(plain, dict)
    if plain["compat"] in MODES:  # otherwise _typed says so
        apply_compat(cast("dict[str, Any]", plain), (word.split("=", 1)[0].lstrip("+~") for word in words))
    run: RunConfig = _typed(RunConfig, plain, "")
    for group in ("dataset", "imbalance", "learner"):
        _check_name(group, getattr(run, group).name)
    _check_name("strategy", run.strategy.get("name", ""))
    run.seeds = _seeds(run.seeds)
    run.trackers = _trackers(run.trackers)
    if not isinstance(run.trace, bool) and run.trace != "last":
        raise UserError(f"trace={run.trace}: give false, true or last (the last stage alone).")
    run.outputs = str(Path(run.outputs).expanduser().absolute())
    run.data_root = str(Path(run.data_root or default_data_root()).expanduser().absolute())
    if run.dataset.path is not None:
        run.dataset.path = str(Path(run.dataset.path).expanduser().absolute())
    if run.threads < 1:
        raise UserError(f"threads={run.threads}: must be at least 1.")
    for key in ("runs_per_gpu", "seeds_at_once"):
        if getattr(run, key) < 1:
            raise UserError(f"{key}={getattr(run, key)}: must be at least 1.")
    if run.seeds_at_once > 1 and run.trackers:
        raise UserError(
            f"seeds_at_once={run.seeds_at_once}: trackers follow one seed at a time: leave out seeds_at_once or trackers."
        )
    return run


def _check_name(group: str, name: Any) -> None:
    """Names are parts of paths: letters, digits, and _ . - + inside. Raises UserError."""
    if isinstance(name, str) and name and not re.fullmatch(r"\w[\w.+-]*", name):
        raise UserError(f"{group}.name={name}: use letters, digits, _ . + and - only; it names a folder.")


def _typed(kind: Any, value: Any, at: str) -> Any:
    """`value` as an instance of the dataclass `kind`, recursively; an unknown key is an error, wherever it hid."""
    if not dataclasses.is_dataclass(kind):
        return value
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name in value:
        if name not in fields:
            raise UserError(f"{at}{name} is no key: {did_you_mean(name, fields)}")
    for name, field in fields.items():
        allowed = field.metadata.get("choices")
        if allowed and value[name] not in allowed:
            raise UserError(f"{at}{name}={value[name]}: {did_you_mean(str(value[name]), allowed)}")
    return kind(**{name: _typed(field.type, value[name], f"{at}{name}.") for name, field in fields.items()})  # type: ignore[operator]


def _trackers(value: Any) -> list[str]:
    names = value if isinstance(value, list) else [] if value is None else [value]
    for name in names:
        if name not in TRACKERS:
            raise UserError(f"trackers={name}: {did_you_mean(str(name), TRACKERS)}")
    return list(dict.fromkeys(names))


def _seeds(value: Any) -> list[int]:
    seeds = value if isinstance(value, list) else [value]
    for seed in seeds:
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise UserError(
                f"seeds={value}: seeds are whole numbers from 0 up, such as seeds=3 or seeds=[0,1,2]."
            )
    if not seeds or len(set(seeds)) != len(seeds):
        raise UserError(f"seeds={value}: give at least one seed, and each of them once.")
    return seeds
