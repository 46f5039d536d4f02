"""Captions, the garment's picture and pixels to what the UNets are conditioned on; latents back to pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from transformers import PreTrainedModel

from inference.engines.idm_vton.activations import VAE_BATCH
from inference.engines.idm_vton.inputs import CLIP_SIDE
from inference.engines.idm_vton.models import Models, Text


def encode_text(models: Models, captions: Sequence[str]) -> Text:
    """One row for each caption; equal captions are encoded once. Longer than 77 tokens is cut.

    Per encoder the last but one hidden state, without the final norm; the summary is the second encoder's.
    """
    unique = list(dict.fromkeys(captions))
    hidden, pooled = [], torch.empty(0)
    for tokenizer, encoder in (
        (models.tokenizer, models.text_encoder),
        (models.tokenizer_2, models.text_encoder_2),
    ):
        tokens = tokenizer(
            unique,
            padding="max_length",
            max_length=tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        )
        encoded = encoder(tokens.input_ids.to(models.device), output_hidden_states=True)
        hidden.append(encoded.hidden_states[_last_but_one(encoder)])
        if encoder is models.text_encoder_2:
            pooled = encoded.text_embeds
    rows = [unique.index(caption) for caption in captions]
    return Text(embeds=torch.cat(hidden, dim=-1)[rows], pooled=pooled[rows])


def encode_negative(models: Models, prompt: str, *, keep: bool) -> Text:
    """One row for the negative prompt; computed once for each checkpoint where ``keep``."""
    kept = models.constants.negative
    if keep and kept is not None and kept[0] == prompt:
        return kept[1]
    text = encode_text(models, [prompt])
    if keep:
        models.constants.negative = (prompt, text)
    return text


def encode_image(models: Models, pixels: Tensor) -> Tensor:
    """CLIP-normalised ``(n, 3, 224, 224)`` to image tokens ``(n, 16, 2048)``: last but one hidden state,
    resampled."""
    encoder = models.image_encoder
    encoded = encoder(pixels.to(models.device, encoder.dtype), output_hidden_states=True)
    tokens: Tensor = models.resampler(encoded.hidden_states[_last_but_one(encoder)])
    return tokens


def _last_but_one(encoder: PreTrainedModel) -> int:
    """Number of the hidden state wanted; the layer behind it may not have been loaded."""
    depth: int = encoder.config.num_hidden_layers
    return depth - 1


def encode_no_image(models: Models, *, keep: bool) -> Tensor:
    """``(1, 16, 2048)`` of the unconditional half: an all-zero picture goes through the encoder like any
    other."""
    if keep and models.constants.no_image is not None:
        return models.constants.no_image
    tokens = encode_image(models, torch.zeros(1, 3, CLIP_SIDE, CLIP_SIDE))
    if keep:
        models.constants.no_image = tokens
    return tokens


@dataclass(frozen=True, kw_only=True)
class Posterior:
    """What the VAE says of pictures: a normal distribution over latents, ``float32 (n, 4, H/8, W/8)``."""

    mean: Tensor
    deviation: Tensor
    scale: float
    """The VAE's scaling factor: latents are ``scale`` times what it encodes."""

    def sample(self, noise: Tensor) -> Tensor:
        """Scaled latents for standard normal ``noise`` of the same shape, on the CPU."""
        return (self.mean + self.deviation * noise.to(self.mean)) * self.scale

    def repeat(self, times: int) -> Posterior:
        """Each picture ``times`` times in a row."""
        return replace(
            self,
            mean=self.mean.repeat_interleave(times, 0),
            deviation=self.deviation.repeat_interleave(times, 0),
        )


def encode_pixels(models: Models, stacks: Sequence[Tensor], *, batch: bool) -> list[Posterior]:
    """Posteriors of several stacks of pictures ``(n, 3, H, W)`` in -1..1; a stack may be empty.

    ``batch`` encodes :data:`VAE_BATCH` pictures at once, however many there are: that is what the memory plan
    counts. Otherwise one after another.
    """
    vae = models.vae
    pixels = torch.cat(list(stacks)).to(models.device, vae.dtype)
    encoded = [vae.encode(part).latent_dist for part in pixels.split(VAE_BATCH if batch else 1)]
    sizes = [len(stack) for stack in stacks]
    means = torch.cat([part.mean for part in encoded]).float().split(sizes)
    deviations = torch.cat([part.std for part in encoded]).float().split(sizes)
    return [
        Posterior(mean=mean, deviation=deviation, scale=vae.config.scaling_factor)
        for mean, deviation in zip(means, deviations, strict=True)
    ]


def decode_latents(models: Models, latents: Tensor) -> Tensor:
    """Scaled ``(n, 4, h, w)`` to ``float32 (n, 3, 8h, 8w)`` around -1..1, one picture after another.

    One at a time: decoding needs the most memory of all stages, and one picture fills a GPU.
    """
    vae = models.vae
    scaled = latents.to(models.device, vae.dtype) / vae.config.scaling_factor
    return torch.cat([vae.decode(one).sample.float() for one in scaled.split(1)])
