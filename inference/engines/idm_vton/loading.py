"""Components of a checkpoint in the published layout, loaded strictly and without double allocation.

Modules are built on the meta device and take over the tensors of the file, converted one by one. Every
published key is consumed or on a short list (strays here and in ``clip.py``, dead weights of the garment UNet
and of CLIP, EMA keys of the config); anything else is a :class:`LoadError`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from transformers import (
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionModelWithProjection,
)

from inference.engines.idm_vton.clip import clip_model
from inference.engines.idm_vton.resampler import Resampler
from inference.engines.idm_vton.sizes import RESAMPLER_PREFIX
from inference.engines.idm_vton.spec import FILES
from inference.engines.idm_vton.state import PICKLE_SUFFIX, LoadError, arguments, fill, on_meta, read_tensors
from inference.engines.idm_vton.tokens import load_tokenizer
from inference.engines.idm_vton.unets import (
    GarmentUnet,
    TryOnUnet,
    dead_modules,
    garment_model,
    remove_modules,
    tryon_model,
)

GARMENT_STRAYS = frozenset(
    f"add_embedding.{layer}.{kind}" for layer in ("linear_1", "linear_2") for kind in ("weight", "bias")
)
"""Tensors of the published garment UNet for which its config has no module: it was built without the size and
pooled prompt embedding of SDXL."""

SCHEDULE = (
    "beta_end",
    "beta_schedule",
    "beta_start",
    "num_train_timesteps",
    "prediction_type",
    "rescale_betas_zero_snr",
    "steps_offset",
    "timestep_spacing",
)
"""Of the scheduler's config: what noise levels and timesteps depend on."""

SAMPLER = {
    "prediction_type": "epsilon",
    "clip_sample": False,
    "thresholding": False,
    "variance_type": "fixed_small",
}
"""Of the scheduler's config: the only kind that ``schedule.py`` computes."""


@dataclass(frozen=True)
class Checkpoint:
    """A folder in the layout of the published repository."""

    folder: Path

    def config(self, component: str) -> dict[str, Any]:
        """Its ``config.json`` (``scheduler_config.json`` of the scheduler). Raises :class:`LoadError`."""
        name = "scheduler_config.json" if component == "scheduler" else "config.json"
        try:
            config: dict[str, Any] = json.loads((self.folder / component / name).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise LoadError(f"{component}/{name} cannot be read") from error
        if not isinstance(config, dict):
            raise LoadError(f"{component}/{name} is no configuration")
        return config

    def weights(self, component: str) -> Path:
        """Its weights: safetensors where there are any, else the pickle. Raises :class:`LoadError`."""
        (published,) = (
            path for path in FILES if path.startswith(f"{component}/") and not path.endswith(".json")
        )
        for suffix in (".safetensors", PICKLE_SUFFIX):
            path = (self.folder / published).with_suffix(suffix)
            if path.is_file():
                return path
        raise LoadError(f"{published} is missing")

    def tensors(
        self,
        component: str,
        device: torch.device | str,
        dtype: torch.dtype,
        *,
        skip: frozenset[str] = frozenset(),
    ) -> Iterator[tuple[str, Tensor]]:
        """Tensors of a component one by one, on ``device``, floating ones as ``dtype``; see
        :func:`read_tensors`."""
        return read_tensors(self.weights(component), device, dtype, skip=skip)


def load_tryon(
    checkpoint: Checkpoint, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float16
) -> tuple[TryOnUnet, Resampler]:
    """The try-on UNet, and the resampler whose tensors its file holds too."""
    unet = on_meta(lambda: tryon_model(checkpoint.config("unet")))
    resampler: dict[str, Tensor] = {}

    def own() -> Iterator[tuple[str, Tensor]]:
        for name, tensor in checkpoint.tensors("unet", device, dtype):
            if name.startswith(RESAMPLER_PREFIX):
                resampler[name.removeprefix(RESAMPLER_PREFIX)] = tensor
            else:
                yield name, tensor

    fill(unet, own(), source="unet")
    source = f"{RESAMPLER_PREFIX}* of unet"
    return TryOnUnet(module=unet), Resampler.from_state_dict(resampler, source=source)


def load_garment(
    checkpoint: Checkpoint,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float16,
    whole: bool = False,
) -> GarmentUnet:
    """The garment UNet up to its last feature; ``whole`` loads what comes after it too."""
    unet = on_meta(lambda: garment_model(checkpoint.config("unet_encoder")))
    dead = frozenset[str]() if whole else remove_modules(unet, dead_modules(unet))
    tensors = checkpoint.tensors("unet_encoder", device, dtype, skip=GARMENT_STRAYS | dead)
    fill(unet, tensors, source="unet_encoder")
    return GarmentUnet(module=unet, whole=whole)


def load_vae(
    checkpoint: Checkpoint, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float16
) -> AutoencoderKL:
    config = arguments(AutoencoderKL, checkpoint.config("vae"))
    vae = on_meta(lambda: AutoencoderKL(**config))
    fill(vae, checkpoint.tensors("vae", device, dtype), source="vae")
    return vae


def load_text_encoders(
    checkpoint: Checkpoint,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float16,
    whole: bool = False,
) -> tuple[CLIPTextModel, CLIPTextModelWithProjection]:
    """The two encoders of prompts: CLIP ViT-L and OpenCLIP bigG in the published checkpoint.

    The first ends with its last but one hidden state; ``whole`` loads what comes after it too.
    """
    return (
        _clip(checkpoint, "text_encoder", device, dtype, whole),
        _clip(checkpoint, "text_encoder_2", device, dtype, whole),
    )


def load_scheduler(checkpoint: Checkpoint) -> dict[str, Any]:
    """The scheduler's config, whole: diffusers would fill gaps with defaults that draw other pictures.

    Raises :class:`LoadError`, also for a kind of sampling that the engine does not have.
    """
    config = checkpoint.config("scheduler")
    if missing := [name for name in SCHEDULE if name not in config]:
        names = ", ".join(missing)
        raise LoadError(
            f"scheduler/scheduler_config.json lacks {names}: add them as the checkpoint was trained"
        )
    for name, wanted in SAMPLER.items():
        if config.get(name, wanted) != wanted:
            raise LoadError(f"scheduler: {name} is {config[name]}, the engine samples with {wanted} only")
    return config


def load_tokenizers(checkpoint: Checkpoint) -> tuple[CLIPTokenizer, CLIPTokenizer]:
    """Of both text encoders: they differ in what fills a prompt up. Raises :class:`LoadError`."""
    return load_tokenizer(checkpoint.folder / "tokenizer"), load_tokenizer(checkpoint.folder / "tokenizer_2")


def load_image_encoder(
    checkpoint: Checkpoint,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float16,
    whole: bool = False,
) -> CLIPVisionModelWithProjection:
    """The encoder of garment pictures: OpenCLIP ViT-H/14, up to its last but one hidden state.

    ``whole`` loads what comes after it too.
    """
    encoder: CLIPVisionModelWithProjection = _clip(checkpoint, "image_encoder", device, dtype, whole)
    return encoder


def _clip(
    checkpoint: Checkpoint, component: str, device: torch.device | str, dtype: torch.dtype, whole: bool
) -> Any:
    def read(skip: frozenset[str]) -> Iterator[tuple[str, Tensor]]:
        return checkpoint.tensors(component, device, dtype, skip=skip)

    return clip_model(component, checkpoint.config(component), read, device=device, whole=whole)
