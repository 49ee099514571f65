"""Contexts made by hand: what a strategy would be told of a small pool."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from altool.core.strategy import Context, Diagnostics
from altool.core.streams import Streams


@pytest.fixture
def context_of() -> Callable[..., Context]:
    """`context_of(items, labelled=…, candidates=…, probed={want: a value per dataset index})`."""

    def build(
        items: Tensor,
        labelled: list[int],
        candidates: list[int] | None = None,
        probed: dict[str, Tensor] | None = None,
        streams: Streams | None = None,
        **more: Any,
    ) -> Context:
        unlabelled = np.setdiff1d(np.arange(len(items)), labelled)
        known = probed or {}

        def probe(indices: np.ndarray, wants: list[str]) -> dict[str, Tensor]:
            return {want: known[want][torch.as_tensor(indices)] for want in wants}

        fields: dict[str, Any] = {
            "stage": 1,
            "candidates": unlabelled if candidates is None else np.array(candidates),
            "unlabelled": unlabelled,
            "labelled": np.array(labelled),
            "labels": np.zeros(len(labelled), np.int64),
            "n_classes": 2,
            "image_shape": tuple(items.shape[1:]),
            "tap_channels": (),
            "probe": probe,
            "images": lambda indices: items[torch.as_tensor(np.asarray(indices))],
            "logits": None,
            "trained": {},
            "streams": streams or Streams(0, 1),
            "device": torch.device("cpu"),
            "precision": "fp32",
            "diagnostics": Diagnostics(),
        }
        return Context(**(fields | more))

    return build
