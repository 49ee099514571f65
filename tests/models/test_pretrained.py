"""The 7×7 stem and torchvision's weights, against torchvision."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision

from altool.core.errors import UserError
from altool.core.streams import init_scope
from altool.models.pretrained import weights_file
from altool.models.resnet import ResNet

NETS = [((2, 2, 2, 2), "resnet18"), ((3, 4, 6, 3), "resnet34")]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """hub(name) → torchvision's net of that name, whose weights lie where a download would put them."""
    torch.hub.set_dir(str(tmp_path))

    def make(name: str) -> Any:
        with init_scope(1, "theirs"):
            theirs = getattr(torchvision.models, name)().eval()
            for module in theirs.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.running_mean = torch.linspace(-1, 1, module.num_features)
                    module.running_var = torch.linspace(0.5, 2, module.num_features)
        path = tmp_path / "checkpoints" / "weights.pth"
        path.parent.mkdir(exist_ok=True)
        torch.save(theirs.state_dict(), path)
        sha = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        path.rename(path.with_name(f"{name}-{sha}.pth"))
        url = f"https://example.org/{name}-{sha}.pth"
        monkeypatch.setattr("altool.models.pretrained.weights_url", lambda name: url)
        return theirs

    yield make
    torch.hub._hub_dir = None  # type: ignore[attr-defined]  # as it was: torch's own default


@pytest.mark.parametrize(("blocks", "name"), NETS)
def test_weights_are_torchvisions_with_a_new_head(hub: Any, blocks: tuple[int, ...], name: str) -> None:
    theirs = hub(name)
    with init_scope(0, "ours"):
        ours = ResNet((3, 64, 64), 7, blocks, stem="imagenet", pretrained="imagenet").eval()
    x = torch.randn((2, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        output = ours(x)
        theirs.fc = torch.nn.Identity()
        assert torch.allclose(output.embedding, theirs(x), atol=1e-4)
    assert output.logits.shape == (2, 7)
    assert [tuple(tap.shape[1:]) for tap in output.taps] == [
        (64, 16, 16),
        (128, 8, 8),
        (256, 4, 4),
        (512, 2, 2),
    ]


def test_grey_images_are_seen_as_three_equal_channels(hub: Any) -> None:
    hub("resnet18")
    nets = []
    for channels in (1, 3):
        with init_scope(0, "ours"):
            nets.append(ResNet((channels, 32, 32), 2, stem="imagenet", pretrained="imagenet").eval())
    x = torch.randn((2, 1, 32, 32), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(nets[0](x).embedding, nets[1](x.expand(-1, 3, -1, -1)).embedding, atol=1e-4)


def test_without_weights_the_command_that_fetches_them_is_told(tmp_path: Path) -> None:
    torch.hub.set_dir(str(tmp_path))
    try:
        with pytest.raises(UserError) as refused:
            ResNet((3, 32, 32), 2, stem="imagenet", pretrained="imagenet")
    finally:
        torch.hub._hub_dir = None  # type: ignore[attr-defined]
    text = str(refused.value)
    assert "torchvision.models.resnet18(weights='IMAGENET1K_V1')" in text
    assert str(tmp_path / "checkpoints" / "resnet18-f37072fd.pth") in text
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_refused(hub: Any) -> None:
    hub("resnet18")
    path = weights_file("resnet18")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match=r"\.pth is damaged"):
        ResNet((3, 32, 32), 2, stem="imagenet", pretrained="imagenet")


def test_nets_that_have_no_such_weights() -> None:
    cases: list[dict[str, Any]] = [
        {"stem": "cifar"},
        {"stem": "imagenet", "width": 32},
        {"stem": "imagenet", "blocks": (1, 1)},
    ]
    for keys in cases:
        with pytest.raises(UserError, match="type learner=resnet18_imagenet"):
            ResNet((3, 32, 32), 2, pretrained="imagenet", **keys)


def test_the_parameters_are_torchvisions() -> None:
    with torch.device("meta"):
        theirs = torchvision.models.resnet18(num_classes=102)
        ours = ResNet((3, 224, 224), 102, stem="imagenet")
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())
