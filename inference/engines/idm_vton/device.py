"""Where IDM-VTON computes, in which number format, and whether that fits: asked before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from inference.engines.base import EngineUnavailable, OutOfMemory, Runtime
from inference.engines.idm_vton.activations import Work, feature_bytes
from inference.engines.idm_vton.memory import (
    Budget,
    Plan,
    choose,
    gigabytes,
    make_plan,
    pictures_at_once,
    turns_at_once,
)
from inference.engines.idm_vton.profiles import PROFILES
from inference.engines.idm_vton.settings import QUALITY
from inference.engines.idm_vton.sizes import PUBLISHED_ARCHITECTURE, Architecture, read_architecture
from inference.engines.idm_vton.spec import SPEC
from inference.weights.catalogue import set_of
from inference.weights.requirement import variants_here

DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}

CGROUP = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A plan, and what it was made from."""

    plan: Plan
    architecture: Architecture
    budget: Budget

    def at_once(self, pictures: int) -> int:
        """How many of a request's pictures go through the try-on UNet in one pass.

        Raises :class:`~inference.engines.base.OutOfMemory` where not even one fits.
        """
        return pictures_at_once(self.architecture, self.plan, pictures, self.budget)

    def turns_at_once(self, wanted: int, samples: int) -> int:
        """How many of ``wanted`` requests of ``samples`` pictures, a garment each, fit together."""
        return turns_at_once(self.architecture, self.plan, wanted, samples, self.budget)


def resolve(runtime: Runtime) -> torch.device:
    """The device of the operator's choice; ``auto``: CUDA, then Apple's MPS, never the CPU.

    Raises :class:`EngineUnavailable` where it is not there.
    """
    if "cpu" in (runtime.device, runtime.profile):
        if runtime.device not in ("auto", "cpu"):
            raise EngineUnavailable(
                f"{SPEC.name}: in memory profile cpu everything computes on the CPU, but the device is "
                f"{runtime.device}; set CABINE_MEMORY_PROFILE=auto"
            )
        return torch.device("cpu")
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if runtime.device == "auto" and not (cuda or mps):
        raise EngineUnavailable(
            f"{SPEC.name} needs a GPU (CUDA or Apple MPS), torch {torch.__version__} sees none; "
            "CABINE_DEVICE=cpu forces the CPU, which takes many minutes to hours for a picture"
        )
    device = torch.device(("cuda" if cuda else "mps") if runtime.device == "auto" else runtime.device)
    if device.type == "cuda" and not (cuda and (device.index or 0) < torch.cuda.device_count()):
        raise EngineUnavailable(
            f"{SPEC.name}: there is no device {runtime.device}, torch {torch.__version__} sees "
            f"{torch.cuda.device_count()} CUDA devices"
        )
    if device.type == "mps" and not mps:
        raise EngineUnavailable(f"{SPEC.name}: there is no device mps here; set CABINE_DEVICE=auto")
    return device


def dtype_for(runtime: Runtime, device: torch.device) -> torch.dtype:
    """The number format of the networks; ``auto``: float16 on a GPU, float32 on the CPU.

    float16 rather than bfloat16, also where both are fast: weights and VAE were published for it, and its
    rounding is eight times finer. Raises :class:`EngineUnavailable` for bfloat16 where a GPU only emulates
    it.
    """
    if runtime.dtype == "auto":
        return torch.float32 if device.type == "cpu" else torch.float16
    dtype = DTYPES[runtime.dtype]
    if dtype is torch.bfloat16 and device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        if major < 8:
            raise EngineUnavailable(
                f"{SPEC.name}: bf16 needs a GPU of compute capability 8.0, this one has {major}.{minor}; "
                "set CABINE_DTYPE=fp16"
            )
    return dtype


def plan_for(runtime: Runtime, folder: Path | None, device: torch.device, dtype: torch.dtype) -> Planned:
    """The memory plan for the checkpoint in ``folder`` (None: the published one) on ``device`` as it is now.

    Raises :class:`~inference.engines.base.OutOfMemory` where none fits, :class:`EngineUnavailable` for
    settings that exclude each other.
    """
    architecture = read_architecture(folder) if folder else PUBLISHED_ARCHITECTURE
    budget = budget_of(device)
    work = Work(canvas=SPEC.canvas, number_bytes=dtype.itemsize, scores=runtime.attention == "math")
    plan = choose(architecture, runtime.profile, work, budget)
    if runtime.compile and plan.profile.streams:
        raise EngineUnavailable(
            f"{SPEC.name}: memory profile {plan.profile.name} streams its blocks, which cannot be compiled; "
            "set CABINE_COMPILE=false"
        )
    return Planned(plan=plan, architecture=architecture, budget=budget)


def lacks(runtime: Runtime) -> str | None:
    """Why the engine cannot run on this machine, in words with the fix; None where it can."""
    try:
        device = resolve(runtime)
        plan_for(runtime, _folder(runtime), device, dtype_for(runtime, device))
    except (EngineUnavailable, OutOfMemory) as reason:
        return f"{reason}."
    return None


def plan_lines(runtime: Runtime) -> tuple[str, ...]:
    """For ``cabine doctor``: the plan that would be used; without a device, what each profile would need."""
    folder = _folder(runtime)
    try:
        architecture = read_architecture(folder) if folder else PUBLISHED_ARCHITECTURE
    except EngineUnavailable as reason:
        return (str(reason),)
    try:
        device = resolve(runtime)
        dtype = dtype_for(runtime, device)
        planned = plan_for(runtime, folder, device, dtype)
    except (EngineUnavailable, OutOfMemory) as reason:
        return (str(reason), *profile_lines(architecture))
    lines = (f"{device_name(device)}, {str(dtype).removeprefix('torch.')}", *planned.plan.lines)
    return (*lines, cache_line(runtime, planned)) if runtime.garment_cache_mb else lines


def cache_line(runtime: Runtime, planned: Planned) -> str:
    """What the garment cache may take, and what one garment takes there: too small a cache keeps nothing."""
    step = feature_bytes(planned.architecture, planned.plan.work)
    sizes = (f"{name} {-(-step * recipe.steps // 2**20)} MB" for name, recipe in QUALITY.items())
    return (
        f"garment cache: up to {runtime.garment_cache_mb} MB of host memory, beyond the plan; "
        f"a garment takes {', '.join(sizes)}"
    )


def profile_lines(architecture: Architecture) -> tuple[str, ...]:
    """One line for each profile, in the number format that ``auto`` takes."""
    return tuple(
        make_plan(
            architecture,
            profile,
            Work(canvas=SPEC.canvas, number_bytes=4 if profile.name == "cpu" else 2),
        ).lines[0]
        for profile in PROFILES.values()
    )


def budget_of(device: torch.device) -> Budget:
    """Memory that is free now, on the device and on the host."""
    if device.type == "cuda":
        return Budget(device_bytes=torch.cuda.mem_get_info(device)[0], host_bytes=free_host_bytes())
    if device.type == "mps":
        free = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
        return Budget(device_bytes=free, host_bytes=None, shared=True)
    return Budget(device_bytes=None, host_bytes=free_host_bytes())


def free_host_bytes() -> int | None:
    """Memory that Linux could give to a program now, within this container's limit; None elsewhere."""
    if not MEMINFO.is_file():
        return None
    free = _numbers(MEMINFO, separator=":")["MemAvailable"] * 1024
    limit = CGROUP / "memory.max"
    if limit.is_file() and (most := limit.read_text("ascii").strip()) != "max":
        used = int((CGROUP / "memory.current").read_text("ascii"))
        cached = _numbers(CGROUP / "memory.stat", separator=" ")["inactive_file"]
        free = min(free, int(most) - used + cached)
    return free


def _numbers(table: Path, *, separator: str) -> dict[str, int]:
    """Name -> number in each line."""
    lines = (line.partition(separator) for line in table.read_text("ascii").splitlines())
    return {name: int(rest.split()[0]) for name, _, rest in lines}


def memory_levels(device: torch.device) -> Mapping[str, int]:
    """Bytes: ``allocated`` and ``peak`` by tensors of this process, ``total`` of a GPU; empty on the CPU.

    Apple's MPS tells no peak, and as total what it advises to use. Waits for nothing.
    """
    if device.type == "cuda":
        return {
            "allocated": torch.cuda.memory_allocated(device),
            "peak": torch.cuda.max_memory_allocated(device),
            "total": torch.cuda.get_device_properties(device).total_memory,
        }
    if device.type == "mps":
        return {
            "allocated": torch.mps.current_allocated_memory(),
            "total": torch.mps.recommended_max_memory(),
        }
    return {}


def device_name(device: torch.device) -> str:
    """For people: ``NVIDIA L4 (24.0 GB)``, ``mps``, ``cpu``."""
    if device.type != "cuda":
        return device.type
    facts = torch.cuda.get_device_properties(device)
    return f"{facts.name} ({gigabytes(facts.total_memory)} GB)"


def _folder(runtime: Runtime) -> Path | None:
    """Of the checkpoint that would be loaded first."""
    here = variants_here(SPEC, runtime.weights)
    return set_of(SPEC, here[0]).folder(runtime.weights) if here else None
