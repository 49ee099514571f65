"""The loss prediction module: count, shapes at any tap size, and its formula by hand."""

import torch

from altool.core.streams import init_scope
from altool.models.loss_net import LossNet

RESNET_TAPS = (64, 128, 256, 512)


def test_parameter_count_is_the_released_codes(n_parameters):
    with torch.device("meta"):
        assert n_parameters(LossNet(RESNET_TAPS)) == 123_905


def test_begins_as_torch_does():
    with init_scope(0, "loss_net"):
        net = LossNet((3, 4), width=5)
    with init_scope(0, "loss_net"):
        plain = [torch.nn.Linear(3, 5), torch.nn.Linear(4, 5), torch.nn.Linear(10, 1)]
    expected = torch.cat([p.flatten() for layer in plain for p in layer.parameters()])
    assert torch.equal(torch.cat([p.flatten() for p in net.parameters()]), expected)


def test_maps_of_any_size_and_vectors_by_hand():
    """Also 28×28 maps, on which the released code crashed (D18)."""
    generator = torch.Generator().manual_seed(0)
    taps = [torch.randn(shape, generator=generator) for shape in ((2, 3, 28, 28), (2, 4, 7, 3), (2, 5))]
    net = LossNet((3, 4, 5), width=6)
    state = net.state_dict()
    means = [taps[0].flatten(2).mean(2), taps[1].flatten(2).mean(2), taps[2]]
    hidden = [
        (mean @ state[f"branches.{i}.weight"].T + state[f"branches.{i}.bias"]).clamp(min=0)
        for i, mean in enumerate(means)
    ]
    by_hand = torch.cat(hidden, 1) @ state["head.weight"][0] + state["head.bias"]
    torch.testing.assert_close(net(taps), by_hand)
    assert net(taps).shape == (2,)
