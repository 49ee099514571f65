"""The first convolution of a small network, with a fast way back to its input on a CPU.

Perturbations (LDR, VAT, DeepFool) ask for gradients by pictures. For one to four channels oneDNN computes them at 9 of some
200 GFLOP/s; as one matrix product and k² shifted sums, in pieces that stay in the cache, they take a fifth of the time
(docs/performance.md).
"""

from typing import Any

import torch
from torch import Tensor, nn

FEW_CHANNELS = 4
PIECE_BYTES = 2**21  # of one product, which a core's cache holds


class FirstConv2d(nn.Conv2d):
    """A convolution of stride 1 that keeps height and width: (B, C, H, W) to (B, O, H, W), the same numbers as nn.Conv2d.
    Gradients by its input differ from it in rounding alone. Reverse mode, of any order; torch.func and in-place layers want
    nn.Conv2d."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int):
        super().__init__(in_channels, out_channels, kernel, padding=kernel // 2)
        self.short_way = in_channels <= FEW_CHANNELS and kernel % 2 == 1

    def forward(self, input: Tensor) -> Tensor:
        wanted = (
            input.requires_grad and input.ndim == 4 and torch.is_grad_enabled() and input.device.type == "cpu"
        )
        if not (self.short_way and wanted) or torch.is_autocast_enabled("cpu"):
            return super().forward(input)
        output: Tensor = _WayBack.apply(super().forward(input.detach()), input, self.weight)
        return output


class _WayBack(torch.autograd.Function):
    """Gives `output` as it is, whose own graph leads to weights alone, and takes gradients on to `pictures`. `weight` serves
    gradients of those gradients."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, pictures: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(weight)
        return output.view_as(output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        (by_output,), (weight,) = gradients, ctx.saved_tensors
        return by_output, by_pictures(by_output, weight), None


def by_pictures(by_output_B_O_H_W: Tensor, weight_O_C_K_K: Tensor) -> Tensor:
    """The gradient by the input of a convolution of stride 1 with padding k // 2 (k odd), from that by its output;
    (B, C, H, W) in channels-last memory."""
    outputs, channels, k, _ = weight_O_C_K_K.shape
    _, _, height, width = by_output_B_O_H_W.shape
    weight_K_O = weight_O_C_K_K.permute(2, 3, 1, 0).reshape(-1, outputs)
    item_bytes = weight_K_O.shape[0] * height * width * weight_K_O.element_size()
    pieces = []
    for piece in by_output_B_O_H_W.split(max(1, PIECE_BYTES // item_bytes)):
        rows_N_O = piece.permute(0, 2, 3, 1).reshape(-1, outputs)
        shifted = (weight_K_O @ rows_N_O.T).view(k, k, channels, len(piece), height, width)
        padded = piece.new_zeros(channels, len(piece), height + k - 1, width + k - 1)
        for dy in range(k):
            for dx in range(k):
                padded[:, :, dy : dy + height, dx : dx + width] += shifted[dy, dx]
        rim = k // 2
        pieces.append(padded[:, :, rim : rim + height, rim : rim + width].transpose(0, 1))
    return torch.cat(pieces).contiguous(memory_format=torch.channels_last)
