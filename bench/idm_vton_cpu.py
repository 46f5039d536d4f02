"""CPU time of IDM-VTON's denoise loop: exact savings on against savings off, in one run.

    python -m bench.idm_vton_cpu [--width 8] [--canvas 384 512] [--steps 2] [--runs 5] [--threads 1]

Uses the tests' tiny random checkpoint, ``--width`` times as wide: no weights are needed, and the picture
means nothing. Each round runs the loop of every choice once, every other round in the opposite order. Printed
are medians of wall and CPU seconds, and shares of the published computation: of its CPU time, and of its
operations, counted. What a choice computes once, before the loop, is not in it (``bench.flops`` has that).
At this size norms, copies and Python weigh more than at the published one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

if not __package__:  # run as a file: Python looks beside it, not in the checkout
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import torch

from bench.counting import Counting
from bench.table import Cell, Table, show
from inference.engines.idm_vton.attention import NO_SAVINGS, Savings
from inference.engines.idm_vton.engine import blank_inputs
from inference.engines.idm_vton.garment_cache import GarmentCache
from inference.engines.idm_vton.loading import Checkpoint
from inference.engines.idm_vton.models import Models, load_models
from inference.engines.idm_vton.noise import Seeded
from inference.engines.idm_vton.observe import ignore
from inference.engines.idm_vton.sampling import Conditions, denoise, prepare
from inference.engines.idm_vton.schedule import make_schedule
from inference.engines.idm_vton.settings import SamplingSettings
from tests.idm_vton_checkpoint import make_checkpoint

CPU = torch.device("cpu")
OFF = "as published"
CACHE_BYTES = 1 << 34


@dataclass(frozen=True, kw_only=True)
class Choice:
    savings: Savings
    known_garment: bool = False


CHOICES: Mapping[str, Choice] = {
    OFF: Choice(savings=NO_SAVINGS),
    "savings": Choice(savings=Savings()),
    "log-sum-exp too": Choice(savings=Savings(uncond_lse=True)),
    "known garment too": Choice(savings=Savings(uncond_lse=True), known_garment=True),
}


class Loop:
    """The denoise loop of one request that is ready to denoise, to be run any number of times."""

    def __init__(self, models: Models, canvas: tuple[int, int], choice: Choice, steps: int) -> None:
        self._models = models
        self._settings = SamplingSettings(steps=steps, savings=choice.savings)
        self._schedule = make_schedule(models.scheduler, self._settings.solver, steps)
        cache = GarmentCache(CACHE_BYTES) if choice.known_garment else None
        self._conditions = self._prepare(canvas, cache)
        if cache is not None:
            self.run()  # leaves the garment in the cache
            self._conditions = self._prepare(canvas, cache)

    @torch.no_grad()
    def _prepare(self, canvas: tuple[int, int], cache: GarmentCache | None) -> Conditions:
        return prepare(
            self._models,
            blank_inputs(canvas),
            self._settings,
            self._schedule.timesteps,
            Seeded(0),
            garments=cache,
            observe=ignore,
        )

    @torch.no_grad()
    def run(self) -> None:
        denoise(
            self._models,
            self._conditions,
            self._settings,
            self._schedule,
            Seeded(0),
            progress=lambda *_: None,
            cancelled=lambda: False,
            observe=ignore,
        )


Measured = Mapping[str, float]
"""``wall`` and ``cpu`` in seconds, ``operations``."""


def measure(models: Models, canvas: tuple[int, int], steps: int, runs: int) -> dict[str, Measured]:
    """Medians of ``runs`` loops of each choice, interleaved."""
    loops = {name: Loop(models, canvas, choice, steps) for name, choice in CHOICES.items()}
    operations = {}
    for name, loop in loops.items():
        with Counting() as counter:
            loop.run()  # also warms up what only the first run pays for
        operations[name] = counter.total
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in loops}
    for run in range(runs):
        for name in reversed(loops) if run % 2 else loops:
            wall, cpu = time.perf_counter(), time.process_time()
            loops[name].run()
            seconds[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {
        name: {
            "wall": statistics.median(wall for wall, _ in taken),
            "cpu": statistics.median(cpu for _, cpu in taken),
            "operations": operations[name],
        }
        for name, taken in seconds.items()
    }


def table(title: str, results: Mapping[str, Measured]) -> Table:
    rows: list[list[Cell]] = []
    for name, result in results.items():
        shares = (f"{result[what] / results[OFF][what]:.1%}" for what in ("cpu", "operations"))
        rows.append([name, result["wall"], result["cpu"], result["operations"] / 1e9, *shares])
    columns = ["choice", "wall, s", "CPU, s", "GFLOP", "share of CPU time", "share of operations"]
    return Table(title=title, columns=columns, rows=rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=8, help="channels, times the tests' (default: 8)")
    parser.add_argument("--canvas", type=int, nargs=2, default=(384, 512), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5, help="loops of each choice (default: 5)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, default=Path("bench/results/idm_vton_cpu.json"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    canvas = (options.canvas[0], options.canvas[1])
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Checkpoint(make_checkpoint(Path(folder), width=options.width))
        models = load_models(checkpoint, device=CPU, dtype=torch.float32, whole_garment=True)
        results = measure(models, canvas, options.steps, options.runs)
    title = (
        f"Denoise loop of {options.steps} steps at {canvas[0]}x{canvas[1]}, width {options.width}, "
        f"medians of {options.runs}, {options.threads} thread(s), load {os.getloadavg()[0]:.1f}"
    )
    show([table(title, results)])
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps({"title": title, "results": results}, indent=1))


if __name__ == "__main__":
    main()
