"""One GPU per worker: claimed on a machine of pretended GPUs by real processes."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from altool.core import gpus

CLAIM = """
import os, sys
from altool.core.gpus import claim_gpu, visible_gpus
names = visible_gpus()
name = claim_gpu(names, int(sys.argv[1]), lambda text: print(text, flush=True))
assert claim_gpu(names, 1, print) == name  # the same for the life of a worker
assert "torch" not in sys.modules
print("has", os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def start(tmp_path: Path):
    """Starts workers that hold what they claimed until they are told to end; yields what they said."""
    children: list[subprocess.Popen[str]] = []

    def begin(runs_per_gpu: int, visible: str = "GPU-a,GPU-b") -> subprocess.Popen[str]:
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": visible, "TMPDIR": str(tmp_path)}
        words = [sys.executable, "-c", CLAIM, str(runs_per_gpu)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        children.append(subprocess.Popen(words, env=environment, **pipes))
        return children[-1]

    yield begin
    for child in children:
        child.kill()
        child.communicate()


def said(child: subprocess.Popen[str]) -> str:
    assert child.stdout
    return child.stdout.readline().strip()


def test_two_workers_have_a_gpu_each_and_a_third_waits_for_one(start):
    first, second = start(1), start(1)
    assert {said(first), said(second)} == {"has GPU-a", "has GPU-b"}
    third = start(1)
    assert said(third).startswith("waiting for a GPU: 2 × runs_per_gpu=1 are at work already")
    first.kill()  # kill -9: its lock stays, and counts for nothing
    first.wait()
    assert said(third).startswith("has GPU-")


def test_several_small_runs_share_a_gpu_evenly(start):
    children = [start(2) for _ in range(4)]
    assert Counter(map(said, children)) == {"has GPU-a": 2, "has GPU-b": 2}


def test_what_is_visible(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, GPU-c")
    assert gpus.visible_gpus() == ["2", "GPU-c"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus.visible_gpus() == []
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    tool = "0, GPU-aa-1\n1, GPU-bb-2\n"
    monkeypatch.setattr(gpus.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, tool))
    assert gpus.visible_gpus() == ["GPU-aa-1", "GPU-bb-2"]


def test_a_gpu_has_one_lock_by_whatever_name(monkeypatch, tmp_path):
    """CUDA_VISIBLE_DEVICES=1 and the UUID of the second GPU are one device."""
    monkeypatch.setattr(gpus, "_uuids", lambda: {"0": "GPU-aa", "1": "GPU-bb"})
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(gpus, "_claimed", None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert gpus.claim_gpu(["1"], 1, print) == "1"
    assert [path.name for path in tmp_path.glob("*/*")] == ["GPU-bb.0"]
    assert gpus._claimed is not None
    gpus._claimed.release()
    assert list(tmp_path.glob("*/*")) == []
