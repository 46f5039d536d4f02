"""Floating point operations of IDM-VTON by formula, from shapes alone: the check on ``bench.flops``.

Written against the published architecture and independent of the engine's code and of torch. One multiply-add
is two operations; what is neither a matrix product nor a convolution is not counted (norms, activations,
softmax: less than a hundredth). Every function gives operations, not tera-operations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from inference.engines.idm_vton.architecture import CLIP_TOKENS, TEXT_TOKENS, Config, ResamplerSizes

Keys = Literal["projected", "zero", "none"]
"""Garment keys of the unconditional half: projected from zeros as the reference does, zeros put in directly,
or none at all because the log-sum-exp corrects for them."""


@dataclass(frozen=True, kw_only=True)
class Skips:
    """What is left out without changing the result. The reference leaves out nothing."""

    garment_queries: bool = True
    """Self-attention asks for the person's tokens only, not for the garment's too."""
    uncond_keys: Keys = "zero"
    text_keys: bool = True
    """Keys and values of text and image tokens once for a picture, in both UNets, not at every step."""
    attention_map: bool = True
    """A product of the reference's cross-attention that nobody reads."""
    garment_tail: bool = True
    """The garment UNet after its last feature."""
    encoder_tail: bool = True
    """The first text encoder and the image encoder after their last but one hidden state."""
    constants: bool = True
    """Negative prompt and image tokens of no picture, with their keys and values: once for a checkpoint, not
    for a picture."""
    garment: bool = False
    """The garment's features come from a cache: neither its latent nor its caption nor its UNet is run."""


REFERENCE = Skips(
    garment_queries=False,
    uncond_keys="projected",
    text_keys=False,
    attention_map=False,
    garment_tail=False,
    encoder_tail=False,
    constants=False,
)


def linear(tokens: int, inputs: int, outputs: int) -> int:
    return 2 * tokens * inputs * outputs


def convolution(positions: int, inputs: int, outputs: int, kernel: int = 3) -> int:
    """``positions`` of the output."""
    return 2 * positions * kernel * kernel * inputs * outputs


def attention(queries: int, keys: int, channels: int) -> int:
    """Scores and weighted sum; the number of heads does not matter."""
    return 2 * 2 * queries * keys * channels


# --- UNets ---


@dataclass(frozen=True, kw_only=True)
class Resnet:
    level: int
    inputs: int
    outputs: int


@dataclass(frozen=True, kw_only=True)
class Transformer:
    level: int
    channels: int
    depth: int


@dataclass(frozen=True, kw_only=True)
class Resample:
    """The 3x3 convolution after halving (or before doubling) the grid; ``level`` is that of its output."""

    level: int
    channels: int


Layer = Resnet | Transformer | Resample


def unet_layers(config: Config) -> Iterator[Layer]:
    """Blocks of an SDXL UNet in the order of execution, without its first and last convolution."""
    channels = _ints(config, "block_out_channels")
    depths, resnets = _ints(config, "transformer_layers_per_block"), _int(config, "layers_per_block")
    crossed = ["Cross" in kind for kind in cast(Sequence[str], config["down_block_types"])]
    last, width, skips = len(channels) - 1, channels[0], [channels[0]]
    for level, outputs in enumerate(channels):
        for _ in range(resnets):
            yield Resnet(level=level, inputs=width, outputs=outputs)
            if crossed[level]:
                yield Transformer(level=level, channels=outputs, depth=depths[level])
            width = outputs
            skips.append(width)
        if level < last:
            yield Resample(level=level + 1, channels=width)
            skips.append(width)
    yield Resnet(level=last, inputs=width, outputs=width)
    yield Transformer(level=last, channels=width, depth=depths[last])
    yield Resnet(level=last, inputs=width, outputs=width)
    for level in range(last, -1, -1):
        for _ in range(resnets + 1):
            yield Resnet(level=level, inputs=width + skips.pop(), outputs=channels[level])
            width = channels[level]
            if crossed[level]:
                yield Transformer(level=level, channels=width, depth=depths[level])
        if level > 0:
            yield Resample(level=level - 1, channels=width)


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Latent positions of a picture at each level of a UNet; every level halves both sides, rounding up."""

    width: int
    height: int

    @classmethod
    def of(cls, canvas: tuple[int, int], scale: int) -> Grid:
        return cls(width=canvas[0] // scale, height=canvas[1] // scale)

    def positions(self, level: int) -> int:
        side = 1 << level
        return -(-self.width // side) * -(-self.height // side)


def resnet(layer: Resnet, positions: int, time: int) -> int:
    """``time``: width of the time embedding, 0 = none."""
    count = convolution(positions, layer.inputs, layer.outputs)
    count += convolution(positions, layer.outputs, layer.outputs) + linear(1, time, layer.outputs)
    if layer.inputs != layer.outputs:
        count += convolution(positions, layer.inputs, layer.outputs, kernel=1)
    return count


def unet_frame(config: Config, grid: Grid) -> int:
    """Embeddings, first and last convolution for one row."""
    channels, positions = _ints(config, "block_out_channels"), grid.positions(0)
    time = 4 * channels[0]
    count = linear(1, channels[0], time) + linear(1, time, time)
    if config.get("addition_embed_type"):
        added = _int(config, "projection_class_embeddings_input_dim")
        count += linear(1, added, time) + linear(1, time, time)
    count += convolution(positions, _int(config, "in_channels"), channels[0])
    return count + convolution(positions, channels[0], _int(config, "out_channels"))


def token_keys(config: Config, tokens: int) -> int:
    """Keys and values of prompt tokens in every cross-attention, for one row."""
    context = _int(config, "cross_attention_dim")
    return sum(
        2 * layer.depth * linear(tokens, context, layer.channels)
        for layer in unet_layers(config)
        if isinstance(layer, Transformer)
    )


def tryon_row(config: Config, grid: Grid, image_tokens: int, skips: Skips, *, conditional: bool) -> int:
    """One row of one pass through the try-on UNet."""
    time = 4 * _ints(config, "block_out_channels")[0]
    count = unet_frame(config, grid)
    for layer in unet_layers(config):
        n = grid.positions(layer.level)
        if isinstance(layer, Resnet):
            count += resnet(layer, n, time)
        elif isinstance(layer, Resample):
            count += convolution(n, layer.channels, layer.channels)
        else:
            block = _tryon_self_attention(n, layer.channels, skips, conditional=conditional)
            block += _cross_attention(n, layer.channels, (TEXT_TOKENS, image_tokens))
            block += _feed_forward(n, layer.channels)
            if not skips.attention_map:
                block += attention(n, image_tokens, layer.channels) // 2
            count += layer.depth * block + 2 * linear(n, layer.channels, layer.channels)
    return count if skips.text_keys else count + token_keys(config, TEXT_TOKENS + image_tokens)


def _tryon_self_attention(n: int, c: int, skips: Skips, *, conditional: bool) -> int:
    """``n`` tokens of the person and as many of the garment, ``c`` channels."""
    kept = "projected" if conditional else skips.uncond_keys
    queries = n if skips.garment_queries else 2 * n
    keys = n if kept == "none" else 2 * n
    projected = 2 * n if kept == "projected" else n
    return 2 * linear(queries, c, c) + 2 * linear(projected, c, c) + attention(queries, keys, c)


def _cross_attention(n: int, c: int, tokens: tuple[int, ...]) -> int:
    """Without the keys and values of the tokens."""
    return 2 * linear(n, c, c) + sum(attention(n, each, c) for each in tokens)


def _feed_forward(n: int, c: int) -> int:
    """GEGLU: value and gate four times as wide each, then back."""
    return linear(n, c, 8 * c) + linear(n, 4 * c, c)


def garment_row(config: Config, grid: Grid, skips: Skips) -> int:
    """One row of one pass through the garment UNet, which is not run beyond the blocks with attention."""
    time = 4 * _ints(config, "block_out_channels")[0]
    count = unet_frame(config, grid)
    count -= convolution(grid.positions(0), time // 4, _int(config, "out_channels"))
    layers = list(unet_layers(config))
    end = max(index for index, layer in enumerate(layers) if isinstance(layer, Transformer))
    if not skips.garment_tail:
        end += 1  # the last up-sampler
    for index, layer in enumerate(layers[: end + 1]):
        n = grid.positions(layer.level)
        if isinstance(layer, Resnet):
            count += resnet(layer, n, time)
        elif isinstance(layer, Resample):
            count += convolution(n, layer.channels, layer.channels)
        else:
            c, last = layer.channels, skips.garment_tail and index == end
            block = 4 * linear(n, c, c) + attention(n, n, c)
            block += _cross_attention(n, c, (TEXT_TOKENS,)) + _feed_forward(n, c)
            count += (layer.depth - last) * block + (2 - last) * linear(n, c, c)
    return count if skips.text_keys else count + garment_token_keys(config, skips)


def garment_token_keys(config: Config, skips: Skips) -> int:
    """Keys and values of the garment's caption; the last block's are not needed where the tail is skipped."""
    count = token_keys(config, TEXT_TOKENS)
    if skips.garment_tail:
        last = [layer for layer in unet_layers(config) if isinstance(layer, Transformer)][-1]
        count -= 2 * linear(TEXT_TOKENS, _int(config, "cross_attention_dim"), last.channels)
    return count


# --- VAE ---


def vae_encode(config: Config, canvas: tuple[int, int]) -> int:
    channels, latent = _ints(config, "block_out_channels"), _int(config, "latent_channels")
    grid, last = Grid.of(canvas, 1), len(channels) - 1
    count = convolution(grid.positions(0), _int(config, "in_channels"), channels[0])
    width = channels[0]
    for level, outputs in enumerate(channels):
        for _ in range(_int(config, "layers_per_block")):
            count += resnet(Resnet(level=level, inputs=width, outputs=outputs), grid.positions(level), 0)
            width = outputs
        if level < last:
            count += convolution(grid.positions(level + 1), width, width)
    n = grid.positions(last)
    count += _vae_middle(n, width) + convolution(n, width, 2 * latent)
    return count + convolution(n, 2 * latent, 2 * latent, kernel=1)


def vae_decode(config: Config, canvas: tuple[int, int]) -> int:
    channels, latent = _ints(config, "block_out_channels"), _int(config, "latent_channels")
    grid, last = Grid.of(canvas, 1), len(channels) - 1
    n, width = grid.positions(last), channels[-1]
    count = convolution(n, latent, latent, kernel=1) + convolution(n, latent, width) + _vae_middle(n, width)
    for level in range(last, -1, -1):
        for _ in range(_int(config, "layers_per_block") + 1):
            layer = Resnet(level=level, inputs=width, outputs=channels[level])
            count += resnet(layer, grid.positions(level), 0)
            width = channels[level]
        if level > 0:
            count += convolution(grid.positions(level - 1), width, width)
    return count + convolution(grid.positions(0), width, _int(config, "out_channels"))


def _vae_middle(n: int, c: int) -> int:
    both = 2 * resnet(Resnet(level=0, inputs=c, outputs=c), n, 0)
    return both + 4 * linear(n, c, c) + attention(n, n, c)


# --- encoders ---


def text(config: Config, *, projected: bool, tail: bool = True) -> int:
    """One caption of 77 tokens through a text encoder; ``projected``: the second one's summary; ``tail``: its
    last layer too."""
    count = _clip_layers(config, TEXT_TOKENS, tail)
    return count + linear(1, _int(config, "hidden_size"), _int(config, "projection_dim")) * projected


def image(config: Config, *, tail: bool = True) -> int:
    """One picture through the image encoder; ``tail``: its last layer and projection too."""
    width, patch = _int(config, "hidden_size"), _int(config, "patch_size")
    patches = (_int(config, "image_size") // patch) ** 2
    count = convolution(patches, 3, width, kernel=patch) + _clip_layers(config, patches + 1, tail)
    return count + linear(1, width, _int(config, "projection_dim")) * tail


def _clip_layers(config: Config, tokens: int, tail: bool) -> int:
    c, inner = _int(config, "hidden_size"), _int(config, "intermediate_size")
    layer = 4 * linear(tokens, c, c) + attention(tokens, tokens, c) + 2 * linear(tokens, c, inner)
    return (_int(config, "num_hidden_layers") - (not tail)) * layer


def resampler(sizes: ResamplerSizes, tokens: int = CLIP_TOKENS) -> int:
    """Tokens of one picture to those of the prompt; keys are both the picture's and the queries' own."""
    inner, keys = sizes.heads * sizes.head_dim, tokens + sizes.queries
    layer = 2 * linear(sizes.queries, sizes.dim, inner) + linear(keys, sizes.dim, 2 * inner)
    layer += attention(sizes.queries, keys, inner) + 2 * linear(sizes.queries, sizes.dim, sizes.feed_forward)
    ends = linear(tokens, sizes.features, sizes.dim) + linear(sizes.queries, sizes.dim, sizes.out)
    return sizes.depth * layer + ends


# --- a picture ---


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is drawn."""

    canvas: tuple[int, int]
    """Width and height in pixels."""
    steps: int
    latent_scale: int = 8
    clip_tokens: int = CLIP_TOKENS


def picture(
    configs: Mapping[str, Config], sizes: ResamplerSizes, work: Work, skips: Skips
) -> Mapping[str, int]:
    """Operations of one picture with guidance, by component, in the names that ``bench.flops`` prints."""
    grid = Grid.of(work.canvas, work.latent_scale)
    unet, garment = configs["unet"], configs["unet_encoder"]
    rows = [tryon_row(unet, grid, sizes.queries, skips, conditional=half) for half in (False, True)]
    tail = not skips.encoder_tail
    caption = text(configs["text_encoder"], projected=False, tail=tail)
    caption += text(configs["text_encoder_2"], projected=True)
    uncond = 0 if skips.constants else 1
    pictures = 1 + uncond  # that the image encoder sees: the garment, and none
    known = int(skips.garment)
    return {
        "text encoders": (2 + uncond - known) * caption,
        "image encoder and resampler": pictures
        * (image(configs["image_encoder"], tail=tail) + resampler(sizes, work.clip_tokens)),
        "VAE encode": (3 - known) * vae_encode(configs["vae"], work.canvas),
        "text and image keys": pictures * token_keys(unet, TEXT_TOKENS + sizes.queries) * skips.text_keys,
        "garment caption keys": garment_token_keys(garment, skips) * skips.text_keys * (not known),
        "garment UNet": work.steps * garment_row(garment, grid, skips) * (not known),
        "try-on UNet": work.steps * sum(rows),
        "VAE decode": vae_decode(configs["vae"], work.canvas),
    }


def _int(config: Config, key: str) -> int:
    return int(cast(int, config[key]))


def _ints(config: Config, key: str) -> list[int]:
    return [int(value) for value in cast(Sequence[int], config[key])]
