"""DRN-D-22 against facts.md 1.7 and against layers put together by hand."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from altool.core.maps import IGNORED
from altool.models.drn import DRN
from altool.models.output import item_losses

NARROW = {"stem": (16, 16, 16), "channels": (16, 32, 32, 64), "blocks": (1, 2, 2, 1)}
HEAD = 512 * 19 + 19


def test_the_parameter_count_is_the_published_one(n_parameters):
    """15.9 million without the classifier of ImageNet, of whose 1000 × 512 + 1000 the README's 16.4 million tell."""
    with torch.device("meta"):
        body = n_parameters(DRN((3, 512, 1024), 19)) - HEAD
    assert round(body / 1e6, 1) == 15.9
    assert round((body + 513_000) / 1e6, 1) == 16.4


def test_operations_are_those_of_facts_md_7():
    """34 GFLOP for 256×256, two for a multiplication and addition."""
    flops = 0

    def count(layer: nn.Conv2d, _inputs: object, out: torch.Tensor) -> None:
        nonlocal flops
        flops += 2 * out.numel() * layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1]

    with torch.device("meta"):
        model = DRN((3, 256, 256), 19).eval()
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d):
                layer.register_forward_hook(count)  # type: ignore[arg-type]
        model(torch.zeros(1, 3, 256, 256))
    assert round(flops / 1e9) == 34


@pytest.mark.parametrize(("height", "width"), [(64, 128), (32, 64), (41, 23)])
def test_the_map_is_an_eighth_of_the_image_and_its_logits_are_as_large(height: int, width: int):
    model = DRN((3, height, width), 5, **NARROW).eval()
    output = model(torch.zeros(2, 3, height, width))
    assert output.logits.shape == (2, 5, height, width)
    assert output.embedding.shape == (2, 64) and model.embedding_width == 64
    sides = [tuple(tap.shape[2:]) for tap in output.taps]
    eighth, quarter = (-(-height // 8), -(-width // 8)), (-(-height // 4), -(-width // 4))
    assert sides == [quarter, eighth, eighth, eighth]
    assert tuple(tap.shape[1] for tap in output.taps) == model.tap_channels == NARROW["channels"]


def test_strides_and_dilations_are_layer_by_layer_those_of_the_paper():
    with torch.device("meta"):
        model = DRN((3, 64, 64), 19)
    found = [
        (layer.out_channels, layer.stride[0], layer.dilation[0])
        for layer in model.modules()
        if isinstance(layer, nn.Conv2d) and layer.kernel_size[0] > 1
    ]
    assert found == [
        *[(16, 1, 1), (16, 1, 1), (32, 2, 1)],
        *[(64, 2, 1), (64, 1, 1), (64, 1, 1), (64, 1, 1)],
        *[(128, 2, 1), (128, 1, 1), (128, 1, 1), (128, 1, 1)],
        *[(256, 1, 1), (256, 1, 2), (256, 1, 2), (256, 1, 2)],
        *[(512, 1, 2), (512, 1, 4), (512, 1, 4), (512, 1, 4)],
        *[(512, 1, 2), (512, 1, 1)],
    ]


def test_the_head_reads_the_last_map_of_which_the_embedding_is_the_average():
    model = DRN((3, 16, 24), 3, **NARROW).eval()
    images = torch.rand((2, 3, 16, 24), generator=torch.Generator().manual_seed(0))
    output = model(images)
    last = model.smoothing(output.taps[-1])
    torch.testing.assert_close(output.embedding, last.flatten(2).mean(2))
    weight, bias = (p.detach() for p in model.head.parameters())
    by_hand = torch.einsum("bdhw,cd->bchw", last, weight[:, :, 0, 0]) + bias[:, None, None]
    torch.testing.assert_close(output.logits, F.interpolate(by_hand, (16, 24), mode="bilinear"))


def test_logits_are_those_of_the_fixed_transposed_convolution_but_for_the_rim():
    """facts.md 1.7: kernel 16, stride 8, padding 4, bilinear weights, a group a class."""
    coarse = torch.randn((2, 3, 6, 9), generator=torch.Generator().manual_seed(0))
    tent = 1 - (torch.arange(16) / 8 - 15 / 16).abs()
    kernel = (tent[:, None] * tent).expand(3, 1, 16, 16)
    theirs = F.conv_transpose2d(coarse, kernel, stride=8, padding=4, groups=3)
    ours = F.interpolate(coarse, (48, 72), mode="bilinear")
    torch.testing.assert_close(ours[..., 4:-4, 4:-4], theirs[..., 4:-4, 4:-4])


def test_the_loss_of_an_image_is_the_mean_over_its_valid_pixels():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn((3, 4, 2, 5), generator=generator).double()
    maps = torch.randint(0, 4, (3, 2, 5), generator=generator)
    maps[0, :, 1:4] = IGNORED
    maps[2] = IGNORED
    log_probs = logits.log_softmax(1)
    for i, found in enumerate(item_losses(logits, maps)):
        pixels = [(y, x) for y in range(2) for x in range(5) if maps[i, y, x] != IGNORED]
        each = [-log_probs[i, int(maps[i, y, x]), y, x].item() for y, x in pixels]
        assert found.item() == pytest.approx(sum(each) / len(each) if each else 0.0)
