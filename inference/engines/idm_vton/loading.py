"""Components of a checkpoint in the published layout, loaded strictly and without double allocation.

Modules are built on the meta device and take over the tensors of the file, converted one by one. Every
published key is consumed or on a short list in this file; anything else is a :class:`LoadError`.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers import AutoencoderKL
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from inference.engines.idm_vton.resampler import Resampler
from inference.engines.idm_vton.state import LoadError, fill
from inference.engines.idm_vton.unets import (
    GarmentUnet,
    TryOnUnet,
    dead_modules,
    garment_model,
    remove_modules,
    tryon_model,
)

WEIGHTS = {
    "unet": "diffusion_pytorch_model",
    "unet_encoder": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
    "text_encoder": "model",
    "text_encoder_2": "model",
    "image_encoder": "model",
}
"""Component -> name of its weights file, without ``.safetensors`` (preferred) or ``.bin`` (a pickle)."""

OTHER_FILES = (
    "scheduler/scheduler_config.json",
    "tokenizer/merges.txt",
    "tokenizer/special_tokens_map.json",
    "tokenizer/tokenizer_config.json",
    "tokenizer/vocab.json",
    "tokenizer_2/merges.txt",
    "tokenizer_2/special_tokens_map.json",
    "tokenizer_2/tokenizer_config.json",
    "tokenizer_2/vocab.json",
)

GARMENT_STRAYS = frozenset(
    f"add_embedding.{layer}.{kind}" for layer in ("linear_1", "linear_2") for kind in ("weight", "bias")
)
"""Tensors of the published garment UNet for which its config has no module: it was built without the size and
pooled prompt embedding of SDXL."""

CLIP_STRAYS = frozenset(
    {"text_model.embeddings.position_ids", "vision_model.embeddings.position_ids", "embeddings.position_ids"}
)
"""Buffers that older transformers saved; they are 0, 1, 2, ... and made anew."""

RESAMPLER_PREFIX = "encoder_hid_proj."

PICKLE_SUFFIX = ".bin"

Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True)
class Checkpoint:
    """A folder in the layout of the published repository."""

    folder: Path

    def config(self, component: str) -> dict[str, Any]:
        """Its ``config.json`` (``scheduler_config.json`` of the scheduler)."""
        name = "scheduler_config.json" if component == "scheduler" else "config.json"
        config: dict[str, Any] = json.loads((self.folder / component / name).read_text("utf-8"))
        return config

    def weights(self, component: str) -> Path:
        """Its weights: safetensors where there are any, else the pickle. Raises :class:`LoadError`."""
        stem = self.folder / component / WEIGHTS[component]
        for suffix in (".safetensors", PICKLE_SUFFIX):
            path = stem.with_name(stem.name + suffix)
            if path.is_file():
                return path
        raise LoadError(
            f"{component}/{WEIGHTS[component]}.safetensors is missing: cabine weights pull idm-vton"
        )

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


def missing_files(folder: Path) -> tuple[str, ...]:
    """Paths inside ``folder`` that a checkpoint needs and that are not there."""
    wanted = list(OTHER_FILES)
    for component, stem in WEIGHTS.items():
        wanted.append(f"{component}/config.json")
        if not (folder / component / f"{stem}{PICKLE_SUFFIX}").is_file():
            wanted.append(f"{component}/{stem}.safetensors")
    return tuple(sorted(path for path in wanted if not (folder / path).is_file()))


def load_tryon(
    checkpoint: Checkpoint, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float16
) -> tuple[TryOnUnet, Resampler]:
    """The try-on UNet, and the resampler whose tensors its file holds too."""
    unet = _on_meta(lambda: tryon_model(checkpoint.config("unet")))
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
    unet = _on_meta(lambda: garment_model(checkpoint.config("unet_encoder")))
    dead = frozenset[str]() if whole else remove_modules(unet, dead_modules(unet))
    tensors = checkpoint.tensors("unet_encoder", device, dtype, skip=GARMENT_STRAYS | dead)
    fill(unet, tensors, source="unet_encoder")
    return GarmentUnet(module=unet, whole=whole)


def load_vae(
    checkpoint: Checkpoint, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float16
) -> AutoencoderKL:
    config = {key: value for key, value in checkpoint.config("vae").items() if not key.startswith("_")}
    vae = _on_meta(lambda: AutoencoderKL(**config))
    fill(vae, checkpoint.tensors("vae", device, dtype), source="vae")
    return vae


def load_text_encoders(
    checkpoint: Checkpoint, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float16
) -> tuple[CLIPTextModel, CLIPTextModelWithProjection]:
    """The two encoders of prompts: CLIP ViT-L and OpenCLIP bigG in the published checkpoint."""
    return (
        _load_clip(checkpoint, "text_encoder", CLIPTextModel, CLIPTextConfig, device, dtype),
        _load_clip(checkpoint, "text_encoder_2", CLIPTextModelWithProjection, CLIPTextConfig, device, dtype),
    )


def load_tokenizers(checkpoint: Checkpoint) -> tuple[CLIPTokenizer, CLIPTokenizer]:
    return (
        CLIPTokenizer.from_pretrained(checkpoint.folder / "tokenizer", local_files_only=True),
        CLIPTokenizer.from_pretrained(checkpoint.folder / "tokenizer_2", local_files_only=True),
    )


def load_image_encoder(
    checkpoint: Checkpoint, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float16
) -> CLIPVisionModelWithProjection:
    """The encoder of garment pictures: OpenCLIP ViT-H/14."""
    return _load_clip(
        checkpoint, "image_encoder", CLIPVisionModelWithProjection, CLIPVisionConfig, device, dtype
    )


def read_tensors(
    path: Path,
    device: torch.device | str,
    dtype: torch.dtype,
    *,
    skip: frozenset[str] = frozenset(),
) -> Iterator[tuple[str, Tensor]]:
    """Tensors of a weights file one by one, on ``device``, floating ones as ``dtype``; ``skip`` is not read.

    On the CPU, tensors that are of ``dtype`` already stay mapped to the file: they take memory when used.
    Raises :class:`LoadError` for what is not a weights file, or a pickle that holds more than tensors.
    """
    for name, tensor in _stored_tensors(path, device, skip):
        yield name, tensor.to(device=device, dtype=dtype if tensor.is_floating_point() else None)


def _stored_tensors(
    path: Path, device: torch.device | str, skip: frozenset[str]
) -> Iterator[tuple[str, Tensor]]:
    if path.suffix == PICKLE_SUFFIX:
        try:
            stored = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except (pickle.UnpicklingError, RuntimeError) as error:
            raise LoadError(f"{_named(path)} is not a checkpoint of tensors that can be mapped") from error
        yield from ((name, tensor) for name, tensor in stored.items() if name not in skip)
        return
    try:
        with safe_open(path, framework="pt", device=str(device)) as stored:
            for name in stored.keys():  # noqa: SIM118 - not a mapping
                if name not in skip:
                    yield name, stored.get_tensor(name)
    except SafetensorError as error:
        raise LoadError(f"{_named(path)} is not a safetensors file: download it again") from error


def _load_clip(
    checkpoint: Checkpoint,
    component: str,
    kind: type[Any],
    config: type[Any],
    device: torch.device | str,
    dtype: torch.dtype,
) -> Any:
    """A CLIP model of transformers, from keys with or without the prefix its version gives them."""
    settings = config.from_dict(checkpoint.config(component))
    model = _on_meta(lambda: kind(settings))
    expected = model.state_dict().keys()

    def renamed() -> Iterator[tuple[str, Tensor]]:
        for name, tensor in checkpoint.tensors(component, device, dtype, skip=CLIP_STRAYS):
            # transformers 5 dropped the outer module of CLIPTextModel, but not of the others.
            short = name.removeprefix("text_model.")
            yield (short if name not in expected and short in expected else name), tensor

    fill(model, renamed(), source=component)
    for name, buffer in list(model.named_buffers()):
        owner, _, last = name.rpartition(".")
        if last != "position_ids":
            raise LoadError(f"{component}: this transformers has a buffer {name} that no checkpoint fills")
        positions = torch.arange(buffer.shape[-1], device=device).expand(buffer.shape)
        model.get_submodule(owner).register_buffer(last, positions, persistent=False)
    return model


def _on_meta(build: Callable[[], Model]) -> Model:
    with torch.device("meta"):
        return build()


def _named(path: Path) -> str:
    """Component and file: a message must not show where the operator keeps the weights."""
    return f"{path.parent.name}/{path.name}"
