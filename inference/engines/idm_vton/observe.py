"""A way to look at the numbers inside a run: what parity is measured with."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Observe(Protocol):
    """Called where a number appears; must not change it.

    Once: ``prompt_embeds``, ``pooled_prompt_embeds``, ``image_tokens`` (a row for each picture), the same
    three with ``negative_`` before (one row; with guidance only), ``prompt_embeds_cloth`` (a row for each
    garment), ``decoded_image``. At each step ``k`` from 0: ``garment_features.{k}`` (all of them),
    ``unet_input.{k}``, ``noise_prediction.{k}`` (with guidance the unconditional half first),
    ``latents.{k}``.
    """

    def __call__(self, what: str, *tensors: Tensor) -> None: ...


def ignore(what: str, *tensors: Tensor) -> None:
    """Nobody looks."""
