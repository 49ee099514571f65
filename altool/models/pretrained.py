"""Weights learnt on ImageNet, from the files that torchvision keeps. Never downloaded here: the person is told how."""

import hashlib
import re
from pathlib import Path

import torch
from torch import Tensor

from altool.core.errors import UserError

MADE_FOR: dict[tuple[int, ...], str] = {(2, 2, 2, 2): "resnet18", (3, 4, 6, 3): "resnet34"}
WEIGHTS = "IMAGENET1K_V1"


def weights_url(name: str) -> str:
    from torchvision.models import get_model_weights

    return get_model_weights(name)[WEIGHTS].url  # pyright: ignore[reportIndexIssue]  an enum's class


def weights_file(name: str) -> Path:
    """Where torch keeps the weights of `name` once they were downloaded."""
    return Path(torch.hub.get_dir()) / "checkpoints" / weights_url(name).rpartition("/")[2]


def imagenet_state(blocks: tuple[int, ...], width: int, stem: str, c_image: int) -> dict[str, Tensor]:
    """torchvision's weights under the names of `models.resnet`, without the head. Raises UserError where there are none for
    such a net, or their file is missing or damaged."""
    name = MADE_FOR.get(blocks) if width == 64 and stem == "imagenet" else None
    if name is None:
        raise UserError(
            "learner.pretrained=imagenet: there are no such weights for this net: type learner=resnet18_imagenet or "
            "learner=resnet34_imagenet."
        )
    if c_image not in (1, 3):
        raise UserError(f"learner.pretrained=imagenet takes grey or RGB images, not {c_image} channels.")
    state = {_ours(key): value for key, value in _load(name).items() if not key.startswith("fc.")}
    if c_image == 1:
        state["conv1.weight"] = state["conv1.weight"].sum(1, keepdim=True)
    return state


def _load(name: str) -> dict[str, Tensor]:
    path = weights_file(name)
    if not path.is_file():
        raise UserError(
            f"the ImageNet weights of {name} are not on this machine, and altool downloads nothing unasked. Once, type:\n"
            f"  python -c \"import torchvision; torchvision.models.{name}(weights='{WEIGHTS}')\"\n"
            f"or put {weights_url(name)} at {path}"
        )
    expected = path.stem.rpartition("-")[2]  # the name ends with the first digits of the file's SHA-256
    if not hashlib.sha256(path.read_bytes()).hexdigest().startswith(expected):
        raise UserError(f"{path} is damaged: delete it and download it again.")
    return torch.load(path, map_location="cpu", weights_only=True)


def _ours(key: str) -> str:
    """layer2.0.downsample.1.weight → stages.1.0.shortcut.1.weight"""
    key = re.sub(r"^layer(\d)", lambda match: f"stages.{int(match[1]) - 1}", key)
    return key.replace(".downsample.", ".shortcut.")
