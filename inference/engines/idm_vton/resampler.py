"""Resampler: 257 image tokens of CLIP to 16 tokens for the cross-attention.

The perceiver resampler of IP-Adapter plus (Ye et al. 2023, arXiv 2308.06721; Alayrac et al. 2022,
arXiv 2204.14198): learned queries attend to the image tokens and to themselves.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from inference.engines.idm_vton.architecture import ResamplerSizes, resampler_sizes
from inference.engines.idm_vton.state import LoadError, fill


class PerceiverAttention(nn.Module):
    """Queries attend to the image tokens and to themselves."""

    def __init__(self, sizes: ResamplerSizes) -> None:
        super().__init__()
        self.sizes, width, inner = sizes, sizes.dim, sizes.inner
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_kv = nn.Linear(width, 2 * inner, bias=False)
        self.to_out = nn.Linear(inner, width, bias=False)

    def forward(self, image: Tensor, latents: Tensor) -> Tensor:
        """``image (B, T, dim)``, ``latents (B, Q, dim)`` -> ``(B, Q, dim)``."""
        image, latents = self.norm1(image), self.norm2(latents)
        key, value = self.to_kv(torch.cat([image, latents], dim=1)).chunk(2, dim=-1)
        query, key, value = (self._heads(tokens) for tokens in (self.to_q(latents), key, value))
        # Half of the scale on each side: the logits of a float16 product would overflow before scaling.
        scale = self.sizes.head_dim**-0.25
        logits = (query * scale) @ (key * scale).transpose(-1, -2)
        answer = logits.float().softmax(dim=-1).to(value.dtype) @ value
        projected: Tensor = self.to_out(answer.transpose(1, 2).flatten(2))
        return projected

    def _heads(self, tokens: Tensor) -> Tensor:
        return tokens.view(*tokens.shape[:2], self.sizes.heads, -1).transpose(1, 2)


class ResamplerLayer(nn.ModuleList):
    """Attention (``0``) and feed-forward (``1``), each added to what came in."""

    def __init__(self, sizes: ResamplerSizes) -> None:
        super().__init__(
            [
                PerceiverAttention(sizes),
                nn.Sequential(
                    nn.LayerNorm(sizes.dim),
                    nn.Linear(sizes.dim, sizes.feed_forward, bias=False),
                    nn.GELU(),
                    nn.Linear(sizes.feed_forward, sizes.dim, bias=False),
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
        self.latents = nn.Parameter(torch.empty(1, sizes.queries, sizes.dim))
        self.proj_in = nn.Linear(sizes.features, sizes.dim)
        self.proj_out = nn.Linear(sizes.dim, sizes.out)
        self.norm_out = nn.LayerNorm(sizes.out)
        self.layers = nn.ModuleList(ResamplerLayer(sizes) for _ in range(sizes.depth))

    @classmethod
    def from_state_dict(cls, tensors: Mapping[str, Tensor], *, source: str = "resampler") -> Resampler:
        """The resampler those tensors belong to; it takes them over, with their device and dtype.

        Raises :class:`LoadError` naming the keys that are missing, unexpected or of another shape.
        """
        try:
            sizes = resampler_sizes({name: tensor.shape for name, tensor in tensors.items()})
        except KeyError as missing:
            raise LoadError(f"{source} does not fit the model: missing {missing.args[0]}") from None
        with torch.device("meta"):
            resampler = cls(sizes)
        fill(resampler, tensors.items(), source=source)
        return resampler

    def forward(self, image: Tensor) -> Tensor:
        """``image (B, 257, features)``: penultimate hidden states of CLIP -> ``(B, queries, out)``."""
        latents = self.latents.expand(len(image), -1, -1)
        image = self.proj_in(image)
        for layer in self.layers:
            latents = layer(image, latents)
        tokens: Tensor = self.norm_out(self.proj_out(latents))
        return tokens
