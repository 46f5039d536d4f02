"""Makes a tiny random IDM-VTON checkpoint in the published layout, so that tests need no weights.

Same files, keys, configuration (strays of training included) and tokenizer conventions as the published
repository; a few channels instead of 1280, two transformer blocks deep instead of ten. The networks are the
stock ones of diffusers and transformers: nothing here comes from the engine that is tested with it.

    python -m tests.idm_vton_checkpoint FOLDER [--width 8] [--pickled-unet]
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from tests.clip_tokenizer import vocabulary, write_json, write_tokenizers

Config = dict[str, Any]
Tensors = dict[str, Tensor]

QUERIES, DEPTH, HEAD_DIM = 16, 2, 64  # of the resampler
TEXT, TEXT_2, IMAGE = 16, 24, 24  # channels of the encoders, for width 1
EMA = {
    "decay": 0.9999,
    "inv_gamma": 1.0,
    "min_decay": 0.0,
    "optimization_step": 37000,
    "power": 0.6666666666666666,
    "update_after_step": 0,
    "use_ema_warmup": False,
}
"""What the training script left in the published config of the try-on UNet."""
BRANCH_ENDS = (
    "conv2.weight",
    "to_out.0.weight",
    "net.2.weight",
    "proj_out.weight",
    "fc2.weight",
    "out_proj.weight",
)
"""What writes into the residual streams."""


def make_checkpoint(folder: Path, *, seed: int = 0, width: int = 1, pickled_unet: bool = False) -> Path:
    """Write the checkpoint into ``folder`` (made if need be), float32; about 4 MB at ``width`` 1.

    ``width`` multiplies all channels and leaves the numbers of heads, tokens and layers: at 8 a head of the
    UNets has the published 64 channels. ``pickled_unet`` stores the try-on UNet as the published repository
    does: a pickle instead of safetensors. Returns ``folder``.
    """
    generator = torch.Generator().manual_seed(seed)
    write_tokenizers(folder)
    write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULER)
    write_json(folder / "model_index.json", MODEL_INDEX)
    for component, (config, tensors) in _components(width, generator).items():
        write_json(folder / component / "config.json", config)
        name = "model" if "_class_name" not in config else "diffusion_pytorch_model"
        path = folder / component / f"{name}.safetensors"
        if component == "unet" and pickled_unet:
            torch.save(tensors, path.with_suffix(".bin"))
        else:
            save_file(tensors, path, metadata={"format": "pt"})
    return folder


def _components(width: int, generator: torch.Generator) -> dict[str, tuple[Config, Tensors]]:
    """Component -> its config as published and its tensors."""
    tryon, garment, vae = _tryon_config(width), _garment_config(width), _vae_config(width)
    stock = {key: value for key, value in tryon.items() if key not in EMA}
    unet = _shapes(
        _stock(UNet2DConditionModel, {**stock, "encoder_hid_dim": None, "encoder_hid_dim_type": None})
    )
    unet_encoder = _shapes(_stock(UNet2DConditionModel, garment))
    clip = {
        "text_encoder": (
            _text_config(width, TEXT, layers=2, act="quick_gelu"),
            CLIPTextConfig,
            CLIPTextModel,
        ),
        "text_encoder_2": (
            _text_config(width, TEXT_2, layers=3, act="gelu"),
            CLIPTextConfig,
            CLIPTextModelWithProjection,
        ),
        "image_encoder": (_image_config(width), CLIPVisionConfig, CLIPVisionModelWithProjection),
    }
    shapes: dict[str, tuple[Config, dict[str, torch.Size]]] = {
        "unet": (tryon, {**unet, **_image_projections(unet, tryon), **_resampler(width, tryon)}),
        "unet_encoder": (garment, {**unet_encoder, **_strays(unet)}),
        "vae": (vae, _shapes(_stock(AutoencoderKL, vae))),
        **{name: (config, _clip_shapes(config, kind, model)) for name, (config, kind, model) in clip.items()},
    }
    return {name: (config, _random(sizes, generator)) for name, (config, sizes) in shapes.items()}


def _random(shapes: Mapping[str, torch.Size], generator: torch.Generator) -> Tensors:
    return {name: _random_tensor(name, shape, generator) for name, shape in sorted(shapes.items())}


def _random_tensor(name: str, shape: torch.Size, generator: torch.Generator) -> Tensor:
    """Weights that keep signals of order 1 and let no mistake pass unseen.

    Norms scale and shift (norming twice shows), queries and keys are large enough for attention to choose
    (uniform attention hides which keys were there), residual branches add half as much as they are given
    (at full strength rounding grows a hundredfold on the way through the blocks).
    """
    noise = torch.randn(shape, generator=generator)
    if name.endswith(".bias"):
        return 0.2 * noise
    if len(shape) == 1:
        return noise if name.endswith("class_embedding") else 1 + 0.3 * noise  # the others are norms
    if name.endswith(("token_embedding.weight", "position_embedding.weight", "latents")):
        return noise
    gain = 1.0
    if name.endswith(("to_q.weight", "to_k.weight", "q_proj.weight", "k_proj.weight")):
        gain = 1.5
    elif name.endswith(BRANCH_ENDS):
        gain = 0.5
    return gain * noise / math.sqrt(math.prod(shape[1:]))


def _stock(model: type[nn.Module], config: Config) -> nn.Module:
    with torch.device("meta"):
        return model(**{key: value for key, value in config.items() if not key.startswith("_")})


def _shapes(model: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in model.state_dict().items()}


def _clip_shapes(config: Config, kind: type[Any], model: type[nn.Module]) -> dict[str, torch.Size]:
    """Published keys have the module that transformers 5 dropped from its text model."""
    with torch.device("meta"):
        shapes = _shapes(model(kind.from_dict(config)))
    outer = ("text_model.", "vision_model.", "text_projection.", "visual_projection.")
    return {name if name.startswith(outer) else f"text_model.{name}": size for name, size in shapes.items()}


def _image_projections(unet: Mapping[str, torch.Size], config: Config) -> dict[str, torch.Size]:
    """``to_k_ip`` and ``to_v_ip`` beside every projection of the text's keys."""
    return {
        key.replace("to_k.weight", f"processor.to_{which}_ip.weight"): torch.Size(
            (shape[0], config["cross_attention_dim"])
        )
        for key, shape in unet.items()
        if key.endswith("attn2.to_k.weight")
        for which in "kv"
    }


def _resampler(width: int, config: Config) -> dict[str, torch.Size]:
    dim, inner, out = 32 * width, 2 * HEAD_DIM, config["cross_attention_dim"]
    shapes: dict[str, tuple[int, ...]] = {
        "latents": (1, QUERIES, dim),
        "proj_in.weight": (dim, config["encoder_hid_dim"]),
        "proj_in.bias": (dim,),
        "proj_out.weight": (out, dim),
        "proj_out.bias": (out,),
        "norm_out.weight": (out,),
        "norm_out.bias": (out,),
    }
    for layer in (f"layers.{index}" for index in range(DEPTH)):
        for norm in ("0.norm1", "0.norm2", "1.0"):
            shapes |= {f"{layer}.{norm}.weight": (dim,), f"{layer}.{norm}.bias": (dim,)}
        shapes |= {
            f"{layer}.0.to_q.weight": (inner, dim),
            f"{layer}.0.to_kv.weight": (2 * inner, dim),
            f"{layer}.0.to_out.weight": (dim, inner),
            f"{layer}.1.1.weight": (4 * dim, dim),
            f"{layer}.1.3.weight": (dim, 4 * dim),
        }
    return {f"encoder_hid_proj.{name}": torch.Size(shape) for name, shape in shapes.items()}


def _strays(unet: Mapping[str, torch.Size]) -> dict[str, torch.Size]:
    """The published garment UNet keeps SDXL's ``add_embedding``, for which its config has no module."""
    return {name: shape for name, shape in unet.items() if name.startswith("add_embedding.")}


def _unet_config(width: int) -> Config:
    return {
        "_class_name": "UNet2DConditionModel",
        "act_fn": "silu",
        "addition_embed_type_num_heads": 64,
        "addition_time_embed_dim": 8,
        "attention_head_dim": [1, 2, 4],
        "block_out_channels": [8 * width, 16 * width, 32 * width],
        "center_input_sample": False,
        "class_embed_type": None,
        "class_embeddings_concat": False,
        "conv_in_kernel": 3,
        "conv_out_kernel": 3,
        "cross_attention_dim": (TEXT + TEXT_2) * width,
        "cross_attention_norm": None,
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "downsample_padding": 1,
        "dual_cross_attention": False,
        "flip_sin_to_cos": True,
        "freq_shift": 0,
        "layers_per_block": 2,
        "mid_block_only_cross_attention": None,
        "mid_block_scale_factor": 1,
        "mid_block_type": "UNetMidBlock2DCrossAttn",
        "norm_eps": 1e-05,
        "norm_num_groups": 4,
        "num_attention_heads": None,
        "num_class_embeds": None,
        "only_cross_attention": False,
        "out_channels": 4,
        "projection_class_embeddings_input_dim": 6 * 8 + TEXT_2 * width,
        "resnet_out_scale_factor": 1.0,
        "resnet_skip_time_act": False,
        "resnet_time_scale_shift": "default",
        "sample_size": 16,
        "time_cond_proj_dim": None,
        "time_embedding_act_fn": None,
        "time_embedding_dim": None,
        "time_embedding_type": "positional",
        "timestep_post_act": None,
        "transformer_layers_per_block": [1, 2, 2],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "upcast_attention": None,
        "use_linear_projection": True,
    }


def _tryon_config(width: int) -> Config:
    return {
        **_unet_config(width),
        **EMA,
        "_diffusers_version": "0.25.0",
        "_name_or_path": "valhalla/sdxl-inpaint-ema",
        "addition_embed_type": "text_time",
        "attention_type": "default",
        "encoder_hid_dim": IMAGE * width,
        "encoder_hid_dim_type": "ip_image_proj",
        "in_channels": 13,
    }


def _garment_config(width: int) -> Config:
    """Without ``addition_embed_type``, as published: no embedding of size and pooled prompt."""
    return {
        **_unet_config(width),
        "_diffusers_version": "0.19.0.dev0",
        "encoder_hid_dim": None,
        "encoder_hid_dim_type": None,
        "in_channels": 4,
    }


def _vae_config(width: int) -> Config:
    return {
        "_class_name": "AutoencoderKL",
        "_diffusers_version": "0.21.0.dev0",
        "_name_or_path": "madebyollin/sdxl-vae-fp16-fix",
        "act_fn": "silu",
        "block_out_channels": [8 * width, 8 * width, 16 * width, 16 * width],
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "force_upcast": False,
        "in_channels": 3,
        "latent_channels": 4,
        "layers_per_block": 2,
        "norm_num_groups": 4,
        "out_channels": 3,
        "sample_size": 64,
        "scaling_factor": 0.13025,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
    }


def _clip_config(kind: str, model_type: str, channels: int, layers: int, act: str) -> Config:
    return {
        "architectures": [kind],
        "attention_dropout": 0.0,
        "dropout": 0.0,
        "hidden_act": act,
        "hidden_size": channels,
        "initializer_factor": 1.0,
        "initializer_range": 0.02,
        "intermediate_size": 4 * channels,
        "layer_norm_eps": 1e-05,
        "model_type": model_type,
        "num_attention_heads": 2,
        "num_hidden_layers": layers,
        "torch_dtype": "float32",
    }


def _text_config(width: int, channels: int, *, layers: int, act: str) -> Config:
    kind = "CLIPTextModel" if channels == TEXT else "CLIPTextModelWithProjection"
    return {
        **_clip_config(kind, "clip_text_model", channels * width, layers, act),
        "bos_token_id": 0,
        "eos_token_id": 2,  # legacy value: the summary is read at the largest token id
        "max_position_embeddings": 77,
        "pad_token_id": 1,
        "projection_dim": TEXT_2 * width,
        "vocab_size": len(vocabulary()),
    }


def _image_config(width: int) -> Config:
    return {
        **_clip_config("CLIPVisionModelWithProjection", "clip_vision_model", IMAGE * width, 2, "gelu"),
        "_name_or_path": "./image_encoder",
        "image_size": 224,
        "num_channels": 3,
        "patch_size": 14,
        "projection_dim": TEXT * width,
    }


SCHEDULER: Config = {
    "_class_name": "DDPMScheduler",
    "_diffusers_version": "0.21.0.dev0",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "interpolation_type": "linear",
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "sample_max_value": 1.0,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "timestep_spacing": "leading",
    "trained_betas": None,
    "use_karras_sigmas": False,
    "rescale_betas_zero_snr": True,
}

MODEL_INDEX: Config = {
    "_class_name": "StableDiffusionXLInpaintPipeline",
    "_diffusers_version": "0.25.0",
    "_name_or_path": "stabilityai/stable-diffusion-xl-base-1.0",
    "force_zeros_for_empty_prompt": True,
    "requires_aesthetics_score": False,
    "scheduler": ["diffusers", "DDPMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "tokenizer_2": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
"""As published: it names neither the garment UNet nor the image encoder."""


def _main() -> None:
    parser = argparse.ArgumentParser(description="Tiny random IDM-VTON checkpoint in the published layout")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--width", type=int, default=1)
    parser.add_argument("--pickled-unet", action="store_true")
    options = parser.parse_args()
    make_checkpoint(options.folder, seed=options.seed, width=options.width, pickled_unet=options.pickled_unet)


if __name__ == "__main__":
    _main()
