"""Everything one checkpoint consists of, and where its parts live while they compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor, nn
from transformers import (
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionModelWithProjection,
)

from inference.engines.idm_vton.attention import TextImage
from inference.engines.idm_vton.kernels import Backend
from inference.engines.idm_vton.loading import (
    Checkpoint,
    load_garment,
    load_image_encoder,
    load_scheduler,
    load_text_encoders,
    load_tokenizers,
    load_tryon,
    load_vae,
)
from inference.engines.idm_vton.resampler import Resampler
from inference.engines.idm_vton.sizes import Component
from inference.engines.idm_vton.unets import GarmentUnet, TryOnUnet


class Placement(Protocol):
    """Who lives where when: a memory profile at work."""

    def on(self, *components: Component) -> AbstractContextManager[None]:
        """While open, ``components`` compute on the models' device; afterwards they may have to leave it.

        Never opened inside another, and by one thread at a time.
        """


class Resident:
    """Everything stays where it was loaded."""

    def on(self, *components: Component) -> AbstractContextManager[None]:
        return nullcontext()


@dataclass(frozen=True, kw_only=True)
class Text:
    """Captions as the UNets want them, one row for each."""

    embeds: Tensor
    """``(n, 77, 2048)``: both encoders' last but one hidden states, side by side."""
    pooled: Tensor
    """``(n, 1280)``: the second encoder's projected summary."""


class Constants:
    """What depends on the checkpoint alone, computed by the first request and kept.

    Two first requests at once may both compute it; they write the same values.
    """

    negative: tuple[str, Text] | None = None
    """The last negative prompt (in practice the published one) and its embedding, one row."""
    no_image: Tensor | None = None
    """``(1, 16, 2048)``: image tokens of an all-zero picture, the unconditional half's."""
    unconditional: tuple[str, TextImage] | None = None
    """The same negative prompt and those tokens as the try-on UNet's keys and values, one row: 31 MB in half
    precision."""


@dataclass(frozen=True, kw_only=True)
class Models:
    """A loaded checkpoint: the networks, and how to reach each (:attr:`placement`).

    Holds no state of any request.
    """

    text_encoder: CLIPTextModel
    text_encoder_2: CLIPTextModelWithProjection
    tokenizer: CLIPTokenizer
    tokenizer_2: CLIPTokenizer
    image_encoder: CLIPVisionModelWithProjection
    resampler: Resampler
    vae: AutoencoderKL
    unet: TryOnUnet
    garment_unet: GarmentUnet
    scheduler: Mapping[str, Any]
    """The checkpoint's ``scheduler_config.json``."""
    checkpoint: str
    """Tells checkpoints apart (part of the garment cache's key)."""
    device: torch.device
    """Where everything computes."""
    dtype: torch.dtype
    """What the networks compute in; latents are float32 always."""
    backend: Backend = "auto"
    """Kernel of attention in the UNets."""
    placement: Placement = field(default_factory=Resident)
    constants: Constants = field(default_factory=Constants)


Loaded = Callable[[Component, nn.Module], None]


def load_models(
    checkpoint: Checkpoint,
    *,
    device: torch.device,
    dtype: torch.dtype,
    home: torch.device | None = None,
    whole_garment: bool = False,
    loaded: Loaded = lambda component, module: None,
) -> Models:
    """All components, their weights at ``home`` (default: ``device``) until a placement moves them.

    ``loaded`` is told of each network before the next one is read. ``whole_garment`` loads the garment
    UNet's weights behind its last feature too (to compare with the published code). Raises
    :class:`~inference.engines.idm_vton.state.LoadError` where a published key is missing or unknown.
    """
    at = device if home is None else home
    # The largest first: what a profile does to them takes room that the others do not fill yet.
    unet, resampler = load_tryon(checkpoint, device=at, dtype=dtype)
    loaded("unet", unet.module)
    loaded("resampler", resampler)
    garment_unet = load_garment(checkpoint, device=at, dtype=dtype, whole=whole_garment)
    loaded("garment_unet", garment_unet.module)
    text_encoder, text_encoder_2 = load_text_encoders(checkpoint, device=at, dtype=dtype)
    loaded("text_encoder", text_encoder)
    loaded("text_encoder_2", text_encoder_2)
    image_encoder = load_image_encoder(checkpoint, device=at, dtype=dtype)
    loaded("image_encoder", image_encoder)
    # SDXL's own VAE overflows in float16 and says so; the published one is the repaired one.
    upcast = dtype is torch.float16 and checkpoint.config("vae").get("force_upcast", True)
    vae = load_vae(checkpoint, device=at, dtype=torch.float32 if upcast else dtype)
    loaded("vae", vae)
    tokenizer, tokenizer_2 = load_tokenizers(checkpoint)
    return Models(
        text_encoder=text_encoder,
        text_encoder_2=text_encoder_2,
        tokenizer=tokenizer,
        tokenizer_2=tokenizer_2,
        image_encoder=image_encoder,
        resampler=resampler,
        vae=vae,
        unet=unet,
        garment_unet=garment_unet,
        scheduler=load_scheduler(checkpoint),
        checkpoint=str(checkpoint.folder.resolve()),
        device=device,
        dtype=dtype,
    )
