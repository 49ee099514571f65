"""UncertainGCN's query on 11,000 nodes: the graph and 200 epochs of its network.

Reference: the adjacency formed, its columns scaled by a product with a diagonal matrix, and multiplied with the features in
every epoch (performance.md 3, items 12 and 13).
"""

from dataclasses import replace
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from altool.strategies.uncertain_gcn import UncertainGCN
from benchmark.compared import Ours, Part, Settings, Workload
from benchmark.scene import feature_context, features_of

D, EPOCHS, REFERENCE_EPOCHS = 512, 200, 2


def workload(settings: Settings) -> Workload:
    n, n_labelled = settings.size(11_000, 120), settings.size(1000, 30)
    epochs = settings.size(EPOCHS, 4)
    features = features_of(n, D)
    strategy = UncertainGCN(epochs=epochs)
    context = feature_context(features, n_labelled, strategy)
    few = n // 4
    unit_few = F.normalize(features[:few]).numpy()
    unit = F.normalize(features)
    adjacency = _adjacency_without_products(unit)

    def similarity() -> None:
        grown = unit_few @ unit_few.T
        grown += -1.0 * np.eye(few)
        grown.sum(axis=0)
        torch.tensor(grown + np.eye(few), dtype=torch.float32)

    scaled_few = np.ones((few, few), np.float32)

    def scaling() -> None:
        _ = scaled_few @ np.diag(np.full(few, 0.5, np.float32))

    def train() -> None:
        net = _Dense(D)
        optimiser = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=5e-4, foreach=False)
        for _ in range(min(REFERENCE_EPOCHS, epochs)):
            optimiser.zero_grad(set_to_none=False)
            labelled = net(unit, adjacency)
            loss = -labelled[:n_labelled].log().mean() - 1.2 * (1 - labelled[n_labelled:]).log().mean()
            loss.backward()
            optimiser.step()

    return Workload(
        reference=[
            Part(similarity, (n / few) ** 2),
            Part(scaling, (n / few) ** 3),
            Part(train, epochs / min(REFERENCE_EPOCHS, epochs)),
        ],
        ours=[
            Ours(
                f"UncertainGCN, {n:,} nodes, {precision}",
                18,
                30,
                [Part(partial(strategy.fit, replace(context, precision=precision)))],
                precision,
            )
            for precision in ("fp32", "bf16")
        ],
        note=f"reference: the graph of n/4 nodes, scaled by n² and its scaling's product by n³; "
        f"{min(REFERENCE_EPOCHS, epochs)} of {epochs} epochs on all nodes",
    )


def _adjacency_without_products(unit_N_D: Tensor) -> Tensor:
    """What the reference would have formed, off the clock."""
    adjacency = unit_N_D @ unit_N_D.T
    adjacency.diagonal().zero_()
    adjacency /= adjacency.sum(0)
    adjacency.diagonal().add_(1)
    return adjacency


class _Dense(nn.Module):
    """Two graph convolutions with the adjacency as a dense matrix."""

    def __init__(self, d: int):
        super().__init__()
        self.first, self.second = nn.Linear(d, 128), nn.Linear(128, 1)

    def forward(self, unit_N_D: Tensor, adjacency_N_N: Tensor) -> Tensor:
        hidden = F.relu(adjacency_N_N @ (unit_N_D @ self.first.weight.T) + self.first.bias)
        hidden = F.dropout(hidden, 0.3)
        return (adjacency_N_N @ (hidden @ self.second.weight.T) + self.second.bias).sigmoid().squeeze(1)
