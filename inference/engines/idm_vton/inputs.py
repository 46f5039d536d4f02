"""What one call of the sampler is given: pictures as tensors, and captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from inference.engines.idm_vton.canvas import CanvasInputs
from preprocess.types import Rgb

NEGATIVE_PROMPT = "monochrome, lowres, bad anatomy, worst quality, low quality"
"""Of the published demo."""
CLIP_SIDE = 224
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
"""Red, green, blue in 0..1 (Radford et al. 2021, the released preprocessing)."""
LATENT_SCALE = 8
"""Pixels to a latent cell, along each side."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """P persons, each to wear one of G garments: G = P, or G = 1 for the same garment on everybody.

    Colours are RGB; height H and width W are the same for all pictures and divisible by 8. ``float32`` on
    the CPU.
    """

    person: Tensor
    """``(P, 3, H, W)`` in -1..1."""
    mask: Tensor
    """``(P, 1, H, W)``: 1 = to be repainted, 0 = kept."""
    pose: Tensor
    """``(P, 3, H, W)`` in -1..1: dense pose in the reference's colours, black background."""
    garment: Tensor
    """``(G, 3, H, W)`` in -1..1."""
    garment_clip: Tensor
    """``(G, 3, 224, 224)``: the garment as CLIP's image encoder wants it."""
    prompts: tuple[str, ...]
    """P captions of the result."""
    garment_prompts: tuple[str, ...]
    """G captions of the garment alone."""
    negative_prompt: str = NEGATIVE_PROMPT

    def __post_init__(self) -> None:
        persons, garments = len(self.person), len(self.garment)
        height, width = self.person.shape[-2:]
        expected = {
            "person": (persons, 3, height, width),
            "mask": (persons, 1, height, width),
            "pose": (persons, 3, height, width),
            "garment": (garments, 3, height, width),
            "garment_clip": (garments, 3, CLIP_SIDE, CLIP_SIDE),
        }
        for name, shape in expected.items():
            got = tuple(getattr(self, name).shape)
            if got != shape:
                raise ValueError(f"{name} is {got}, must be {shape}")
        if height % LATENT_SCALE or width % LATENT_SCALE:
            raise ValueError(
                f"height and width must be divisible by {LATENT_SCALE}, got {height} and {width}"
            )
        if garments not in (1, persons):
            raise ValueError(f"{garments} garments for {persons} persons: one for all, or one for each")
        if (len(self.prompts), len(self.garment_prompts)) != (persons, garments):
            raise ValueError(
                f"{len(self.prompts)} prompts for {persons} persons, "
                f"{len(self.garment_prompts)} for {garments} garments: one for each"
            )


def inputs_of(
    canvases: Sequence[CanvasInputs], *, prompts: Sequence[str], garment_prompts: Sequence[str]
) -> Inputs:
    """Tensors of canvases (``uint8`` RGB, all of one size), each with its own garment."""
    return Inputs(
        person=_signed([canvas.person for canvas in canvases]),
        mask=torch.stack([torch.from_numpy(canvas.mask)[None].float() for canvas in canvases]),
        pose=_signed([canvas.pose for canvas in canvases]),
        garment=_signed([canvas.garment for canvas in canvases]),
        garment_clip=clip_pixels([canvas.clip for canvas in canvases]),
        prompts=tuple(prompts),
        garment_prompts=tuple(garment_prompts),
    )


def clip_pixels(pictures: Sequence[Rgb]) -> Tensor:
    """``uint8 (H, W, 3)`` RGB pictures as CLIP wants them: ``float32 (n, 3, 224, 224)``, normalised.

    The shorter side becomes 224 (Pillow's bicubic, as in training: it filters before it samples, OpenCV's
    does not), then the middle square is taken.
    """
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (CLIP_MEAN, CLIP_STD))
    return (_stack([_clip_square(picture) for picture in pictures]) / 255 - mean) / std


def _clip_square(picture: Rgb) -> Rgb:
    height, width = picture.shape[:2]
    size = (CLIP_SIDE * width // min(height, width), CLIP_SIDE * height // min(height, width))
    left, top = ((side - CLIP_SIDE) // 2 for side in size)
    scaled = Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(scaled.crop((left, top, left + CLIP_SIDE, top + CLIP_SIDE)))


def _signed(pictures: Sequence[Rgb]) -> Tensor:
    return _stack(pictures) / 127.5 - 1


def _stack(pictures: Sequence[Rgb]) -> Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float()
