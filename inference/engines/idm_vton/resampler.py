"""Resampler: 257 image tokens of CLIP to 16 tokens for the cross-attention.

The perceiver resampler of IP-Adapter plus (Ye et al. 2023, arXiv 2308.06721; Alayrac et al. 2022,
arXiv 2204.14198): learned queries attend to the image tokens and to themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from inference.engines.idm_vton.state import LoadError, fill

HEAD_DIM = 64
"""The one size that no tensor shows."""


@dataclass(frozen=True, kw_only=True)
class ResamplerSizes:
    queries: int
    width: int
    inner: int
    """Heads times 64."""
    feed_forward: int
    depth: int
    embedding: int
    """Channels of the image tokens that come in."""
    output: int


class PerceiverAttention(nn.Module):
    """Queries attend to the image tokens and to themselves."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.heads = inner // HEAD_DIM
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_kv = nn.Linear(width, 2 * inner, bias=False)
        self.to_out = nn.Linear(inner, width, bias=False)

    def forward(self, image: Tensor, latents: Tensor) -> Tensor:
        """``image (B, T, width)``, ``latents (B, Q, width)`` -> ``(B, Q, width)``."""
        image, latents = self.norm1(image), self.norm2(latents)
        key, value = self.to_kv(torch.cat([image, latents], dim=1)).chunk(2, dim=-1)
        query, key, value = (self._heads(tokens) for tokens in (self.to_q(latents), key, value))
        # Half of the scale on each side: the logits of a float16 product would overflow before scaling.
        scale = HEAD_DIM**-0.25
        logits = (query * scale) @ (key * scale).transpose(-1, -2)
        answer = logits.float().softmax(dim=-1).to(value.dtype) @ value
        projected: Tensor = self.to_out(answer.transpose(1, 2).flatten(2))
        return projected

    def _heads(self, tokens: Tensor) -> Tensor:
        return tokens.view(*tokens.shape[:2], self.heads, HEAD_DIM).transpose(1, 2)


class ResamplerLayer(nn.ModuleList):
    """Attention (``0``) and feed-forward (``1``), each added to what came in."""

    def __init__(self, width: int, inner: int, hidden: int) -> None:
        super().__init__(
            [
                PerceiverAttention(width, inner),
                nn.Sequential(
                    nn.LayerNorm(width),
                    nn.Linear(width, hidden, bias=False),
                    nn.GELU(),
                    nn.Linear(hidden, width, bias=False),
                ),
            ]
        )

    def forward(self, image: Tensor, latents: Tensor) -> Tensor:
        attention, feed_forward = self
        latents = latents + attention(image, latents)
        answer: Tensor = latents + feed_forward(latents)
        return answer


class Resampler(nn.Module):
    """Module names are those of the published ``encoder_hid_proj.*`` keys."""

    def __init__(self, sizes: ResamplerSizes) -> None:
        super().__init__()
        width = sizes.width
        self.latents = nn.Parameter(torch.empty(1, sizes.queries, width))
        self.proj_in = nn.Linear(sizes.embedding, width)
        self.proj_out = nn.Linear(width, sizes.output)
        self.norm_out = nn.LayerNorm(sizes.output)
        self.layers = nn.ModuleList(
            ResamplerLayer(width, sizes.inner, sizes.feed_forward) for _ in range(sizes.depth)
        )

    @classmethod
    def from_state_dict(cls, tensors: Mapping[str, Tensor], *, source: str = "resampler") -> Resampler:
        """The resampler those tensors belong to; it takes them over, with their device and dtype.

        Raises :class:`LoadError` naming the keys that are missing, unexpected or of another shape.
        """
        with torch.device("meta"):
            resampler = cls(sizes_of(tensors, source=source))
        fill(resampler, tensors.items(), source=source)
        return resampler

    def forward(self, image: Tensor) -> Tensor:
        """``image (B, 257, embedding)``: penultimate hidden states of CLIP -> ``(B, queries, output)``."""
        latents = self.latents.expand(len(image), -1, -1)
        image = self.proj_in(image)
        for layer in self.layers:
            latents = layer(image, latents)
        tokens: Tensor = self.norm_out(self.proj_out(latents))
        return tokens


def sizes_of(tensors: Mapping[str, Tensor], *, source: str = "resampler") -> ResamplerSizes:
    """All sizes from the tensors: the published code writes them into the UNet whatever its config says."""
    try:
        query_dim, width = tensors["layers.0.0.to_q.weight"].shape
        return ResamplerSizes(
            queries=tensors["latents"].shape[1],
            width=width,
            inner=query_dim,
            feed_forward=tensors["layers.0.1.1.weight"].shape[0],
            depth=1 + max(int(name.split(".")[1]) for name in tensors if name.startswith("layers.")),
            embedding=tensors["proj_in.weight"].shape[1],
            output=tensors["proj_out.weight"].shape[0],
        )
    except KeyError as missing:
        raise LoadError(f"{source} does not fit the model: missing {missing.args[0]}") from None
