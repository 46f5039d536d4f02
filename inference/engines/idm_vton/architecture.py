"""The published architecture as plain data: enough to build or count every network without a file of weights.

Facts of the configuration files of ``yisol/IDM-VTON`` (Hugging Face), reduced to what the constructors of
diffusers and transformers take and where their default differs or is not obvious. A checkpoint on disk is
always built from its own files; these are for planning memory and counting operations before there is one.
Imports neither torch nor a service, so that torch-free code may read it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

Config = Mapping[str, object]
"""A checkpoint's ``config.json``, or an entry of :data:`PUBLISHED`."""

CANVAS = (768, 1024)
"""Width and height in pixels of the training pictures."""
TEXT_TOKENS = 77
CLIP_TOKENS = 257
"""Of the image encoder: 16 x 16 patches of 14 pixels and the class token."""


@dataclass(frozen=True, kw_only=True)
class ResamplerSizes:
    """A Perceiver resampler (Alayrac et al. 2022) from image features to prompt tokens."""

    dim: int = 1280
    depth: int = 4
    heads: int = 20
    head_dim: int = 64
    """The one size that no tensor shows."""
    queries: int = 16
    feed_forward: int = 5120
    features: int = 1280
    """Channels of the image encoder's tokens."""
    out: int = 2048

    @property
    def inner(self) -> int:
        return self.heads * self.head_dim


RESAMPLER = ResamplerSizes()


def resampler_sizes(shapes: Mapping[str, Sequence[int]]) -> ResamplerSizes:
    """From its tensors: the published code writes the sizes into the UNet whatever its config says.

    ``shapes``: name (without ``encoder_hid_proj.``) -> shape. Raises ``KeyError`` naming a tensor that is not
    there.
    """
    inner, dim = shapes["layers.0.0.to_q.weight"]
    return ResamplerSizes(
        dim=dim,
        depth=1 + max(int(name.split(".")[1]) for name in shapes if name.startswith("layers.")),
        heads=inner // ResamplerSizes.head_dim,
        queries=shapes["latents"][1],
        feed_forward=shapes["layers.0.1.1.weight"][0],
        features=shapes["proj_in.weight"][1],
        out=shapes["proj_out.weight"][0],
    )


# SDXL. `attention_head_dim` holds numbers of heads (64 channels each): a naming quirk that diffusers keeps.
_SDXL: Config = {
    "sample_size": 128,
    "out_channels": 4,
    "block_out_channels": (320, 640, 1280),
    "layers_per_block": 2,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "mid_block_type": "UNetMidBlock2DCrossAttn",
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "norm_num_groups": 32,
    "norm_eps": 1e-5,
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}

_CLIP_TEXT: Config = {"vocab_size": 49408, "max_position_embeddings": TEXT_TOKENS, "eos_token_id": 2}

PUBLISHED: Mapping[str, Config] = MappingProxyType(
    {
        # 13 channels in: noisy latent 4, mask 1, masked photo 4, dense pose 4.
        "unet": {
            **_SDXL,
            "in_channels": 13,
            "addition_embed_type": "text_time",
            "encoder_hid_dim": 1280,
            "encoder_hid_dim_type": "ip_image_proj",
        },
        "unet_encoder": {**_SDXL, "in_channels": 4, "addition_embed_type": None},
        "vae": {
            "sample_size": 512,
            "in_channels": 3,
            "out_channels": 3,
            "latent_channels": 4,
            "block_out_channels": (128, 256, 512, 512),
            "layers_per_block": 2,
            "down_block_types": ("DownEncoderBlock2D",) * 4,
            "up_block_types": ("UpDecoderBlock2D",) * 4,
            "norm_num_groups": 32,
            "scaling_factor": 0.13025,
            "force_upcast": False,
        },
        "text_encoder": {
            **_CLIP_TEXT,
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "hidden_act": "quick_gelu",
            "projection_dim": 768,
        },
        "text_encoder_2": {
            **_CLIP_TEXT,
            "hidden_size": 1280,
            "intermediate_size": 5120,
            "num_hidden_layers": 32,
            "num_attention_heads": 20,
            "hidden_act": "gelu",
            "projection_dim": 1280,
        },
        "image_encoder": {
            "hidden_size": 1280,
            "intermediate_size": 5120,
            "num_hidden_layers": 32,
            "num_attention_heads": 16,
            "hidden_act": "gelu",
            "projection_dim": 1024,
            "image_size": 224,
            "patch_size": 14,
        },
        "scheduler": {
            "num_train_timesteps": 1000,
            "beta_start": 0.00085,
            "beta_end": 0.012,
            "beta_schedule": "scaled_linear",
            "prediction_type": "epsilon",
            "timestep_spacing": "leading",
            "steps_offset": 1,
            "clip_sample": False,
            "rescale_betas_zero_snr": True,
        },
    }
)
"""Folder of the checkpoint -> arguments of its class."""
