"""Bytes that IDM-VTON's networks compute with, stage by stage, from configuration files alone; torch-free.

The largest sum of tensors alive at once, for attention kernels that do not write their scores out (flash,
efficient, cuDNN); ``math`` writes them, and is counted so. ``bench/idm_vton_memory.py`` prints these numbers
beside counted ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from inference.engines.idm_vton.architecture import CLIP_TOKENS, TEXT_TOKENS, Config
from inference.engines.idm_vton.layers import (
    Layer,
    Transformer,
    decoder_layers,
    encoder_layers,
    integer,
)
from inference.engines.idm_vton.sizes import Architecture

PIXELS_A_LATENT = 8
PROMPTS = 2
"""Of a garment, in one batch: the person's and its own."""
VAE_BATCH = 3
"""Most pictures in one batch of the VAE's encoder: those of one person and one garment."""
SCORE_BYTES = 8
"""A score in the ``math`` kernel: float32, and its softmax."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What one request makes the networks do at once."""

    canvas: tuple[int, int]
    """Width and height in pixels."""
    pictures: int = 1
    """In one pass of the try-on UNet."""
    garments: int = 1
    """Different ones in that pass: more than one in a batch of several requests."""
    waiting: int = 0
    """Other pictures of the request, of which only keys and values of the prompt are there."""
    guided: bool = True
    """Every picture has an unconditional half."""
    number_bytes: int = 2
    vae_batch: bool = False
    """Pictures are encoded :data:`VAE_BATCH` at a time."""
    scores: bool = False
    """The attention kernel writes its scores out."""

    @property
    def latent_positions(self) -> int:
        return self.canvas[0] * self.canvas[1] // PIXELS_A_LATENT**2

    @property
    def halves(self) -> int:
        return 2 if self.guided else 1


def text_bytes(architecture: Architecture, work: Work) -> int:
    """Both text encoders."""
    first, second = (architecture.configs[part] for part in ("text_encoder", "text_encoder_2"))
    every = _hidden_states(first, TEXT_TOKENS) + _hidden_states(second, TEXT_TOKENS)
    return round(work.garments * PROMPTS * (every + _feed_forward(second, TEXT_TOKENS)) * work.number_bytes)


def image_bytes(architecture: Architecture, work: Work) -> int:
    """The image encoder and the resampler: the garments' pictures, after them the empty one."""
    config = architecture.configs["image_encoder"]
    states = _hidden_states(config, CLIP_TOKENS) + _feed_forward(config, CLIP_TOKENS)
    return round(work.garments * states * work.number_bytes)


def encode_bytes(architecture: Architecture, work: Work) -> int:
    """VAE: masked person, dense pose and garment."""
    pictures = VAE_BATCH if work.vae_batch else 1
    return pictures * _vae_bytes(architecture, work, encoder_layers) + _constant_bytes(architecture, work)


def decode_bytes(architecture: Architecture, work: Work) -> int:
    """VAE: latents to picture, one at a time."""
    return _vae_bytes(architecture, work, decoder_layers) + _constant_bytes(architecture, work)


def prompt_bytes(architecture: Architecture, work: Work) -> int:
    """Keys and values of the try-on UNet's prompt and image tokens, as they are made and put together."""
    made = work.pictures * _tryon_keys(architecture)
    kept = _kept_keys(architecture, work)
    return round((made + kept) * work.number_bytes) + _constant_bytes(architecture, work)


def garment_prompt_bytes(architecture: Architecture, work: Work) -> int:
    """Keys and values of the garment UNet's prompt, beside those of the try-on UNet."""
    keys = _kept_keys(architecture, work) + work.garments * _garment_keys(architecture)
    return round(keys * work.number_bytes) + _constant_bytes(architecture, work)


def denoise_bytes(architecture: Architecture, work: Work, *, cached: bool = False) -> int:
    """Both UNets in turn, with what stays between their passes; ``cached``: the features are given."""
    positions = work.latent_positions
    tryon = _peak(architecture.tryon, positions) + _scores(architecture.tryon, work, 2)
    fullest = work.pictures * work.halves * tryon
    kept = work.garments * _features(architecture.garment, positions) + _kept_keys(architecture, work)
    if not cached:
        kept += work.garments * _garment_keys(architecture)
        garment = _peak(architecture.garment, positions) + _scores(architecture.garment, work, 1)
        fullest = max(fullest, work.garments * garment)
    return round((kept + fullest) * work.number_bytes) + _constant_bytes(architecture, work)


def feature_bytes(architecture: Architecture, work: Work) -> int:
    """The garment's features of one timestep."""
    return round(_features(architecture.garment, work.latent_positions) * work.number_bytes)


def _peak(layers: list[Layer], positions: int) -> float:
    """Most numbers alive at once in one row of the batch."""
    return max(positions * (layer.held + layer.live / layer.scale**2) for layer in layers)


def _features(layers: list[Layer], positions: int) -> float:
    blocks = (layer for layer in layers if isinstance(layer, Transformer))
    return sum(positions / layer.scale**2 * layer.channels * layer.depth for layer in blocks)


def _vae_bytes(architecture: Architecture, work: Work, layers: Callable[[Config], list[Layer]]) -> int:
    pixels = work.canvas[0] * work.canvas[1]
    peak = _peak(layers(architecture.configs["vae"]), pixels)
    return round(peak * architecture.vae_number_bytes(work.number_bytes))


def _constant_bytes(architecture: Architecture, work: Work) -> int:
    """Of a checkpoint: keys and values of the unconditional half, kept from the first request on."""
    return round(_tryon_keys(architecture) * work.number_bytes)


def _kept_keys(architecture: Architecture, work: Work) -> float:
    """Of all pictures of a request, for all its steps."""
    return (work.pictures + work.waiting) * work.halves * _tryon_keys(architecture)


def _tryon_keys(architecture: Architecture) -> float:
    """Of one row of prompt and image tokens."""
    return _prompt_keys(architecture.tryon, TEXT_TOKENS + architecture.resampler.queries)


def _garment_keys(architecture: Architecture) -> float:
    return _prompt_keys(architecture.garment, TEXT_TOKENS)


def _prompt_keys(layers: list[Layer], tokens: int) -> float:
    blocks = (layer for layer in layers if isinstance(layer, Transformer))
    return sum(2 * tokens * layer.channels * layer.depth for layer in blocks)


def _scores(layers: list[Layer], work: Work, keys_a_query: int) -> float:
    """Scores of the largest self-attention, as numbers of the request's format."""
    if not work.scores:
        return 0
    blocks = [layer for layer in layers if isinstance(layer, Transformer)]
    largest = max(layer.heads * (work.latent_positions / layer.scale**2) ** 2 for layer in blocks)
    return largest * keys_a_query * SCORE_BYTES / work.number_bytes


def _hidden_states(config: Config, tokens: int) -> int:
    return tokens * integer(config, "hidden_size") * (integer(config, "num_hidden_layers") + 2)


def _feed_forward(config: Config, tokens: int) -> int:
    """Before and after its activation."""
    return 2 * tokens * integer(config, "intermediate_size")
