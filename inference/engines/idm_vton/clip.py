"""The three CLIP encoders, up to the last hidden state that is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from inference.engines.idm_vton.state import LoadError, fill, on_meta

CLIP_STRAYS = frozenset(
    {"text_model.embeddings.position_ids", "vision_model.embeddings.position_ids", "embeddings.position_ids"}
)
"""Buffers that older transformers saved; they are 0, 1, 2, ... and made anew."""

CLIP_PREFIX = "text_model."
"""An outer module of the published keys, which transformers 5 dropped from CLIPTextModel only."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """How a CLIP component is made."""

    model: type[Any]
    config: type[Any]
    unused: frozenset[str] = frozenset()
    """Modules behind the last but one hidden state, where nothing else of it is used."""


CLIP = {
    "text_encoder": Clip(
        model=CLIPTextModel, config=CLIPTextConfig, unused=frozenset({"layers", "final_layer_norm"})
    ),
    "text_encoder_2": Clip(model=CLIPTextModelWithProjection, config=CLIPTextConfig),
    "image_encoder": Clip(
        model=CLIPVisionModelWithProjection,
        config=CLIPVisionConfig,
        unused=frozenset({"layers", "post_layernorm", "visual_projection"}),
    ),
}


def clip_model(
    component: str,
    config: Mapping[str, Any],
    read: Callable[[frozenset[str]], Iterable[tuple[str, Tensor]]],
    *,
    device: torch.device | str,
    whole: bool,
) -> Any:
    """The CLIP model of a component, filled with what ``read`` gives: all tensors but the named ones.

    Up to the last hidden state that is used; ``whole`` keeps what comes after it. Raises :class:`LoadError`.
    """
    clip = CLIP[component]
    settings = clip.config.from_dict(dict(config))
    model = on_meta(lambda: clip.model(settings))
    dead = frozenset[str]() if whole else _drop_unused(model, clip.unused)
    skip = CLIP_STRAYS | dead | {f"{CLIP_PREFIX}{key}" for key in dead}
    expected = model.state_dict().keys()

    def renamed() -> Iterator[tuple[str, Tensor]]:
        for name, tensor in read(skip):
            short = name.removeprefix(CLIP_PREFIX)
            yield (short if name not in expected and short in expected else name), tensor

    fill(model, renamed(), source=component)
    for name, buffer in list(model.named_buffers()):
        owner, _, last = name.rpartition(".")
        if last != "position_ids":
            raise LoadError(f"{component}: this transformers has a buffer {name} that no checkpoint fills")
        positions = torch.arange(buffer.shape[-1], device=device).expand(buffer.shape)
        model.get_submodule(owner).register_buffer(last, positions, persistent=False)
    return model


def _drop_unused(model: nn.Module, unused: frozenset[str]) -> frozenset[str]:
    """Take the modules of these names out, of ``layers`` the last one; the keys that went with them.

    The config keeps the published depth: the hidden state with that number, less one, is the last there is.
    """
    before = set(model.state_dict())
    for path, module in list(model.named_modules()):
        name = path.rpartition(".")[2]
        if name not in unused:
            continue
        if isinstance(module, nn.ModuleList):
            del module[-1]
        else:
            model.set_submodule(path, nn.Identity())
    return frozenset(before - model.state_dict().keys())
