"""A sweep by joblib whose workers are killed: python tests/cluster/processes.py

Needs altool[joblib]. One worker is killed -9 in the middle of a run, which takes the sweep down; the same command goes on,
another is killed, and `altool retry` finishes what was hit. Then the sweep gets SIGTERM, stops at a safe point, and goes on.
"""

import signal
import subprocess
from pathlib import Path

from sweeps import Sweep, altool, kill, say

LOCAL = ("hydra/launcher=local", "hydra.launcher.n_jobs=2")


def main() -> None:
    sweep = Sweep("joblib")
    undisturbed = sweep.undisturbed()
    spared: set[Path] = set()
    for _ in range(2):
        front = sweep.start(*LOCAL)
        killed, holder = sweep.victim(spared)
        say(f"kill -9 {holder.pid}: {killed.relative_to(sweep.outputs)}")
        kill(holder)
        assert front.wait() == 1
        say(f"exit code 1; altool status: {sweep.counts()}")
    done = subprocess.run(altool("retry", str(sweep.outputs)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    say("altool retry: " + done.stderr.strip().splitlines()[-1])

    front = sweep.start(*LOCAL)
    if sweep.counts() != {"done": 6}:
        sweep.victim(spared)
        front.send_signal(signal.SIGTERM)
        assert front.wait() == 75
        say(f"SIGTERM, exit code 75; altool status: {sweep.counts()}")
        front = sweep.start(*LOCAL)
    assert front.wait() == 0, sweep.log.read_text()[-2000:]
    assert sweep.counts() == {"done": 6}
    sweep.same(undisturbed)


if __name__ == "__main__":
    main()
