"""IDM-VTON computed the slow way, as the published code does, to hold the engine against.

Written from the paper and a description of the published code, with stock diffusers and transformers and
nothing of the engine: all tokens ask in the self-attention, the unconditional half sees features of zeros,
keys and values are made anew at every step, the garment UNet runs to its end each time, the step is
diffusers' own. :func:`record` writes a run in the format of the shared recordings.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import (
    CLIPImageProcessorPil,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionModelWithProjection,
)

NEGATIVE = "monochrome, lowres, low quality"
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What is recorded: random pictures of a size, with these captions."""

    name: str
    captions: tuple[str, ...]
    width: int = 48
    height: int = 64
    steps: int = 3
    guidance: float = 2.0
    seed: int = 1


class Reference:
    """All networks of a checkpoint, float32 on the CPU."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.features: list[Tensor] = []
        self.vae = AutoencoderKL.from_pretrained(folder, subfolder="vae", low_cpu_mem_usage=False)
        self.tokenizers = [
            CLIPTokenizer.from_pretrained(folder / name) for name in ("tokenizer", "tokenizer_2")
        ]
        self.text = [
            CLIPTextModel.from_pretrained(folder, subfolder="text_encoder"),
            CLIPTextModelWithProjection.from_pretrained(folder, subfolder="text_encoder_2"),
        ]
        self.image = CLIPVisionModelWithProjection.from_pretrained(folder, subfolder="image_encoder")
        self.unet, self.resampler = self._tryon()
        self.garment = self._garment()

    def _tryon(self) -> tuple[UNet2DConditionModel, dict[str, Tensor]]:
        tensors = load_file(self.folder / "unet" / "diffusion_pytorch_model.safetensors")
        prefix = "encoder_hid_proj."
        resampler = {key[len(prefix) :]: tensors.pop(key) for key in list(tensors) if key.startswith(prefix)}
        config = {**_config(self.folder / "unet"), "encoder_hid_dim": None, "encoder_hid_dim_type": None}
        unet = UNet2DConditionModel.from_config(config).eval()
        for place, name in enumerate(_in_order(unet)):
            block = unet.get_submodule(name)
            block.attn1.set_processor(Joined(self.features, place))
            block.attn2.set_processor(Decoupled(*block.attn2.to_k.weight.shape))
        unet.load_state_dict(tensors)
        return unet, resampler

    def _garment(self) -> UNet2DConditionModel:
        unet = UNet2DConditionModel.from_config(_config(self.folder / "unet_encoder")).eval()
        tensors = load_file(self.folder / "unet_encoder" / "diffusion_pytorch_model.safetensors")
        unet.load_state_dict({key: tensors[key] for key in tensors if not key.startswith("add_embedding.")})
        for name in _in_order(unet):
            unet.get_submodule(name).attn1.set_processor(Remember(self.features))
        return unet

    def prompt(self, captions: Sequence[str]) -> tuple[Tensor, Tensor]:
        """``(n, 77, c)`` and ``(n, p)``."""
        states = []
        for tokenizer, encoder in zip(self.tokenizers, self.text, strict=True):
            ids = tokenizer(
                list(captions), padding="max_length", max_length=77, truncation=True, return_tensors="pt"
            ).input_ids
            states.append(encoder(ids, output_hidden_states=True))
        return torch.cat([state.hidden_states[-2] for state in states], dim=-1), states[1].text_embeds

    def tokens(self, pixels: Tensor) -> Tensor:
        """CLIP pixels to image tokens."""
        return resample(self.image(pixels, output_hidden_states=True).hidden_states[-2], self.resampler)


class Remember:
    """Self-attention of the garment UNet; keeps what it is given."""

    def __init__(self, features: list[Tensor]) -> None:
        self.features = features

    def __call__(self, attn: Any, hidden_states: Tensor, **_: Any) -> Tensor:
        self.features.append(hidden_states)
        answer = attend(attn, hidden_states, attn.to_k(hidden_states), attn.to_v(hidden_states))
        return attn.to_out[0](answer)


class Joined:
    """Self-attention of the try-on UNet over person and garment; the garment's answers are cut off."""

    def __init__(self, features: list[Tensor], place: int) -> None:
        self.features, self.place = features, place

    def __call__(self, attn: Any, hidden_states: Tensor, **_: Any) -> Tensor:
        feature = self.features[self.place]
        missing = len(hidden_states) - len(feature)
        feature = torch.cat([torch.zeros_like(feature)[:missing], feature])
        both = torch.cat([hidden_states, feature], dim=1)
        answer = attn.to_out[0](attend(attn, both, attn.to_k(both), attn.to_v(both)))
        return answer[:, : hidden_states.shape[1]]


class Decoupled(nn.Module):
    """Cross-attention to the caption (77 tokens) and, with a softmax of its own, to the image's (16)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.to_k_ip = nn.Linear(width, channels, bias=False)
        self.to_v_ip = nn.Linear(width, channels, bias=False)

    def __call__(self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor, **_: Any) -> Tensor:
        text, image = encoder_hidden_states[:, :77], encoder_hidden_states[:, 77:]
        by_text = attend(attn, hidden_states, attn.to_k(text), attn.to_v(text))
        by_image = attend(attn, hidden_states, self.to_k_ip(image), self.to_v_ip(image))
        return attn.to_out[0](by_text + by_image)


def attend(attn: Any, asking: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Softmax attention, head by head."""
    answers = []
    for q, k, v in zip(*(t.chunk(attn.heads, dim=-1) for t in (attn.to_q(asking), key, value)), strict=True):
        answers.append((q @ k.transpose(1, 2) / q.shape[-1] ** 0.5).softmax(-1) @ v)
    return torch.cat(answers, dim=-1)


def resample(hidden: Tensor, weights: dict[str, Tensor]) -> Tensor:
    """Perceiver resampler, straight from the tensors; heads of 64."""

    def norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"])

    def linear(x: Tensor, name: str) -> Tensor:
        return F.linear(x, weights[f"{name}.weight"], weights.get(f"{name}.bias"))

    x = linear(hidden, "proj_in")
    latents = weights["latents"].repeat(len(x), 1, 1)
    depth = 1 + max(int(key.split(".")[1]) for key in weights if key.startswith("layers."))
    for layer in (f"layers.{k}" for k in range(depth)):
        image, asking = norm(x, f"{layer}.0.norm1"), norm(latents, f"{layer}.0.norm2")
        query = linear(asking, f"{layer}.0.to_q").split(64, dim=-1)
        both = linear(torch.cat([image, asking], dim=1), f"{layer}.0.to_kv")
        keys, values = (half.split(64, dim=-1) for half in both.chunk(2, dim=-1))
        answers = [
            (q @ k.transpose(1, 2) / 8).softmax(-1) @ v for q, k, v in zip(query, keys, values, strict=True)
        ]
        latents = latents + linear(torch.cat(answers, dim=-1), f"{layer}.0.to_out")
        fed = F.gelu(linear(norm(latents, f"{layer}.1.0"), f"{layer}.1.1"))
        latents = latents + linear(fed, f"{layer}.1.3")
    return norm(linear(latents, "proj_out"), "norm_out")


@torch.no_grad()
def record(reference: Reference, run: Run, folder: Path) -> Path:
    """Write ``<run>.npz`` and its entry of ``index.json`` into ``folder``; the case's path."""
    arrays = _pictures(run)
    prompts = [f"model is wearing {caption}" for caption in run.captions]
    garment_prompts = [f"a photo of {caption}" for caption in run.captions]
    _sample(reference, run, arrays, prompts, garment_prompts)
    np.savez(folder / f"{run.name}.npz", **arrays)
    index = folder / "index.json"
    entries = json.loads(index.read_text()) if index.is_file() else {}
    entries[run.name] = {
        "case": {"guidance": run.guidance, "steps": run.steps},
        "person_prompts": prompts,
        "cloth_prompts": garment_prompts,
        "negative_prompt": NEGATIVE,
    }
    index.write_text(json.dumps(entries))
    return folder / f"{run.name}.npz"


def _pictures(run: Run) -> Arrays:
    random = np.random.default_rng(run.seed)
    arrays: Arrays = {}
    for k in range(len(run.captions)):
        for name in ("person", "pose", "garment"):
            coarse = random.integers(0, 256, (run.height // 8, run.width // 8, 3), np.uint8)
            picture = Image.fromarray(coarse).resize((run.width, run.height), Image.Resampling.BILINEAR)
            arrays[f"input_{name}_u8.{k}"] = np.asarray(picture)
        mask = np.zeros((run.height, run.width), np.uint8)
        mask[run.height // 4 : -9, 5 : run.width // 2 + 8 * k] = 255
        arrays[f"input_mask_u8.{k}"] = mask
    return arrays


def _sample(
    reference: Reference, run: Run, arrays: Arrays, prompts: list[str], garment_prompts: list[str]
) -> None:
    """The published sampling loop; everything on the way goes into ``arrays``."""
    rows, guided = len(run.captions), run.guidance > 1
    generator = torch.Generator().manual_seed(run.seed)
    shape = (rows, 4, run.height // 8, run.width // 8)

    def drawn(name: str, source: torch.Generator) -> torch.Generator:
        """Keep what ``source`` will draw next."""
        state = source.get_state()
        arrays[f"noise_{sum(key.startswith('noise_') for key in arrays):02d}_{name}"] = _numpy(
            torch.randn(shape, generator=source)
        )
        return source.set_state(state)

    def doubled(x: Tensor) -> Tensor:
        return torch.cat([x, x]) if guided else x

    def encoded(pixels: Tensor, source: torch.Generator) -> Tensor:
        posterior = reference.vae.encode(pixels).latent_dist
        return posterior.sample(drawn("vae", source)) * reference.vae.config.scaling_factor

    embeds, pooled = reference.prompt(prompts)
    negative, negative_pooled = reference.prompt([NEGATIVE] * rows)
    garment_embeds, _ = reference.prompt(garment_prompts)
    processor = CLIPImageProcessorPil()
    clip = torch.cat(
        [
            torch.as_tensor(np.asarray(processor(images=picture, return_tensors="np").pixel_values))
            for picture in _stack(arrays, "input_garment_u8", rows)
        ]
    )
    tokens = reference.tokens(clip)
    if guided:
        tokens = torch.cat([reference.tokens(torch.zeros_like(clip)), tokens])

    person, pose, garment = (
        torch.from_numpy(_stack(arrays, f"input_{name}_u8", rows)).permute(0, 3, 1, 2).float() / 127.5 - 1
        for name in ("person", "pose", "garment")
    )
    mask = torch.from_numpy(_stack(arrays, "input_mask_u8", rows))[:, None].float() / 255
    latents = torch.randn(shape, generator=drawn("latent", generator))
    masked_latent = encoded(torch.where(mask < 0.5, person, torch.zeros(())), generator)
    pose_latent = encoded(pose, torch.Generator().manual_seed(run.seed + 1000))  # the reference's global one
    garment_latent = encoded(garment, generator)
    static = doubled(torch.cat([mask[..., ::8, ::8], masked_latent, pose_latent], dim=1))

    scheduler = DDPMScheduler.from_pretrained(reference.folder, subfolder="scheduler")
    scheduler.set_timesteps(run.steps)
    time_ids = torch.tensor([[run.height, run.width, 0, 0, run.height, run.width]]).float()
    told = {
        "text_embeds": torch.cat([negative_pooled, pooled]) if guided else pooled,
        "time_ids": time_ids.repeat(len(tokens), 1),
    }
    context = torch.cat([torch.cat([negative, embeds]) if guided else embeds, tokens], dim=1)
    for k, timestep in enumerate(scheduler.timesteps):
        reference.features.clear()
        reference.garment(garment_latent, timestep, encoder_hidden_states=garment_embeds)
        for i, feature in enumerate(reference.features):
            arrays[f"garment_feat_step{k}.{i:03d}"] = _numpy(feature)
        seen = torch.cat([doubled(latents), static], dim=1)
        prediction = reference.unet(
            seen, timestep, encoder_hidden_states=context, added_cond_kwargs=told
        ).sample
        arrays[f"unet_out_step{k}"] = _numpy(prediction)
        if k == 0:
            arrays["unet_in_sample"] = _numpy(seen)
        if guided:
            without, with_prompt = prediction.chunk(2)
            prediction = without + run.guidance * (with_prompt - without)
        latents = scheduler.step(
            prediction, timestep, latents, generator=drawn("step", generator)
        ).prev_sample
        arrays[f"latents_step{k}"] = _numpy(latents)
    decoded = reference.vae.decode(latents / reference.vae.config.scaling_factor).sample
    final = ((decoded / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
    arrays.update({f"final_u8.{k}": picture.numpy() for k, picture in enumerate(final)})
    recorded = {
        "prompt_embeds": embeds,
        "pooled_prompt_embeds": pooled,
        "negative_prompt_embeds": negative,
        "negative_pooled_prompt_embeds": negative_pooled,
        "prompt_embeds_cloth": garment_embeds,
        "image_encoder_in_cond": clip,
        "image_proj_out": tokens,
        "input_pose_tensor": pose,
        "input_cloth_tensor": garment,
        "vae_decode_out": decoded,
    }
    arrays.update({name: _numpy(value) for name, value in recorded.items()})


def _in_order(unet: UNet2DConditionModel) -> list[str]:
    """Names of the transformer blocks as the forward pass meets them."""
    names = [
        name for name, module in unet.named_modules() if name.split(".")[-2:-1] == ["transformer_blocks"]
    ]
    return sorted(names, key=lambda name: ("down_blocks", "mid_block", "up_blocks").index(name.split(".")[0]))


def _config(folder: Path) -> dict[str, Any]:
    return {
        key: value
        for key, value in json.loads((folder / "config.json").read_text()).items()
        if not key.startswith("_")
    }


def _stack(arrays: Arrays, name: str, rows: int) -> NDArray[np.uint8]:
    return np.stack([arrays[f"{name}.{k}"] for k in range(rows)])


def _numpy(tensor: Tensor) -> NDArray[Any]:
    return tensor.detach().numpy().copy()
