"""A sweep on a real Slurm that everything happens to: python tests/cluster/slurm.py

Needs altool[slurm], a Slurm of one node whose commands answer here, and the right to restart its controller.
One job gets USR2 as before a time limit, one is queued again by hand, one is killed -9 and finished by `altool retry`, and
the controller is restarted meanwhile. What is left must be the bytes of an undisturbed sweep.
"""

import signal
import subprocess
import time
from pathlib import Path

from sweeps import Sweep, altool, kill, say, wait_for

SMALL = (
    "hydra/launcher=slurm",
    "hydra.launcher.cpus_per_task=1",
    "hydra.launcher.gpus_per_node=0",
    "hydra.launcher.mem_gb=2",
)


def call(*words: str) -> None:
    """Runs one of Slurm's commands; what became of it is seen in the run folders."""
    done = subprocess.run(words, capture_output=True, text=True)
    say(
        " ".join(
            [*words, *([f"(exit code {done.returncode}: {done.stderr.strip()})"] if done.returncode else [])]
        )
    )


def main() -> None:
    sweep = Sweep("slurm")
    undisturbed = sweep.undisturbed()
    front = sweep.start(*SMALL)
    spared: set[Path] = set()

    signalled, holder = sweep.victim(spared)
    call("scancel", "--signal=USR2", holder.job.split(".")[0])
    wait_for(lambda: stopped(sweep, signalled), "the signalled run to stop")
    say(f"stopped, and its job is queued again: {signalled.relative_to(sweep.outputs)}")

    requeued, holder = sweep.victim(spared)
    call("scontrol", "requeue", holder.job.split(".")[0])
    wait_for(lambda: stopped(sweep, requeued), "the requeued run to stop")
    say(f"stopped by SIGTERM: {requeued.relative_to(sweep.outputs)}")

    killed, holder = sweep.victim(spared)
    say(f"kill -9 {holder.pid}: {killed.relative_to(sweep.outputs)}")
    kill(holder)

    call("scontrol", "shutdown", "slurmctld")
    time.sleep(3)
    call("slurmctld")
    wait_for(lambda: subprocess.run(["sinfo"], capture_output=True).returncode == 0, "the controller")
    say("the controller is back")

    wait_for(lambda: sweep.counts() == {"done": 5, "stale": 1}, "five runs done and one stale")
    say(f"altool status: {sweep.counts()}")
    done = subprocess.run(altool("retry", str(sweep.outputs)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    say("altool retry: " + done.stderr.strip().splitlines()[-1])
    try:
        front.wait(60)
    except (
        subprocess.TimeoutExpired
    ):  # without accounting (sacct), submitit never hears of a job that was killed
        front.send_signal(signal.SIGTERM)
        front.wait(60)
    say(f"the sweep's own command ended with exit code {front.returncode}")
    assert sweep.counts() == {"done": 6}
    sweep.same(undisturbed)
    again = subprocess.run(sweep.command(*SMALL), capture_output=True, text=True)
    assert again.returncode == 0 and "6 done already, 0 to run" in again.stderr, again.stderr
    say("the same sweep again: " + again.stderr.strip().splitlines()[-1])


def stopped(sweep: Sweep, folder: Path) -> bool:
    return any(one["status"] == "stopped" for one in sweep.status() if Path(one["folder"]) == folder)


if __name__ == "__main__":
    main()
