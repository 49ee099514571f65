"""VAE and discriminator: counts and layers of facts.md 1.1.1, where the rank goes in, and how weights begin."""

import math

import pytest
import torch
from scipy import stats
from torch import nn

from altool.core.streams import init_scope
from altool.models.discriminator import Discriminator
from altool.models.vae import VAE


def test_vae_parameter_counts_are_the_released_codes(n_parameters):
    with torch.device("meta"):
        assert n_parameters(VAE((3, 32, 32), 32, ranked=True)) == 22_851_523
        assert n_parameters(VAE((1, 28, 28), 28, ranked=True)) == 15_408_825
        one_column = 1024 * 4 * 4  # what the rank adds to the decoder's first layer
        assert n_parameters(VAE((3, 32, 32), 32)) == 22_851_523 - one_column


@pytest.mark.parametrize(("latent", "expected"), [(32, 280_577), (28, 278_529)])
def test_discriminator_parameter_counts_are_the_released_codes(n_parameters, latent, expected):
    with torch.device("meta"):
        assert n_parameters(Discriminator(latent, ranked=True)) == expected
        assert n_parameters(Discriminator(latent)) == expected - 512


@pytest.mark.parametrize("ranked", [False, True])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 16, 16), (1, 28, 28), (3, 32, 32), (2, 64, 64), (2,), (7,)])
def test_vae_gives_a_posterior_and_the_image_back(shape, ranked):
    vae = VAE(shape, 5, width=2, ranked=ranked).eval()
    x = torch.rand((3, *shape), generator=torch.Generator().manual_seed(0))
    posterior = vae.encode(x)
    assert posterior.mu.shape == posterior.logvar.shape == (3, 5)
    torch.testing.assert_close(vae.mean(x), posterior.mu)
    assert not torch.allclose(posterior.mu, posterior.logvar)
    assert vae.decode(posterior.mu, torch.rand(3) if ranked else None).shape == x.shape


@pytest.mark.parametrize(("shape", "maps"), [((1, 28, 28), [14, 7, 3, 2]), ((3, 32, 32), [16, 8, 4, 2])])
def test_vae_halves_and_doubles_as_the_released_code(shape, maps):
    vae = VAE(shape, 4, width=2)
    down: list[int] = []
    up: list[int] = []
    for module in vae.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda _m, _i, output: down.append(output.shape[-1]))
        if isinstance(module, nn.ConvTranspose2d):
            module.register_forward_hook(lambda _m, _i, output: up.append(output.shape[-1]))
    vae.decode(vae.mean(torch.rand(2, *shape)))
    side = shape[-1]
    assert down == maps and up == [side // 4, side // 2, side, side]


@pytest.mark.parametrize("shape", [(3, 27, 27), (3, 32, 28), (1, 200, 200)])
def test_vae_refuses_other_sizes(shape):
    with pytest.raises(ValueError, match=rf"not {shape[1]}×{shape[2]}"):
        VAE(shape, 4)


def test_the_rank_goes_last_into_decoder_and_discriminator():
    """The first layer's answer moves by the rank times the weights' last column."""
    vae, critic = VAE((2,), 3, ranked=True), Discriminator(3, ranked=True, hidden=(6,))
    code, rank = torch.rand(4, 3), torch.tensor([0.0, 1.0, -2.0, 0.5])
    for run, network in ((vae.decode, vae.decoder), (critic, critic.net)):
        first = next(m for m in network.modules() if isinstance(m, nn.Linear))
        seen: list[torch.Tensor] = []
        # cloned, since the ReLU behind works in place
        first.register_forward_hook(lambda _m, _i, output, seen=seen: seen.append(output.clone()))  # type: ignore[union-attr]
        run(code, rank)
        run(code, torch.zeros(4))
        torch.testing.assert_close(seen[0] - seen[1], rank[:, None] * first.weight[:, -1])


def test_discriminator_is_relu_layers_to_one_logit():
    critic = Discriminator(3, hidden=(6, 5))
    mu = torch.randn((4, 3), generator=torch.Generator().manual_seed(0))
    first, second, last = (m for m in critic.net if isinstance(m, nn.Linear))
    by_hand = last(second(first(mu).clamp(min=0)).clamp(min=0)).squeeze(1)
    torch.testing.assert_close(critic(mu), by_hand)
    assert critic(mu).shape == (4,)


def _is_kaiming(layer: nn.Module) -> bool:
    """Whether the weights look normal with variance 2 / fan-in and the biases are zero."""
    assert isinstance(layer, nn.Linear | nn.Conv2d)
    std = math.sqrt(2 / layer.weight[0].numel())
    p = stats.kstest(layer.weight.detach().flatten()[:5000].double().numpy() / std, "norm").pvalue
    return p > 1e-3 and (layer.bias is None or not layer.bias.any())


def test_weights_begin_as_in_the_released_code():
    """Kaiming-normal in encoder, decoder and discriminator; torch's own elsewhere: equal to plain layers that are built
    in the same order from the same stream."""
    with init_scope(0, "vae"):
        vae = VAE((3, 16, 16), 6, width=16, ranked=True)
    with init_scope(0, "vae"):
        for a, b in ((3, 16), (16, 32), (32, 64)):
            nn.Conv2d(a, b, 4, bias=False)
        nn.Linear(7, 64 * 16)
        plain = [nn.ConvTranspose2d(64, 32, 4, bias=False), nn.ConvTranspose2d(32, 16, 4, bias=False)]
        plain.append(nn.ConvTranspose2d(16, 3, 1))
        plain_mu, plain_logvar = nn.Linear(256, 6), nn.Linear(256, 6)
    transposed = [m for m in vae.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert len(transposed) == 3
    pairs = [*zip(transposed, plain, strict=True), (vae.fc_mu, plain_mu), (vae.fc_logvar, plain_logvar)]
    for mine, default in pairs:
        assert torch.equal(mine.weight, default.weight)
        assert (mine.bias is None) == (default.bias is None)
        assert mine.bias is None or torch.equal(mine.bias, default.bias)
    kaiming = [m for m in vae.encoder.modules() if isinstance(m, nn.Conv2d)]
    kaiming += [m for m in vae.decoder.modules() if isinstance(m, nn.Linear)]
    with init_scope(0, "discriminator"):
        kaiming += [m for m in Discriminator(32).modules() if isinstance(m, nn.Linear)]
    assert len(kaiming) == 3 + 1 + 3
    assert all(_is_kaiming(layer) for layer in kaiming)
    with init_scope(0, "plain"):
        assert not _is_kaiming(nn.Linear(32, 512))
