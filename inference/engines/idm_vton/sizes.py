"""The weights of IDM-VTON's parts, counted from configuration files alone; torch-free."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from inference.engines.base import EngineUnavailable
from inference.engines.idm_vton.architecture import (
    PUBLISHED,
    RESAMPLER,
    Config,
    ResamplerSizes,
    resampler_sizes,
)
from inference.engines.idm_vton.layers import (
    Layer,
    Transformer,
    Weights,
    convolution,
    decoder_layers,
    encoder_layers,
    integer,
    linear,
    norm,
    total,
    unet_layers,
)

Component = Literal[
    "text_encoder",
    "text_encoder_2",
    "image_encoder",
    "resampler",
    "vae",
    "unet_text",
    "unet",
    "garment_text",
    "garment_unet",
]
"""A part that can live on its own. ``*_text`` are the projections of prompt and image tokens (keys and values
of the cross-attentions), needed once for each request; ``unet`` and ``garment_unet`` are the rest of those
networks."""

COMPONENTS: tuple[Component, ...] = get_args(Component)

RESAMPLER_PREFIX = "encoder_hid_proj."
"""Of its tensors in the try-on UNet's file."""
MOST_HEADER_BYTES = 100_000_000
"""Of a safetensors file, by its specification."""
REMEDY = "cabine weights verify says which files changed, and with which command to bring them again"


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Sizes of a checkpoint's networks."""

    configs: Mapping[str, Config]
    """Folder of the checkpoint -> its ``config.json``."""
    resampler: ResamplerSizes

    @property
    def tryon(self) -> list[Layer]:
        return unet_layers(self.configs["unet"])

    @property
    def garment(self) -> list[Layer]:
        return unet_layers(self.configs["unet_encoder"])

    def vae_number_bytes(self, number_bytes: int) -> int:
        """Bytes of a number in the VAE: one that would overflow in half precision says so, and gets more."""
        return 4 if self.configs["vae"].get("force_upcast", True) else number_bytes


PUBLISHED_ARCHITECTURE = Architecture(configs=PUBLISHED, resampler=RESAMPLER)


def read_architecture(folder: Path) -> Architecture:
    """Of the checkpoint in ``folder``, by its configuration files; no weights are read.

    The resampler has no configuration: its sizes stand in the header of the try-on UNet's safetensors. Where
    that is still a pickle, they are taken as published. Raises :class:`EngineUnavailable` for files that are
    damaged or of something else.
    """
    parts = ("unet", "unet_encoder", "vae", "text_encoder", "text_encoder_2", "image_encoder")
    configs = {part: _config(folder / part / "config.json") for part in parts}
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    try:
        found = Architecture(
            configs=configs, resampler=_resampler_sizes(file) if file.is_file() else RESAMPLER
        )
        component_weights(found)  # counts every layer: what a configuration lacks shows here
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise EngineUnavailable(
            f"idm-vton: files of {folder.name} are damaged or of something else; {REMEDY}"
        ) from error
    return found


def _config(file: Path) -> Config:
    try:
        config = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise EngineUnavailable(
            f"idm-vton: {file.parent.name}/{file.name} cannot be read; {REMEDY}"
        ) from error
    if not isinstance(config, dict):
        raise EngineUnavailable(f"idm-vton: {file.parent.name}/{file.name} is no configuration; {REMEDY}")
    return config


def _resampler_sizes(file: Path) -> ResamplerSizes:
    """From the shapes in a safetensors header: eight bytes of length, then JSON."""
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > MOST_HEADER_BYTES:
            raise ValueError(f"{file.name} is not a safetensors file")
        header = json.loads(stream.read(length))
    shapes = {
        name.removeprefix(RESAMPLER_PREFIX): entry["shape"]
        for name, entry in header.items()
        if name.startswith(RESAMPLER_PREFIX)
    }
    return resampler_sizes(shapes)


def component_weights(architecture: Architecture) -> dict[Component, Weights]:
    """Of what is loaded: garment UNet and encoders end where nothing more is asked of them."""
    configs = architecture.configs
    tryon, garment = (
        total(layer.weights for layer in part) for part in (architecture.tryon, architecture.garment)
    )
    prompt, garment_prompt = _cross(architecture.tryon), _cross(architecture.garment)
    dead = _behind_last_feature(architecture.garment)
    last = _last_transformer(architecture.garment)[1]
    vae = encoder_layers(configs["vae"]) + decoder_layers(configs["vae"])
    return {
        "text_encoder": _text_encoder(configs["text_encoder"], projected=False),
        "text_encoder_2": _text_encoder(configs["text_encoder_2"], projected=True),
        "image_encoder": _image_encoder(configs["image_encoder"]),
        "resampler": _resampler(architecture.resampler),
        "vae": total(layer.weights for layer in vae),
        "unet_text": prompt * 2,  # of the prompt, and as many of the image tokens
        "unet": _without(tryon, prompt),
        "garment_text": _without(garment_prompt, last.cross),
        "garment_unet": _without(_without(garment, garment_prompt), _without(dead, last.cross)),
    }


def streamed_weights(architecture: Architecture) -> tuple[Weights, Weights]:
    """Of the garment UNet's widest blocks, which can be brought in one by one: all of them, and one."""
    deep = [layer for layer in architecture.garment if isinstance(layer, Transformer)]
    width = max(layer.channels for layer in deep)
    streamed = [layer for layer in deep if layer.channels == width]
    return total(layer.block * layer.depth for layer in streamed), streamed[0].block


def _cross(layers: list[Layer]) -> Weights:
    return total(layer.cross * layer.depth for layer in layers if isinstance(layer, Transformer))


def _last_transformer(layers: list[Layer]) -> tuple[int, Transformer]:
    return max((k, layer) for k, layer in enumerate(layers) if isinstance(layer, Transformer))


def _behind_last_feature(layers: list[Layer]) -> Weights:
    """The last transformer's last block from its self-attention on, and everything after it."""
    k, last = _last_transformer(layers)
    block = _without(last.block + last.cross, norm(last.channels))
    return block + linear(last.channels, last.channels) + total(layer.weights for layer in layers[k + 1 :])


def _without(weights: Weights, part: Weights) -> Weights:
    return weights + part * -1


def _text_encoder(config: Config, *, projected: bool) -> Weights:
    """``projected``: with its summary of the prompt; else up to the states before its last layer."""
    width, layers = integer(config, "hidden_size"), integer(config, "num_hidden_layers")
    words = integer(config, "vocab_size") + integer(config, "max_position_embeddings")
    embeddings = Weights(matrices=words * width, rows=words)
    if not projected:
        return embeddings + _clip_layer(config) * (layers - 1)
    end = norm(width) + linear(width, integer(config, "projection_dim"), bias=False)
    return embeddings + _clip_layer(config) * layers + end


def _image_encoder(config: Config) -> Weights:
    """Up to the states before its last layer."""
    width, patch = integer(config, "hidden_size"), integer(config, "patch_size")
    patches = (integer(config, "image_size") // patch) ** 2
    first = Weights(matrices=convolution(3, width, patch).matrices, rows=width)
    positions = Weights(vectors=width + (patches + 1) * width)
    layers = integer(config, "num_hidden_layers") - 1
    return first + positions + norm(width) + _clip_layer(config) * layers


def _clip_layer(config: Config) -> Weights:
    width, inner = integer(config, "hidden_size"), integer(config, "intermediate_size")
    return norm(width) * 2 + linear(width, width) * 4 + linear(width, inner) + linear(inner, width)


def _resampler(sizes: ResamplerSizes) -> Weights:
    dim, inner = sizes.dim, sizes.inner
    attention = norm(dim) * 2 + linear(dim, inner, bias=False) * 3 + linear(inner, dim, bias=False)
    forward = linear(dim, sizes.feed_forward, bias=False) + linear(sizes.feed_forward, dim, bias=False)
    ends = linear(sizes.features, dim) + linear(dim, sizes.out) + norm(sizes.out)
    latents = Weights(vectors=sizes.queries * dim)
    return latents + ends + (attention + norm(dim) + forward) * sizes.depth
