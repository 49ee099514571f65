"""Any classifier of timm, the library of pretrained image models, as a task model. An optional extra, imported late."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from altool.core.errors import UserError, did_you_mean
from altool.models.output import Output, TaskModel, image_shape


class TimmModel(TaskModel):
    """`architecture`: timm's name, such as efficientnet_b0 or vit_tiny_patch16_224; `pretrained` imagenet: with the weights
    that timm has for the name, if they are on this machine. The only tap is the embedding: timm's families agree on it."""

    def __init__(
        self,
        input_shape: Sequence[int],
        n_classes: int,
        architecture: str,
        pretrained: Literal["imagenet"] | None = None,
    ):
        super().__init__()
        channels, *sides = image_shape(input_shape)
        self.net = _create(architecture, pretrained is not None, n_classes, channels, sides)
        was_training = self.net.training
        with torch.no_grad():
            embedding = self._embedding(torch.zeros(1, channels, *sides), self.net.eval())
        self.net.train(was_training)
        self.embedding_width = embedding.shape[1]
        self.tap_channels = (self.embedding_width,)

    def forward(self, x: Tensor) -> Output:
        embedding = self._embedding(x, self.net)
        return Output(self.net.get_classifier()(embedding), embedding, (embedding,))

    @staticmethod
    def _embedding(x: Tensor, net: Any) -> Tensor:
        return net.forward_head(net.forward_features(x), pre_logits=True)


def _create(name: str, pretrained: bool, n_classes: int, channels: int, sides: Sequence[int]) -> Any:
    try:
        import timm  # pyright: ignore[reportMissingImports]  an extra
    except ModuleNotFoundError:
        raise UserError(
            'learner=timm needs a package that is not installed: pip install "altool[timm]"'
        ) from None
    if name == "timm":
        raise UserError(
            "learner=timm needs the name of a model: type learner.name=efficientnet_b0, for example."
        )
    if name.partition(".")[0] not in timm.list_models():
        raise UserError(
            f"learner.name={name}: timm has no such model: {did_you_mean(name, timm.list_models())[:300]}"
        )
    options: dict[str, Any] = {"num_classes": n_classes, "in_chans": channels}
    if pretrained:  # from the file itself: timm alone would ask the network
        options |= {"pretrained": True, "pretrained_cfg_overlay": {"file": str(_weights(name))}}
    try:
        try:
            return timm.create_model(name, img_size=tuple(sides), **options)  # transformers need to know it
        except TypeError:
            return timm.create_model(name, **options)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"learner.name={name}: timm cannot make it for {sides[0]}×{sides[1]} images of {channels} channels: {error}"
        ) from error


def _weights(name: str) -> Path:
    """Where a download has put the weights of `name`. Raises UserError where there was none."""
    import timm  # pyright: ignore[reportMissingImports]
    from huggingface_hub import try_to_load_from_cache  # pyright: ignore[reportMissingImports]  comes with timm

    known = timm.get_pretrained_cfg(name)
    found: list[Any] = []
    if known is not None and known.hf_hub_id:
        files = ("model.safetensors", "pytorch_model.bin")
        found = [try_to_load_from_cache(known.hf_hub_id, file) for file in files]
    if known is not None and known.url:
        found.append(str(Path(torch.hub.get_dir()) / "checkpoints" / known.url.rpartition("/")[2]))
    there = [Path(path) for path in found if isinstance(path, str) and Path(path).is_file()]
    if not there:
        raise UserError(
            f"the weights of {name} are not on this machine, and altool downloads nothing unasked. Once, type:\n"
            f"  python -c \"import timm; timm.create_model('{name}', pretrained=True)\""
        )
    return there[0]
