"""timm's models as task models; run where the extra is installed."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from altool.core.errors import UserError
from altool.core.streams import init_scope
from altool.models.timm_model import TimmModel


def test_without_timm_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UserError, match=r'pip install "altool\[timm\]"'):
        TimmModel((3, 32, 32), 2, "resnet10t")


@pytest.mark.parametrize(
    ("name", "shape"),
    [("resnet10t", (1, 28, 28)), ("vit_tiny_patch16_224", (3, 64, 64)), ("convnext_atto", (3, 64, 64))],
)
def test_logits_are_timms_own(name: str, shape: tuple[int, ...]) -> None:
    pytest.importorskip("timm")
    with init_scope(0, "timm"):
        model = TimmModel(shape, 7, name).eval()
    x = torch.randn((2, *shape), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        output = model(x)
        assert torch.allclose(output.logits, model.net(x), atol=1e-5)
    assert output.embedding.shape == (2, model.embedding_width)
    assert model.tap_channels == (model.embedding_width,)


def test_mistakes_and_missing_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("timm")
    cases: dict[str, dict[str, Any]] = {
        "did you mean": {"architecture": "resnet10x"},
        "needs the name of a model": {"architecture": "timm"},
        r"timm\.create_model\('resnet10t', pretrained=True\)": {
            "architecture": "resnet10t",
            "pretrained": "imagenet",
        },
    }
    for says, keys in cases.items():
        with pytest.raises(UserError, match=says):
            TimmModel((3, 32, 32), 2, **keys)
