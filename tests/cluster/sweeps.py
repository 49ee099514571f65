"""What the scripts of this folder share: a sweep of six runs, undisturbed and disturbed, and what must be equal after.

The runs are so small that one takes seconds, and long enough to be hit in the middle.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from altool.core.lock import Holder, read_holder
from altool.core.records import is_volatile, read_rows

SWEEP = (
    "-m",
    "strategy=random,margin,entropy",
    "seeds=0,1",
    "dataset=moons",
    "budget=small",
    f"learner.epochs={os.environ.get('EPOCHS', '80')}",
    "device=cpu",
)
RUNS = 6
PATIENCE_SECONDS = 900.0
T = TypeVar("T")
BEGAN = time.monotonic()


def say(text: str) -> None:
    print(f"{time.monotonic() - BEGAN:6.1f} s  {text}", flush=True)


def altool(*words: str) -> list[str]:
    return [sys.executable, "-m", "altool", *words]


class Sweep:
    """The six runs in folders below a temporary one."""

    def __init__(self, name: str):
        self.room = Path(tempfile.mkdtemp(prefix=f"altool-{name}-"))
        self.outputs = self.room / "disturbed"
        self.log = self.room / "disturbed.log"
        say(f"everything is in {self.room}")

    def undisturbed(self) -> Path:
        """The sweep in one process, one run after another."""
        outputs = self.room / "undisturbed"
        done = subprocess.run(altool("run", *SWEEP, f"outputs={outputs}"), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        say("undisturbed sweep: " + done.stderr.strip().splitlines()[-1])
        return outputs

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        """The sweep through a launcher, in the background."""
        command = self.command(*words)
        say("started: altool " + " ".join(command[3:]))
        return subprocess.Popen(command, stdout=self.log.open("ab"), stderr=subprocess.STDOUT)

    def command(self, *words: str) -> list[str]:
        return altool("run", *SWEEP, f"outputs={self.outputs}", *words)

    def status(self) -> list[dict[str, Any]]:
        done = subprocess.run(altool("status", str(self.outputs), "--json"), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def counts(self) -> dict[str, int]:
        return dict(Counter(one["status"] for one in self.status()))

    def victim(self, spared: set[Path]) -> tuple[Path, Holder]:
        """A run in the middle of its work, and who does it; waits for one."""

        def find() -> tuple[Path, Holder] | None:
            for one in self.status():
                folder = Path(one["folder"])
                holder = read_holder(folder / "lock")
                if (
                    one["status"] == "running"
                    and one["stages_done"] in (1, 2)
                    and folder not in spared
                    and holder
                ):
                    return folder, holder
            return None

        found = wait_for(find, "a run in the middle of its work")
        spared.add(found[0])
        return found

    def same(self, undisturbed: Path) -> None:
        """Raises AssertionError unless both sweeps left the same bytes, timing columns aside."""
        ours, theirs = contents(self.outputs), contents(undisturbed)
        assert len([name for name in ours if name.endswith("stages.csv")]) == RUNS
        assert ours.keys() == theirs.keys(), sorted(ours.keys() ^ theirs.keys())
        differing = [name for name in ours if ours[name] != theirs[name]]
        assert not differing, differing
        say(f"the same bytes in {len(ours)} files of {RUNS} runs, timing columns of stages.csv aside")


def contents(outputs: Path) -> dict[str, Any]:
    """acquired.csv and diagnostics as bytes, stages.csv without the columns that may vary, by relative name."""
    found: dict[str, Any] = {}
    for path in sorted(outputs.glob("*/*/*/*/seed_*/**/*")):
        name = str(path.relative_to(outputs))
        if path.name == "stages.csv":
            found[name] = [{k: v for k, v in row.items() if not is_volatile(k)} for row in read_rows(path)]
        elif path.suffix in (".csv", ".npz"):
            found[name] = path.read_bytes()
    return found


def wait_for(find: Callable[[], T | None], what: str, seconds: float = PATIENCE_SECONDS) -> T:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = find()
        if found:
            return found
        time.sleep(0.3)
    raise AssertionError(f"waited {seconds:.0f} s for {what}")


def kill(holder: Holder) -> None:
    os.kill(holder.pid, signal.SIGKILL)
