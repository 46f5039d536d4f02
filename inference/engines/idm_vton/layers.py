"""The networks as lists of layers, read from their configuration files: what the memory planner counts.

A layer knows its weights and how many numbers are alive at its fullest moment; a network knows the order,
and what waits elsewhere meanwhile (skip connections, the input of the block). Only what the published family
uses: SDXL UNets with linear projections, and their VAE. Nothing here is fitted to a measurement:
``bench/idm_vton_memory.py`` compares it with the modules of diffusers. Torch-free, so that ``cabine doctor``
can plan without loading anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from inference.engines.idm_vton.architecture import Config


@dataclass(frozen=True)
class Weights:
    """Numbers in parameters: what can be stored in 8 bits, and what cannot."""

    matrices: int = 0
    """In convolutions and linear layers."""
    rows: int = 0
    """Output channels of those: each has its own scale when they are stored in 8 bits."""
    vectors: int = 0
    """Biases and norms."""

    def __add__(self, other: Weights) -> Weights:
        return Weights(self.matrices + other.matrices, self.rows + other.rows, self.vectors + other.vectors)

    def __mul__(self, times: int) -> Weights:
        return Weights(self.matrices * times, self.rows * times, self.vectors * times)

    @property
    def numbers(self) -> int:
        return self.matrices + self.vectors


def total(weights: Iterator[Weights]) -> Weights:
    return sum(weights, Weights())


def convolution(inputs: int, outputs: int, kernel: int = 3) -> Weights:
    return Weights(inputs * outputs * kernel * kernel, outputs, outputs)


def linear(inputs: int, outputs: int, bias: bool = True) -> Weights:
    return Weights(inputs * outputs, outputs, outputs if bias else 0)


def norm(channels: int) -> Weights:
    return Weights(vectors=2 * channels)


def _kept(weights: Weights) -> Weights:
    """The same, none of it in 8 bits."""
    return Weights(vectors=weights.numbers)


class Layer(Protocol):
    @property
    def scale(self) -> int:
        """Side of the full grid over the side of the layer's grid: 1, 2, 4, ..."""

    @property
    def held(self) -> float:
        """Numbers for each position of the full grid that others keep while this layer runs."""

    @property
    def live(self) -> float:
        """Most numbers of its own alive at once, its input among them, for each position of its own grid."""

    @property
    def weights(self) -> Weights: ...


@dataclass(frozen=True, kw_only=True)
class Resnet:
    """Twice norm, SiLU, 3x3 convolution; a 1x1 convolution beside them where the channels change."""

    scale: int
    held: float
    inputs: int
    outputs: int
    time: int = 0
    """Width of the time embedding; the VAE has none."""

    @property
    def weights(self) -> Weights:
        weights = norm(self.inputs) + convolution(self.inputs, self.outputs)
        weights += norm(self.outputs) + convolution(self.outputs, self.outputs)
        if self.time:
            weights += linear(self.time, self.outputs)
        if self.inputs != self.outputs:
            weights += convolution(self.inputs, self.outputs, kernel=1)
        return weights

    @property
    def live(self) -> float:
        # First the input, its norm and its SiLU; last the input, its shortcut, the second convolution's
        # output, their sum and that over the output scale.
        shortcut = self.outputs if self.inputs != self.outputs else 0
        return max(3 * self.inputs, self.inputs + shortcut + 3 * self.outputs)


@dataclass(frozen=True, kw_only=True)
class Transformer:
    """Blocks of self-attention, cross-attention and feed-forward (GEGLU), between two linear projections."""

    scale: int
    held: float
    channels: int
    depth: int
    heads: int
    context: int
    """Channels of the prompt's tokens."""

    @property
    def weights(self) -> Weights:
        ends = norm(self.channels) + linear(self.channels, self.channels) * 2
        return ends + (self.block + self.cross) * self.depth

    @property
    def block(self) -> Weights:
        """One block without the keys and values of its cross-attention."""
        c = self.channels
        self_attention = linear(c, c, bias=False) * 3 + linear(c, c)
        cross_attention = linear(c, c, bias=False) + linear(c, c)
        return norm(c) * 3 + self_attention + cross_attention + linear(c, 8 * c) + linear(4 * c, c)

    @property
    def cross(self) -> Weights:
        """Keys and values of one block's cross-attention."""
        return linear(self.context, self.channels, bias=False) * 2

    @property
    def live(self) -> float:
        # At its fullest in the feed-forward. Five times the channels: the stack's input and its projection,
        # the residual, the last attention's output, the norm. GEGLU: eight times, its gate four, the product
        # four. The self-attention (with person's and garment's keys and values) stays below.
        return 21 * self.channels


@dataclass(frozen=True, kw_only=True)
class Attention:
    """Self-attention in the middle of the VAE, one head."""

    scale: int
    held: float
    channels: int

    @property
    def weights(self) -> Weights:
        return norm(self.channels) + linear(self.channels, self.channels) * 4

    @property
    def live(self) -> float:
        return 7 * self.channels


@dataclass(frozen=True, kw_only=True)
class Resize:
    """A 3x3 convolution that halves the sides, or follows their doubling; ``scale`` is the finer grid's."""

    scale: int
    held: float
    channels: int

    @property
    def weights(self) -> Weights:
        return convolution(self.channels, self.channels)

    @property
    def live(self) -> float:
        return 2.25 * self.channels  # the finer grid twice (the VAE pads a copy), the coarser once


@dataclass(frozen=True, kw_only=True)
class Plain:
    """Ends and embeddings: weights that no peak depends on, and that are never stored in 8 bits."""

    weights: Weights
    scale: int = 1
    held: float = 0
    live: float = 0


def integer(config: Config, key: str) -> int:
    return int(cast(int, config[key]))


def integers(config: Config, key: str) -> list[int]:
    return [int(value) for value in cast(Sequence[int], config[key])]


def unet_layers(config: Config) -> list[Layer]:
    """In the order of execution; the full grid is the latent."""
    return list(_Unet(config).layers())


class _Unet:
    """Down, middle and up, with the skip connections that wait in between."""

    def __init__(self, config: Config) -> None:
        self.channels = integers(config, "block_out_channels")
        self.resnets = integer(config, "layers_per_block")
        self.depths = integers(config, "transformer_layers_per_block")
        self.heads = integers(config, "attention_head_dim")  # numbers of heads, in spite of the name
        self.context = integer(config, "cross_attention_dim")
        self.crossed = ["Cross" in kind for kind in cast(Sequence[str], config["down_block_types"])]
        self.ends = integer(config, "in_channels"), integer(config, "out_channels")
        added = config.get("addition_embed_type")
        self.added = integer(config, "projection_class_embeddings_input_dim") if added else 0
        self.time = 4 * self.channels[0]
        self.skips: list[tuple[int, int]] = []
        """Channels and scale of each, in the order they were made."""

    def layers(self) -> Iterator[Layer]:
        first, (inputs, outputs) = self.channels[0], self.ends
        embeddings = linear(first, self.time) + linear(self.time, self.time)
        if self.added:
            embeddings += linear(self.added, self.time) + linear(self.time, self.time)
        yield Plain(weights=_kept(convolution(inputs, first) + embeddings))
        self.skips = [(first, 1)]
        for level in range(len(self.channels)):
            yield from self._down(level)
        yield from self._middle()
        below = self.channels[-1]
        for level in reversed(range(len(self.channels))):
            yield from self._up(level, below)
            below = self.channels[level]
        yield Plain(weights=_kept(norm(first) + convolution(first, outputs)))

    def _waiting(self, skips: Sequence[tuple[int, int]]) -> float:
        return sum(channels / scale**2 for channels, scale in skips)

    def _resnet(self, level: int, inputs: int, held: float) -> Resnet:
        outputs = self.channels[level]
        return Resnet(scale=2**level, held=held, inputs=inputs, outputs=outputs, time=self.time)

    def _transformer(self, level: int, held: float) -> Transformer:
        return Transformer(
            scale=2**level,
            held=held,
            channels=self.channels[level],
            depth=self.depths[level],
            heads=self.heads[level],
            context=self.context,
        )

    def _down(self, level: int) -> Iterator[Layer]:
        channels, scale = self.channels[level], 2**level
        for _ in range(self.resnets):
            yield self._resnet(level, self.skips[-1][0], self._waiting(self.skips[:-1]))
            if self.crossed[level]:
                yield self._transformer(level, self._waiting(self.skips))
            self.skips.append((channels, scale))
        if level + 1 < len(self.channels):
            yield Resize(scale=scale, held=self._waiting(self.skips[:-1]), channels=channels)
            self.skips.append((channels, 2 * scale))

    def _middle(self) -> Iterator[Layer]:
        level = len(self.channels) - 1
        yield self._resnet(level, self.channels[level], self._waiting(self.skips[:-1]))
        yield self._transformer(level, self._waiting(self.skips))
        yield self._resnet(level, self.channels[level], self._waiting(self.skips))

    def _up(self, level: int, below: int) -> Iterator[Layer]:
        channels, scale = self.channels[level], 2**level
        # The block's own skips and its input are let go only when the block is over.
        held = self._waiting(self.skips) + below / scale**2
        for index in range(self.resnets + 1):
            inputs = (channels if index else below) + self.skips.pop()[0]
            yield self._resnet(level, inputs, held)
            if self.crossed[level]:
                yield self._transformer(level, held)
        if level:
            yield Resize(scale=scale // 2, held=held, channels=channels)


def encoder_layers(config: Config) -> list[Layer]:
    """The VAE's encoder, in the order of execution; the full grid is the picture."""
    channels, latent = integers(config, "block_out_channels"), integer(config, "latent_channels")
    layers: list[Layer] = [Plain(weights=convolution(integer(config, "in_channels"), channels[0]))]
    inputs = channels[0]
    for level, outputs in enumerate(channels):
        layers += _vae_block(level, inputs, outputs, integer(config, "layers_per_block"))
        if level + 1 < len(channels):
            layers.append(Resize(scale=2**level, held=inputs / 4**level, channels=outputs))
        inputs = outputs
    layers += _vae_middle(channels)
    moments = convolution(channels[-1], 2 * latent) + convolution(2 * latent, 2 * latent, kernel=1)
    return [*layers, Plain(weights=norm(channels[-1]) + moments)]


def decoder_layers(config: Config) -> list[Layer]:
    """The VAE's decoder, in the order of execution; the full grid is the picture."""
    channels, latent = integers(config, "block_out_channels"), integer(config, "latent_channels")
    layers: list[Layer] = [
        Plain(weights=convolution(latent, latent, kernel=1) + convolution(latent, channels[-1]))
    ]
    layers += _vae_middle(channels)
    inputs = channels[-1]
    for level in reversed(range(len(channels))):
        outputs = channels[level]
        layers += _vae_block(level, inputs, outputs, integer(config, "layers_per_block") + 1)
        if level:
            layers.append(Resize(scale=2 ** (level - 1), held=inputs / 4**level, channels=outputs))
        inputs = outputs
    pixels = convolution(channels[0], integer(config, "out_channels"))
    return [*layers, Plain(weights=norm(channels[0]) + pixels)]


def _vae_block(level: int, inputs: int, outputs: int, resnets: int) -> list[Layer]:
    scale = 2**level
    first = Resnet(scale=scale, held=0, inputs=inputs, outputs=outputs)
    # The block's input waits, unused, until the block is over.
    later = Resnet(scale=scale, held=inputs / scale**2, inputs=outputs, outputs=outputs)
    return [first, *[later] * (resnets - 1)]


def _vae_middle(channels: Sequence[int]) -> list[Layer]:
    scale, width = 2 ** (len(channels) - 1), channels[-1]
    held = width / scale**2
    return [
        Resnet(scale=scale, held=0, inputs=width, outputs=width),
        Attention(scale=scale, held=held, channels=width),
        Resnet(scale=scale, held=held, inputs=width, outputs=width),
    ]
