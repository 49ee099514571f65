"""The CIFAR ResNets against torchvision's with the same stem, and the counts of facts.md 1.1.1."""

import pytest
import torch
import torchvision
from torch import nn

from altool.core.errors import UserError
from altool.core.streams import init_scope
from altool.models.resnet import ResNet

SIZES = [(8, 8), (16, 16), (28, 28), (32, 32), (64, 64), (33, 17), (1, 5)]


def torchvision_twin(model: ResNet, name: str, n_classes: int) -> nn.Module:
    """torchvision's ResNet with the CIFAR stem and the weights of `model`, taken over in order."""
    twin = getattr(torchvision.models, name)(num_classes=n_classes)
    twin.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    twin.maxpool = nn.Identity()
    theirs, mine = twin.state_dict(), model.state_dict()
    twin.load_state_dict(dict(zip(theirs, mine.values(), strict=True)))
    return twin.eval()


@pytest.mark.parametrize(
    ("shape", "n_classes", "expected"),
    [((3, 32, 32), 10, 11_173_962), ((3, 32, 32), 100, 11_220_132), ((1, 28, 28), 10, 11_172_810)],
)
def test_parameter_counts_are_the_released_codes(n_parameters, shape, n_classes, expected):
    with torch.device("meta"):
        assert n_parameters(ResNet(shape, n_classes)) == expected


@pytest.mark.parametrize(
    ("blocks", "name", "n_classes"), [((2, 2, 2, 2), "resnet18", 10), ((3, 4, 6, 3), "resnet34", 7)]
)
def test_logits_embedding_and_taps_equal_torchvisions(blocks, name, n_classes):
    with init_scope(0, "resnet"):
        model = ResNet((3, 32, 32), n_classes, blocks).eval()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):  # otherwise swapped norms would go unseen
                nn.init.uniform_(module.weight, 0.5, 1.0)
                nn.init.uniform_(module.running_mean, -0.1, 0.1)  # type: ignore[arg-type]
        twin = torchvision_twin(model, name, n_classes)
    seen: list[torch.Tensor] = []
    for part in ("layer1", "layer2", "layer3", "layer4", "avgpool"):
        getattr(twin, part).register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    images = torch.randn((2, 3, 32, 32), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        output, logits = model(images), twin(images)
    torch.testing.assert_close(output.logits, logits)
    *taps, embedding = seen
    torch.testing.assert_close(output.embedding, embedding.flatten(1))
    assert len(output.taps) == 4
    for mine, theirs in zip(output.taps, taps, strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_any_image_size_and_channel_count(height, width):
    model = ResNet((2, height, width), 5, width=4).eval()
    output = model(torch.zeros(3, 2, height, width))
    assert output.logits.shape == (3, 5) and output.embedding.shape == (3, model.embedding_width) == (3, 32)
    assert tuple(tap.shape[1] for tap in output.taps) == model.tap_channels == (4, 8, 16, 32)
    halved = [(-(-height // 2**i), -(-width // 2**i)) for i in range(4)]
    assert [tuple(tap.shape[2:]) for tap in output.taps] == halved


def test_the_head_reads_the_embedding():
    model = ResNet((1, 8, 8), 3, width=4).eval()
    output = model(torch.rand((4, 1, 8, 8), generator=torch.Generator().manual_seed(0)))
    by_hand = output.embedding @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(output.logits, by_hand)
    torch.testing.assert_close(output.embedding, output.taps[-1].flatten(2).mean(2))


def test_points_are_refused_with_the_learner_to_take():
    with pytest.raises(UserError, match=r"2 numbers: type learner=mlp"):
        ResNet((2,), 2)
