"""The plan of a memory profile: what lives on the GPU in which stage, and how much that takes.

Everything is computed before anything is loaded; a plan that does not fit is refused, instead of spilling
into memory that is slow. Torch-free arithmetic: how much is free comes in as numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from inference.engines.base import OutOfMemory
from inference.engines.idm_vton.activations import (
    Work,
    decode_bytes,
    denoise_bytes,
    encode_bytes,
    garment_prompt_bytes,
    image_bytes,
    prompt_bytes,
    text_bytes,
)
from inference.engines.idm_vton.layers import Weights, integer
from inference.engines.idm_vton.profiles import PROFILES, READING, STAGES, Profile
from inference.engines.idm_vton.sizes import (
    COMPONENTS,
    Architecture,
    Component,
    component_weights,
    streamed_weights,
)

RESERVE = 768_000_000
"""Bytes of GPU memory to leave for what is not a tensor of the networks: workspaces of cuDNN and cuBLAS,
kernels, the allocator's rounding. A guess: nobody has measured it (``bench/idm_vton_gpu.py`` prints it)."""

HOST_BASE = 1_500_000_000
"""Bytes of host memory of Python, torch with its CUDA libraries, and the pictures of a request. Estimated."""

SCALE_BYTES = 4
"""Float32 scale of each output channel of a matrix in 8 bits."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What there is."""

    device_bytes: int | None
    """Free memory of the GPU; None: there is none, everything computes in host memory."""
    host_bytes: int | None
    """Free memory of the machine; None: unknown."""
    shared: bool = False
    """GPU and host share one memory (Apple silicon), which cannot hold 8-bit floats."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Planned bytes on the device while one stage runs."""

    name: str
    weights: int
    activations: int

    @property
    def peak(self) -> int:
        return self.weights + self.activations


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A profile with its numbers for one kind of request."""

    profile: Profile
    work: Work
    stages: tuple[Stage, ...]
    host: int
    """Most bytes of host memory, while loading or later."""
    tiling: bool = False

    @property
    def peak(self) -> int:
        """Most bytes of tensors on the device."""
        return max(stage.peak for stage in self.stages)

    @property
    def need(self) -> int:
        """Bytes that must be free on the device before anything is loaded."""
        return self.peak + RESERVE

    @property
    def approximations(self) -> tuple[str, ...]:
        """What makes its pictures differ from those of ``24gb``, in words."""
        float8 = ("UNets stored in 8 bits",) if self.profile.float8 else ()
        return (*float8, "VAE in tiles") if self.tiling else float8

    @property
    def lines(self) -> tuple[str, ...]:
        """For people: what it takes, then each stage."""
        width, height = self.work.canvas
        first = f"profile {self.profile.name} at {width}x{height} needs"
        if self.profile.name != "cpu":
            first += f" {gigabytes(self.need)} GB free on the GPU and"
        first += f" {gigabytes(self.host)} GB of host memory"
        if self.approximations:
            first += f"; approximate: {', '.join(self.approximations)}"
        return (
            first,
            *(
                f"{stage.name}: weights {gigabytes(stage.weights)} GB, "
                f"activations {gigabytes(stage.activations)} GB"
                for stage in self.stages
            ),
        )


def make_plan(architecture: Architecture, profile: Profile, work: Work, *, tiling: bool = False) -> Plan:
    """The numbers of one profile for one kind of request."""
    weights = component_bytes(architecture, profile, work.number_bytes)
    streamed, buffers = _stream_bytes(architecture, profile, work.number_bytes)
    on_device = {**weights, "garment_unet": weights["garment_unet"] - streamed + buffers}
    activations = _activations(architecture, profile, work, tiling)
    stages = tuple(
        Stage(
            name=name,
            weights=sum(on_device[part] for part in profile.stays | parts),
            activations=activations[name],
        )
        for name, parts in STAGES.items()
    )
    if profile.name == "cpu":
        host = HOST_BASE + max(stage.peak for stage in stages)
    else:
        host = HOST_BASE + _host_bytes(architecture, profile, weights, work.number_bytes)
    return Plan(profile=profile, work=work, stages=stages, host=host, tiling=tiling)


def choose(architecture: Architecture, name: str, work: Work, budget: Budget) -> Plan:
    """The plan of profile ``name``; of the fastest one that fits where it is ``auto``.

    Raises :class:`~inference.engines.base.OutOfMemory`, naming what would fit, where it does not.
    """
    if name != "auto":
        names = [name]
    elif budget.device_bytes is None:
        names = ["cpu"]
    else:
        names = [other for other in PROFILES if other != "cpu"]
    plans = [_fitted(architecture, PROFILES[other], work, budget) for other in names]
    for candidate in plans:
        if lacking(candidate, budget) is None:
            return candidate
    possible = [candidate for candidate in plans if not (budget.shared and _float8(candidate))] or plans
    least = min(possible, key=lambda candidate: _needed(candidate, budget))
    raise OutOfMemory(f"{lacking(least, budget)}; {_advice(architecture, least, budget)}")


def pictures_at_once(architecture: Architecture, planned: Plan, pictures: int, budget: Budget) -> int:
    """How many of a request's ``pictures`` go through the try-on UNet in one pass: as many as fit.

    ``budget`` is that of the time before anything was loaded. Raises
    :class:`~inference.engines.base.OutOfMemory` where not even one fits.
    """
    refused = ""
    for count in range(pictures, 0, -1):
        work = replace(planned.work, pictures=count, waiting=pictures - count)
        candidate = make_plan(architecture, planned.profile, work, tiling=planned.tiling)
        refused = lacking(candidate, budget) or ""
        if not refused:
            return count
    raise OutOfMemory(f"{refused}; ask for fewer samples")


def turns_at_once(
    architecture: Architecture, planned: Plan, wanted: int, samples: int, budget: Budget
) -> int:
    """How many of ``wanted`` requests of ``samples`` pictures fit into one batch, each with another garment.

    At least 1: whether that fits, :func:`pictures_at_once` says. ``budget`` as there.
    """
    for count in range(wanted, 1, -1):
        work = replace(planned.work, pictures=count * samples, garments=count)
        candidate = make_plan(architecture, planned.profile, work, tiling=planned.tiling)
        if lacking(candidate, budget) is None:
            return count
    return 1


def lacking(planned: Plan, budget: Budget) -> str | None:
    """What the plan needs and is not there, in words."""
    name = planned.profile.name
    if budget.shared and _float8(planned):
        return f"profile {name} stores weights as 8-bit floats, which this device does not have"
    if budget.device_bytes is not None:
        need = _needed(planned, budget)
        if need > budget.device_bytes:
            fullest = max(planned.stages, key=lambda stage: stage.peak)
            return (
                f"idm-vton needs {gigabytes(need)} GB of free GPU memory in profile {name} "
                f"(stage: {fullest.name}), {gigabytes(budget.device_bytes)} GB is free"
            )
    if budget.host_bytes is not None and not budget.shared and planned.host > budget.host_bytes:
        return (
            f"idm-vton needs {gigabytes(planned.host)} GB of free host memory in profile {name}, "
            f"{gigabytes(budget.host_bytes)} GB is free"
        )
    return None


def _needed(planned: Plan, budget: Budget) -> int:
    return planned.need + (planned.host if budget.shared else 0)


def _float8(planned: Plan) -> bool:
    return bool(planned.profile.float8)


def gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f}"


def component_bytes(architecture: Architecture, profile: Profile, number_bytes: int) -> dict[Component, int]:
    """Bytes of each part's weights, as the profile stores them."""
    stored = {
        part: _stored(weights, number_bytes, float8=part in profile.float8)
        for part, weights in component_weights(architecture).items()
    }
    vae = component_weights(architecture)["vae"].numbers * architecture.vae_number_bytes(number_bytes)
    return {**stored, "vae": vae}


def _stored(weights: Weights, number_bytes: int, *, float8: bool) -> int:
    if not float8:
        return weights.numbers * number_bytes
    return weights.matrices + weights.rows * SCALE_BYTES + weights.vectors * number_bytes


def _stream_bytes(architecture: Architecture, profile: Profile, number_bytes: int) -> tuple[int, int]:
    """Bytes that never are on the device as a whole, and of the two buffers that they pass through."""
    if not profile.streams:
        return 0, 0
    float8 = "garment_unet" in profile.float8
    deep, block = (_stored(part, number_bytes, float8=float8) for part in streamed_weights(architecture))
    return deep, 2 * block


def _host_bytes(
    architecture: Architecture, profile: Profile, stored: Mapping[Component, int], number_bytes: int
) -> int:
    """Most bytes of weights on the host while the files are read one after another.

    A profile where everything stays reads straight to the device. Else a part that leaves the device keeps
    its copy on the host, and 8-bit storage is made there, from a network that is there in full.
    """
    if profile.stays == frozenset(COMPONENTS):
        return 0
    read = component_weights(architecture)
    kept, most = 0, 0
    for parts in READING:
        most = max(most, kept + sum(read[part].numbers * number_bytes for part in parts))
        kept += sum(stored[part] for part in parts if part not in profile.stays)
    return most


def _activations(architecture: Architecture, profile: Profile, work: Work, tiling: bool) -> dict[str, int]:
    tile = _tile(architecture, work) if tiling else 1.0
    return {
        "text": text_bytes(architecture, work),
        "garment picture": image_bytes(architecture, work),
        "encode": round(tile * encode_bytes(architecture, replace(work, vae_batch=profile.vae_batch))),
        "prompt keys": prompt_bytes(architecture, work),
        "garment prompt keys": garment_prompt_bytes(architecture, work),
        "denoise": denoise_bytes(architecture, work),
        "denoise, known garment": denoise_bytes(architecture, work, cached=True),
        "decode": round(tile * decode_bytes(architecture, work)),
    }


def _tile(architecture: Architecture, work: Work) -> float:
    """A tile's share of the picture: diffusers takes squares of the VAE's ``sample_size``."""
    side = integer(architecture.configs["vae"], "sample_size")
    return min(1.0, side * side / (work.canvas[0] * work.canvas[1]))


def _fitted(architecture: Architecture, profile: Profile, work: Work, budget: Budget) -> Plan:
    """The profile's plan, in tiles only where it has to be."""
    whole = make_plan(architecture, profile, work)
    if profile.tiles and lacking(whole, budget) is not None:
        return make_plan(architecture, profile, work, tiling=True)
    return whole


def _advice(architecture: Architecture, refused: Plan, budget: Budget) -> str:
    names = list(PROFILES)
    for name in names[names.index(refused.profile.name) + 1 :]:
        smaller = _fitted(architecture, PROFILES[name], refused.work, budget)
        if name != "cpu" and lacking(smaller, budget) is None:
            return f"CABINE_MEMORY_PROFILE={name} fits"
    if refused.work.number_bytes > 2:
        half = make_plan(architecture, refused.profile, replace(refused.work, number_bytes=2))
        if lacking(half, budget) is None:
            return "CABINE_DTYPE=bf16 fits"
    return "close other programs that use it, or choose another engine (warp runs on any CPU)"
