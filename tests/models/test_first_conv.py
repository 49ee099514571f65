"""The first convolution's own way back against torch's."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from altool.models import first_conv
from altool.models.first_conv import FirstConv2d


def made(channels: int, outputs: int, kernel: int, dtype: torch.dtype = torch.float64) -> FirstConv2d:
    conv = FirstConv2d(channels, outputs, kernel).to(dtype)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in conv.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=dtype))
    return conv


@settings(deadline=None, max_examples=40)
@given(
    batch=st.integers(1, 5),
    channels=st.integers(1, 5),
    outputs=st.integers(1, 4),
    kernel=st.integers(1, 5),
    height=st.integers(3, 9),
    width=st.integers(3, 9),
    piece=st.sampled_from([1, 2**12, 2**21]),
    last=st.booleans(),
)
def test_gradients_are_those_of_a_plain_convolution(
    batch: int, channels: int, outputs: int, kernel: int, height: int, width: int, piece: int, last: bool
) -> None:
    conv = made(channels, outputs, kernel)
    generator = torch.Generator().manual_seed(1)
    pictures = torch.randn(batch, channels, height, width, generator=generator, dtype=torch.float64)
    if last:
        pictures = pictures.contiguous(memory_format=torch.channels_last)
    ours, plain = (pictures.clone().requires_grad_(True) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(first_conv, "PIECE_BYTES", piece)
        output = conv(ours)
        expected = F.conv2d(plain, conv.weight, conv.bias, padding=kernel // 2)
        assert torch.equal(output, expected)
        by_output = torch.randn(output.shape, generator=generator, dtype=torch.float64)
        parameters = tuple(conv.parameters())
        found = torch.autograd.grad(output, (ours, *parameters), by_output)
        wanted = torch.autograd.grad(expected, (plain, *parameters), by_output)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_derivatives_of_first_and_second_order() -> None:
    conv = made(1, 2, 3)
    pictures = torch.randn(1, 1, 3, 4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x: conv(x).tanh(), pictures)
    assert gradgradcheck(lambda x: conv(x).tanh(), pictures)


def test_a_penalty_on_gradients_reaches_the_weights() -> None:
    conv = made(1, 2, 3)
    pictures = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found = []
    for forward in (conv, lambda x: F.conv2d(x, conv.weight, conv.bias, padding=1)):
        x = pictures.clone().requires_grad_(True)
        (by_x,) = torch.autograd.grad(F.softplus(forward(x)).sum(), x, create_graph=True)
        found.append(torch.autograd.grad(by_x.square().sum(), (x, *conv.parameters())))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_the_short_way_is_taken_for_pictures_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    plain = first_conv.by_pictures
    monkeypatch.setattr(first_conv, "by_pictures", lambda *given: taken.append(1) or plain(*given))
    conv, pictures = made(1, 3, 3, torch.float32), torch.ones(2, 1, 6, 6)
    conv(pictures).sum().backward()  # as in training
    assert not taken and conv.weight.grad is not None
    with torch.no_grad():
        assert torch.equal(conv(pictures.requires_grad_(True)), conv(pictures.detach()))
    conv(pictures).sum().backward()
    assert taken == [1] and pictures.grad is not None
    with torch.autocast("cpu", torch.bfloat16):
        assert conv(pictures).dtype == torch.bfloat16
