"""`altool doctor`: one line on each thing that a run needs: is it there, and if not, what to do."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from altool.core.errors import EXIT_DONE, EXIT_FAILED
from altool.core.machine import usable_cores

ENOUGH_DISK_GB = 5


@dataclass(frozen=True)
class Finding:
    """`state`: ok, note (works, but worth knowing) or problem."""

    state: str
    text: str


def main(parsed: argparse.Namespace) -> int:
    found = [*_software(), *_devices(), *_data(), *_outputs(parsed.outputs), *_threads()]
    for finding in found:
        print(f"{finding.state:<9}{finding.text}")
    return EXIT_FAILED if any(finding.state == "problem" for finding in found) else EXIT_DONE


def _software() -> Iterator[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    fits = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Finding(
        "ok" if fits else "problem",
        f"Python {python}" + ("" if fits else ": take 3.11, 3.12 or 3.13"),
    )
    for package in ("altool", "hydra-core", "omegaconf", "torch", "torchvision"):
        try:
            yield Finding("ok", f"{package} {version(package)}")
        except PackageNotFoundError:
            state = "note" if package == "altool" else "problem"
            yield Finding(state, f"{package} is not installed: pip install {package}")
    for package, extra in (
        ("hydra-joblib-launcher", "joblib"),
        ("hydra-submitit-launcher", "slurm"),
        ("hydra-ray-launcher", "ray"),
    ):
        try:
            yield Finding("ok", f"{package} {version(package)}")
        except PackageNotFoundError:
            yield Finding("note", f'no {package}; sweeps that need it: pip install "altool[{extra}]"')


def _devices() -> Iterator[Finding]:
    try:
        import torch
    except ImportError as error:
        yield Finding("problem", f"torch does not load: {error}")
        return
    if not torch.cuda.is_available():
        built = (
            f"torch is built for CUDA {torch.version.cuda}, but no GPU answers"
            if torch.version.cuda
            else "none"
        )
        yield Finding("note", f"CUDA: {built}; runs take the processor")
        return
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        free, _ = torch.cuda.mem_get_info(index)
        yield Finding(
            "ok",
            f"cuda:{index} {properties.name}, {free / 2**30:.0f} of {properties.total_memory / 2**30:.0f} GiB free",
        )


def _data() -> Iterator[Finding]:
    from altool.data.catalogue import entries
    from altool.data.root import default_data_root

    root = default_data_root()
    rows = entries(root)
    there = ", ".join(row.name for row in rows if row.present)
    missing = ", ".join(row.name for row in rows if not row.present)
    yield Finding("ok", f"data: {there} ({root})")
    if missing:
        yield Finding("note", f"data: not in {root}: {missing}; altool data get NAME fetches one")


def _outputs(outputs: Path) -> Iterator[Finding]:
    folder = outputs.absolute()
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            yield Finding("ok", f"outputs: {outputs.absolute()} can be written")
    except OSError as error:
        yield Finding(
            "problem",
            f"outputs: {folder} cannot be written ({error.strerror}): type outputs=FOLDER",
        )
        return
    free_gb = shutil.disk_usage(folder).free / 1e9
    state = "ok" if free_gb >= ENOUGH_DISK_GB else "problem"
    yield Finding(
        state,
        f"disk: {free_gb:.0f} GB free" + ("" if state == "ok" else ": make room, or type outputs=FOLDER"),
    )


def _threads() -> Iterator[Finding]:
    cores = usable_cores()
    if cores < 2:
        yield Finding(
            "note", f"threads: {cores} core for learners that use two threads: slower, the same results"
        )
    else:
        yield Finding(
            "ok", f"threads: {cores} cores; each learner fixes how many it uses; threads=… overrides"
        )
