"""Weights kept in 8-bit floats and computed with in full: half the memory, a little less exact.

Each output channel of a matrix has its own scale, so that its largest weight is the largest float8 number.
Without one, many weights of these networks (0.02 and less) would fall among the subnormal numbers of e4m3,
where the steps stop shrinking. diffusers' layerwise casting has no scales and writes the casts back on every
call; these layers only read, and compile.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

STORED = torch.float8_e4m3fn
LARGEST = torch.finfo(STORED).max
SMALLEST = torch.finfo(torch.float16).tiny
"""Of a scale: below it float16 has ever fewer digits, and all weights of the channel would be off alike. A
channel whose largest weight is below 0.027 leaves some of float8's range unused then; there is enough."""

FULL = ("conv_in", "conv_out", "time_embedding", "add_embedding")
"""Parts of a UNet that stay as they are: small, and everything passes through them."""


class Float8Linear(nn.Module):
    """A linear layer whose matrix is stored in 8 bits."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.weight, self.scale = _stored(layer.weight)
        self.bias = layer.bias

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, restored(self.weight, self.scale, x.dtype), self.bias)


class Float8Conv2d(nn.Module):
    """A convolution whose kernels are stored in 8 bits."""

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        if layer.padding_mode != "zeros" or isinstance(layer.padding, str):
            raise ValueError(f"only zero padding of a given width, got {layer.padding_mode}, {layer.padding}")
        self.weight, self.scale = _stored(layer.weight)
        self.bias = layer.bias
        self.stride = cast(tuple[int, int], layer.stride)
        self.padding = cast(tuple[int, int], layer.padding)
        self.dilation = cast(tuple[int, int], layer.dilation)
        self.groups = layer.groups

    def forward(self, x: Tensor) -> Tensor:
        weight = restored(self.weight, self.scale, x.dtype)
        return functional.conv2d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


def store_float8(unet: nn.Module) -> None:
    """Replace the linear layers and convolutions inside ``unet``; norms and :data:`FULL` stay as they are.

    So do the keys and values of prompt and image tokens: they are computed once for a request, and leave.
    """
    for name, layer in list(unet.named_modules()):
        parent, _, child = name.rpartition(".")
        if name.startswith(FULL) or is_prompt_projection(name):
            continue
        if type(layer) is nn.Linear:
            setattr(unet.get_submodule(parent), child, Float8Linear(layer))
        elif type(layer) is nn.Conv2d:
            setattr(unet.get_submodule(parent), child, Float8Conv2d(layer))


def is_prompt_projection(name: str) -> bool:
    """Is this module (or parameter) of a UNet a projection of prompt or image tokens."""
    return any(f".attn2.{part}" in name for part in ("to_k", "to_v", "processor."))


def restored(weight: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """The matrix as ``dtype``; ``scale`` has one number for each output channel."""
    return weight.to(dtype).mul_(scale.to(dtype))


def _stored(weight: Tensor) -> tuple[nn.Parameter, nn.Parameter]:
    rows = weight.detach().float().flatten(1)
    scale = (rows.abs().amax(dim=1) / LARGEST).clamp(min=SMALLEST)
    stored = (rows / scale[:, None]).to(STORED).view(weight.shape)
    shape = (-1, *[1] * (weight.ndim - 1))
    return nn.Parameter(stored, requires_grad=False), nn.Parameter(scale.view(shape), requires_grad=False)
