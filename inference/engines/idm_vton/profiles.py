"""Memory profiles: which parts of IDM-VTON live where, and when; torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inference.engines.idm_vton.sizes import COMPONENTS, Component


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Which parts stay on the GPU; the others are there only while they compute."""

    name: str
    stays: frozenset[Component]
    float8: frozenset[Component] = frozenset()
    """Stored in 8 bits, computed in full: approximate."""
    streams: bool = False
    """The garment UNet's widest blocks come in from host memory one by one, the next while one computes."""
    tiles: bool = False
    """The VAE may work in tiles where the whole picture does not fit: approximate, the tone may shift."""
    vae_batch: bool = False
    """The three pictures of a request are encoded at once."""


PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(name="24gb", stays=frozenset(COMPONENTS), vae_batch=True),
        Profile(name="16gb", stays=frozenset({"vae", "unet_text", "unet", "garment_text", "garment_unet"})),
        Profile(name="12gb", stays=frozenset({"vae", "unet"})),
        Profile(
            name="8gb",
            stays=frozenset({"vae", "unet"}),
            float8=frozenset({"unet", "garment_unet"}),
            streams=True,
            tiles=True,
        ),
        Profile(name="cpu", stays=frozenset(COMPONENTS)),
    )
}
"""Fastest first. ``cpu`` is no profile of a GPU: everything computes in host memory."""

STAGES: Mapping[str, frozenset[Component]] = {
    "text": frozenset({"text_encoder", "text_encoder_2"}),
    "garment picture": frozenset({"image_encoder", "resampler"}),
    "encode": frozenset({"vae"}),
    "prompt keys": frozenset({"unet_text"}),
    "garment prompt keys": frozenset({"garment_text"}),
    "denoise": frozenset({"unet", "garment_unet"}),
    "denoise, known garment": frozenset({"unet"}),
    "decode": frozenset({"vae"}),
}
"""Stage -> what computes in it."""

READING: tuple[tuple[Component, ...], ...] = (
    ("unet", "unet_text", "resampler"),
    ("garment_unet", "garment_text"),
    ("text_encoder",),
    ("text_encoder_2",),
    ("image_encoder",),
    ("vae",),
)
"""What comes from one file each, in the order in which :mod:`.models` reads them: the largest first, while
there is nothing else in host memory."""
