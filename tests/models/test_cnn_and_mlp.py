"""The small task models: shapes, taps, and forward passes written out by hand."""

import pytest
import torch
import torch.nn.functional as F

from altool.core.errors import UserError
from altool.models.cnn import CNN
from altool.models.mlp import MLP


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("height", "width"), [(4, 4), (8, 8), (16, 16), (28, 28), (32, 32), (64, 64), (13, 30)]
)
@pytest.mark.parametrize("kernel", [3, 5])
def test_cnn_shapes(height, width, kernel):
    model = CNN((2, height, width), 7, channels=(3, 5), kernel=kernel, hidden=6).eval()
    output = model(noise(4, 2, height, width))
    assert output.logits.shape == (4, 7) and output.embedding.shape == (4, 6) and model.embedding_width == 6
    assert model.tap_channels == (3, 5, 6)
    assert [tuple(tap.shape[1:]) for tap in output.taps] == [
        (3, height // 2, width // 2),
        (5, height // 4, width // 4),
        (6,),
    ]


def test_cnn_is_two_convolutions_with_leaky_relu_and_pooling():
    model = CNN((1, 8, 8), 3, channels=(2, 4), hidden=5, slope=0.2).eval()
    images = noise(2, 1, 8, 8)
    state = model.state_dict()
    x = images
    for i in range(2):
        x = F.conv2d(x, state[f"convs.{i}.weight"], state[f"convs.{i}.bias"], padding=2)
        x = torch.where(x > 0, x, 0.2 * x)
        x = x.unfold(2, 2, 2).unfold(3, 2, 2).amax((-1, -2))
    x = x.reshape(2, -1) @ state["hidden.weight"].T + state["hidden.bias"]
    x = torch.where(x > 0, x, 0.2 * x)
    torch.testing.assert_close(model(images).embedding, x)
    torch.testing.assert_close(model(images).logits, x @ state["head.weight"].T + state["head.bias"])


@pytest.mark.parametrize("shape", [(1, 3, 3), (3, 3, 32), (3, 32, 2)])
def test_cnn_says_when_images_are_too_small(shape):
    with pytest.raises(UserError, match=rf"{shape[1]}×{shape[2]} pixels are too small for 2 poolings"):
        CNN(shape, 2)


def test_cnn_refuses_points_with_the_learner_to_take():
    with pytest.raises(UserError, match=r"4 numbers: type learner=mlp"):
        CNN((4,), 2)


@pytest.mark.parametrize(("shape", "n_features"), [((2,), 2), ((1, 8, 8), 64), ((3, 5, 7), 105)])
def test_mlp_takes_points_and_images(n_parameters, shape, n_features):
    model = MLP(shape, 4, hidden=(6, 5)).eval()
    output = model(noise(3, *shape))
    assert n_parameters(model) == n_features * 6 + 6 + 6 * 5 + 5 + 5 * 4 + 4
    assert output.logits.shape == (3, 4) and output.embedding.shape == (3, model.embedding_width) == (3, 5)
    assert tuple(tap.shape[1] for tap in output.taps) == model.tap_channels == (6, 5)


def test_mlp_is_relu_layers_and_a_linear_head():
    model = MLP((3,), 2, hidden=(8, 4)).eval()
    points = noise(5, 3)
    state = model.state_dict()
    first = (points @ state["layers.0.weight"].T + state["layers.0.bias"]).clamp(min=0)
    second = (first @ state["layers.1.weight"].T + state["layers.1.bias"]).clamp(min=0)
    output = model(points)
    torch.testing.assert_close(output.taps[0], first)
    torch.testing.assert_close(output.embedding, second)
    torch.testing.assert_close(output.logits, second @ state["head.weight"].T + state["head.bias"])
