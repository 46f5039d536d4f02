"""Seconds, share of the GPU's peak and peak memory of idm-vton, for each memory profile and quality.

    python -m bench.idm_vton_gpu [--weights weights] [--variant base] [--profiles 24gb 16gb]
                                 [--qualities best] [--runs 3] [--compile] [--channels-last] [--json FILE]

Needs a CUDA device and the weights. Nobody of this project has run it on a GPU yet: send what it prints.

Times are medians of ``--runs`` requests after a first one, by CUDA events on the stream that computes. Share
of peak is the operations of the request, counted on the meta device, over what the card could do in that time
by its data sheet (dense float16, float32 accumulation). "Beyond plan" is what torch reserved above the
planned tensors: the planner keeps a fixed reserve for it.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

if not __package__:  # run as a file: Python looks beside it, not in the checkout
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import torch

from bench.idm_vton_flops import Ledger, count, meta_models
from bench.idm_vton_memory import made_up
from bench.table import Cell, Table, show
from inference.engines.base import EngineUnavailable, OutOfMemory, Quality, Runtime
from inference.engines.idm_vton.architecture import CANVAS, PUBLISHED, RESAMPLER
from inference.engines.idm_vton.attention import Savings
from inference.engines.idm_vton.device import Planned, device_name, dtype_for, plan_for, resolve
from inference.engines.idm_vton.loading import Checkpoint
from inference.engines.idm_vton.memory import RESERVE
from inference.engines.idm_vton.models import Models
from inference.engines.idm_vton.noise import Seeded
from inference.engines.idm_vton.placement import load_placed
from inference.engines.idm_vton.profiles import PROFILES
from inference.engines.idm_vton.sampling import try_on
from inference.engines.idm_vton.settings import QUALITY, SamplingSettings, settings_for
from inference.engines.idm_vton.speed import prepare

PEAK_TFLOPS = {"H100": 989, "H200": 989, "A100": 312, "RTX 4090": 165, "L4": 121, "T4": 65}
"""Dense float16 with float32 accumulation, by NVIDIA's data sheets (SXM where there are several)."""


@dataclass(frozen=True, kw_only=True)
class Seconds:
    """One request."""

    encode: float
    steps: tuple[float, ...]
    decode: float

    @property
    def total(self) -> float:
        return self.encode + sum(self.steps) + self.decode


@dataclass(frozen=True, kw_only=True)
class Result:
    profile: str
    quality: str
    load_s: float
    first_s: float
    encode_s: float
    step_s: float
    decode_s: float
    total_s: float
    tflop: float
    share_of_peak: float | None
    """None: the card is not in :data:`PEAK_TFLOPS`."""
    planned_gb: float
    allocated_gb: float
    reserved_gb: float

    @property
    def beyond_plan_gb(self) -> float:
        return self.reserved_gb - self.planned_gb


def measure(
    folder: Path,
    runtime: Runtime,
    qualities: Sequence[Quality],
    *,
    runs: int,
    canvas: tuple[int, int] = CANVAS,
) -> list[Result]:
    """One profile of ``runtime``. Raises :class:`OutOfMemory` where it does not fit."""
    device = resolve(runtime)
    dtype = dtype_for(runtime, device)
    planned = plan_for(runtime, folder, device, dtype)
    start = time.perf_counter()
    models = load_placed(Checkpoint(folder), planned.plan, device=device, dtype=dtype)
    models = prepare(models, runtime)
    torch.cuda.synchronize(device)
    load_s = time.perf_counter() - start
    results = []
    for quality in qualities:
        savings = Savings(uncond_lse=runtime.uncond_lse, vae_batch=planned.plan.profile.vae_batch)
        settings = settings_for(quality, savings=savings)
        torch.cuda.reset_peak_memory_stats(device)
        first = timed(models, settings, canvas)
        timings = [timed(models, settings, canvas) for _ in range(runs)]
        results.append(summary(planned, quality, load_s, first, timings, request_tflop(quality), device))
    return results


def timed(models: Models, settings: SamplingSettings, canvas: tuple[int, int]) -> Seconds:
    """One request of one picture, by events at its start and whenever it reports progress."""
    marks = [_mark()]
    try_on(
        models,
        made_up(canvas),
        settings,
        Seeded(0),
        progress=lambda stage, step, steps: marks.append(_mark()),
    )
    torch.cuda.synchronize(models.device)
    spans = [before.elapsed_time(after) / 1000 for before, after in zip(marks, marks[1:], strict=False)]
    return Seconds(encode=spans[0], steps=tuple(spans[1:-1]), decode=spans[-1])


def _mark() -> torch.cuda.Event:
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def summary(
    planned: Planned,
    quality: str,
    load_s: float,
    first: Seconds,
    timings: Sequence[Seconds],
    tflop: float,
    device: torch.device,
) -> Result:
    total_s = statistics.median(each.total for each in timings)
    peak = peak_tflops(device)
    return Result(
        profile=planned.plan.profile.name,
        quality=quality,
        load_s=load_s,
        first_s=first.total,
        encode_s=statistics.median(each.encode for each in timings),
        step_s=statistics.median(step for each in timings for step in each.steps),
        decode_s=statistics.median(each.decode for each in timings),
        total_s=total_s,
        tflop=tflop,
        share_of_peak=tflop / total_s / peak if peak else None,
        planned_gb=planned.plan.peak / 1e9,
        allocated_gb=torch.cuda.max_memory_allocated(device) / 1e9,
        reserved_gb=torch.cuda.max_memory_reserved(device) / 1e9,
    )


def peak_tflops(device: torch.device) -> int | None:
    name = torch.cuda.get_device_properties(device).name
    # Word by word: an L40S is no L4.
    words = name.replace("-", " ").split()
    return next(
        (peak for card, peak in PEAK_TFLOPS.items() if all(part in words for part in card.split())), None
    )


@cache
def request_tflop(quality: Quality) -> float:
    """Operations of one picture of the published networks with a new garment."""
    ledger = Ledger()
    counts = count(meta_models(PUBLISHED, RESAMPLER, ledger), ledger, CANVAS, Savings(), warm=False)
    settings = settings_for(quality)
    return sum(counts.picture(settings.steps, settings.guided_steps).values()) / 1e12


def table(title: str, results: Sequence[Result]) -> Table:
    columns = ["profile", "quality", "load s", "first s", "encode s", "step ms", "decode s", "total s"]
    columns += ["TFLOP", "of peak", "planned GB", "allocated GB", "reserved GB", "beyond plan GB"]
    rows: list[list[Cell]] = [
        [
            result.profile,
            result.quality,
            f"{result.load_s:.1f}",
            f"{result.first_s:.2f}",
            f"{result.encode_s:.2f}",
            f"{1000 * result.step_s:.0f}",
            f"{result.decode_s:.2f}",
            f"{result.total_s:.2f}",
            f"{result.tflop:.0f}",
            None if result.share_of_peak is None else f"{result.share_of_peak:.0%}",
            f"{result.planned_gb:.2f}",
            f"{result.allocated_gb:.2f}",
            f"{result.reserved_gb:.2f}",
            f"{result.beyond_plan_gb:+.2f}",
        ]
        for result in results
    ]
    return Table(title=title, columns=columns, rows=rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="CABINE_WEIGHTS")
    parser.add_argument("--variant", default="base")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--profiles", nargs="+", choices=[name for name in PROFILES if name != "cpu"])
    parser.add_argument("--qualities", nargs="+", choices=list(QUALITY), default=list(QUALITY))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--json", type=Path, help="write the numbers there too")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print(f"no CUDA device: torch {torch.__version__} sees none; nothing was measured", file=sys.stderr)
        return 1
    folder = options.weights / "idm-vton" / options.variant
    if not folder.is_dir():
        print("no weights there; run: cabine weights pull idm-vton --accept-license", file=sys.stderr)
        return 1
    runtime = Runtime(device=options.device, compile=options.compile, channels_last=options.channels_last)
    results = []
    for profile in options.profiles or [name for name in PROFILES if name != "cpu"]:
        gc.collect()
        torch.cuda.empty_cache()
        try:
            here = replace(runtime, profile=profile)
            results += measure(folder, here, options.qualities, runs=options.runs)
        except (EngineUnavailable, OutOfMemory, torch.OutOfMemoryError) as refused:
            # refused beforehand or on the way: what was measured of the others is printed all the same
            print(f"{profile}: {refused}", file=sys.stderr)
    title = f"{device_name(resolve(runtime))}, torch {torch.__version__}, {CANVAS[0]}x{CANVAS[1]}"
    show([table(f"{title}; the planner's reserve is {RESERVE / 1e9:.2f} GB", results)])
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
