"""Pictures as latents: what the try-on UNet repaints, what it must keep, and the garment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor

from inference.engines.idm_vton.encoders import encode_pixels
from inference.engines.idm_vton.inputs import LATENT_SCALE, Inputs
from inference.engines.idm_vton.models import Models
from inference.engines.idm_vton.noise import NoiseSource
from inference.engines.idm_vton.settings import SamplingSettings


@dataclass(frozen=True, kw_only=True)
class Latents:
    """Where a request of B pictures with G garments starts; h and w are an eighth of the pixels'."""

    noise: Tensor
    """``float32 (B, 4, h, w)``: pure noise, the picture before the first step."""
    static: Tensor
    """``(B, 9, h, w)``: mask 1 (1 = repaint), masked person 4, dense pose 4; the same at every step."""
    garment: Tensor
    """``float32 (n, 4, h, w)``, clean, of the garments that are needed."""


def encode_latents(
    models: Models,
    inputs: Inputs,
    settings: SamplingSettings,
    noise: NoiseSource,
    *,
    garments: Sequence[int],
    mean_garment: bool,
) -> Latents:
    """Encode the pictures and draw their posteriors, in the reference's order.

    ``garments``: numbers of those to encode. ``mean_garment`` takes the garment posterior's mean instead of
    a draw.
    """
    samples = settings.samples
    height, width = (side // LATENT_SCALE for side in inputs.person.shape[-2:])
    shape = (len(inputs.person) * samples, 4, height, width)
    hidden = inputs.person * (1 - inputs.mask)  # what is to be repainted becomes 0: mid grey
    needed = list(garments)
    with models.placement.on("vae"):
        person, pose, garment = encode_pixels(
            models, (hidden, inputs.pose, inputs.garment[needed]), batch=settings.savings.vae_batch
        )

    start = noise.draw("latent", shape)
    person_latent = person.repeat(samples).sample(noise.draw("masked", shape))
    pose_latent = pose.repeat(samples).sample(noise.draw("pose", shape))
    # Drawn even where nothing uses it: the steps' noise must not depend on what a cache holds.
    garment_noise = noise.draw("garment", (len(inputs.garment), *shape[1:]))
    if mean_garment:
        garment_noise = torch.zeros_like(garment_noise)

    # "nearest" takes one pixel of each 8x8 cell; the UNet was trained on that, not on a maximum.
    mask = F.interpolate(inputs.mask, size=(height, width), mode="nearest").repeat_interleave(samples, 0)
    static = torch.cat([mask.to(models.device), person_latent, pose_latent], dim=1)
    return Latents(
        noise=start.to(models.device),
        static=static.to(models.dtype),
        garment=garment.sample(garment_noise[needed]),
    )
