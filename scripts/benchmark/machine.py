"""Where a benchmark ran, and what that machine can do at most: ceilings measured by the benchmark itself."""

import os
import platform
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmark.compared import Settings


@dataclass(frozen=True)
class Ceilings:
    """Operations per second of a large matrix product by precision, bytes per second of a copy (read and written)."""

    operations: dict[str, float]
    bytes: float

    def __str__(self) -> str:
        rates = [f"{name} {rate / 1e9:.0f} GFLOP/s" for name, rate in self.operations.items()]
        return ", ".join([*rates, f"copy {self.bytes / 1e9:.0f} GB/s"])

    def or_better(self, other: "Ceilings") -> "Ceilings":
        """The higher of each: what else the machine did only ever lowers one."""
        operations = {name: max(rate, other.operations[name]) for name, rate in self.operations.items()}
        return Ceilings(operations, max(self.bytes, other.bytes))


def measure_ceilings(settings: Settings, device: str = "cpu") -> Ceilings:
    side = settings.size(8192 if device != "cpu" else 2048, 64)
    operations = {}
    for name, kind in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        a, b = (torch.randn(side, side, device=device).to(kind) for _ in range(2))
        operations[name] = 2 * side**3 / _best(lambda a=a, b=b: a @ b, device)
    source = torch.ones(settings.size(2**26, 2**10), device=device)
    target = torch.empty_like(source)
    return Ceilings(
        operations, 2 * source.numel() * source.element_size() / _best(lambda: target.copy_(source), device)
    )


def _best(run: Callable[[], object], device: str) -> float:
    seconds = []
    for _ in range(6):
        begun = time.perf_counter()
        run()
        if device != "cpu":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - begun)
    return min(seconds[1:])


def header(settings: Settings) -> dict[str, str]:
    """What a table needs beside it to mean anything."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no CUDA device"
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "threads": str(settings.threads),
        "torch": str(torch.__version__),
        "gpu": gpu,
        "altool": _git_version(),
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _git_version() -> str:
    asked = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        found = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        found = ""
    return found or "unknown"
