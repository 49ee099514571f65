"""A sweep on a Ray cluster of two nodes, a worker of which is killed: python tests/cluster/ray_nodes.py

Needs altool[ray]. Ray starts the killed worker's cell again by itself (max_retries), and its run goes on. Then a whole node
is taken away, and what ran there goes on elsewhere.
"""

import os
from pathlib import Path

from sweeps import RUNS, Sweep, kill, say

ON_RAY = (
    "hydra/launcher=ray",
    "hydra.launcher.ray.init.address=auto",
    "hydra.launcher.ray.remote.num_cpus=1",
)


def main() -> None:
    from ray.cluster_utils import Cluster  # pyright: ignore[reportMissingImports]

    sweep = Sweep("ray")
    undisturbed = sweep.undisturbed()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    os.environ["RAY_ADDRESS"] = cluster.address
    say(f"a Ray cluster of {len(cluster.list_all_nodes())} nodes")
    try:
        front = sweep.start(*ON_RAY)
        spared: set[Path] = set()
        killed, holder = sweep.victim(spared)
        say(f"kill -9 {holder.pid}: {killed.relative_to(sweep.outputs)}")
        kill(holder)
        sweep.victim(spared)
        say("taking the second node away")
        cluster.remove_node(second, allow_graceful=False)
        code = front.wait()
        say(f"exit code {code}; altool status: {sweep.counts()}")
        assert code == 0, sweep.log.read_text()[-3000:]
        assert sweep.counts() == {"done": RUNS}
        sweep.same(undisturbed)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
