"""Speed and memory of a try-on with the warp engine, from bytes to PNG, in a fresh process.

    python -m bench.warp [--runs 5] [--json bench/results/warp.json]

Three requests: one garment on the sample as it is (768x1024), the same on a photo enlarged to 25
megapixels, and an outfit of two garments at 768x1024. The first table is what a request costs: the
pipeline of the service with its own stages, where person and garments are prepared side by side. The
second runs its steps one after another, so that wall and CPU time of each can be told. The first try-on
of a process (models loaded, caches empty) stands apart; the others are medians. Peak memory is that of
the whole process with its libraries. A load above the number of cores lengthens wall times. Goals on 2
cores: under 3 s and 1 GB at 768x1024, an outfit under 5 s, 25 megapixels in under twice the time of
768x1024.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from PIL import Image

from bench.table import Table, show

PERSON, GARMENTS = Path("samples/people/p1_man__base.jpg"), Path("samples/garments")
SHIRT, OUTFIT = ("tshirt_print",), ("tshirt_print", "trousers_denim")
CASES = ("768x1024", "25 MP", "outfit")
LARGE = (4330, 5774)
"""25 megapixels in the sample's aspect."""
STAGES = ("decode", "person", "garment", "mask", "engine", "restore", "encode")
"""Of the service's pipeline, by their names in its timings."""
STEPS = (
    *("decode", "pose", "parse", "person, rest", "worn?", "garment", "mask"),
    *("measure", "lay", "compose", "garments, rest"),
    *("restore", "encode"),
)
Seconds = dict[str, float]
Clocks = tuple[float, float]
"""Wall and CPU seconds; CPU is that of all threads of the process."""


def clocks() -> Clocks:
    return time.perf_counter(), time.process_time()


class Stopwatch:
    """Adds up wall and CPU seconds spent in named steps that follow each other."""

    def __init__(self) -> None:
        self.wall: Seconds = defaultdict(float)
        self.cpu: Seconds = defaultdict(float)

    def timed(self, step: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            wall, cpu = clocks()
            try:
                return work(*args, **kwargs)
            finally:
                after = clocks()
                self.wall[step] += after[0] - wall
                self.cpu[step] += after[1] - cpu

        return run

    def watch(self, owner: ModuleType | type, name: str, step: str) -> None:
        """Time a function where its callers look it up; the pipeline itself stays as it is."""
        setattr(owner, name, self.timed(step, getattr(owner, name)))


def measure(person: Path, garments: list[str], runs: int) -> dict[str, Any]:
    """Everything about one request. Libraries are loaded here: the parent process stays small."""
    files = person.read_bytes(), [(GARMENTS / f"{name}.jpg").read_bytes() for name in garments]
    request = _pipeline(*files)
    first, *warm = [request() for _ in range(1 + runs)]
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    steps = _steps(*files)
    walls, cpus = zip(*(steps() for _ in range(runs)), strict=True)
    return {
        "first": first["total"],
        "request": _medians(warm),
        "peak_mb": peak,
        "wall": _medians(walls),
        "cpu": _medians(cpus),
    }


def _medians(runs: Any) -> Seconds:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def _pipeline(person: bytes, garments: list[bytes]) -> Callable[[], Seconds]:
    """One try-on as the service does it: seconds of its stages, ``total`` and ``total, CPU``."""
    from inference.config import Settings
    from inference.embedded import EmbeddedPreparation
    from inference.engines.registry import discover
    from inference.pipeline import encode_pictures, try_on
    from inference.selection import choose
    from inference.service import build
    from inference.stages import Stages
    from inference.tryon import GarmentRequest, TryOn

    settings, registry = Settings(), discover()
    service = build(settings, registry, EmbeddedPreparation(settings))
    choice = choose("warp", registry, settings)
    asked = TryOn(person=person, garments=tuple(GarmentRequest(source=garment) for garment in garments))

    def request() -> Seconds:
        wall, cpu = clocks()
        stages = Stages()
        encode_pictures(try_on(asked, choice, service.tools, stages), "png", stages)
        after = clocks()
        return {**stages.seconds, "total": after[0] - wall, "total, CPU": after[1] - cpu}

    return request


def _steps(person: bytes, garments: list[bytes]) -> Callable[[], tuple[Seconds, Seconds]]:
    """The same work one step after another: wall and CPU seconds of each."""
    import preprocess.person
    from bench.tryon import MODELS, THREADS
    from inference.encode import encode, mark
    from inference.engines.base import EngineImage
    from inference.engines.warp import engine as warp
    from inference.restore import restore
    from preprocess.agnostic import agnostic_mask
    from preprocess.decode import Limits, decode
    from preprocess.garment import prepare_garment
    from preprocess.person import person_score, prepare_person
    from preprocess.providers.embedded import EmbeddedProvider

    watch = Stopwatch()
    provider, engine = EmbeddedProvider(MODELS, threads=THREADS), warp.create()
    xmp = mark(engine.spec)
    watch.watch(preprocess.person, "parse", "parse")

    class Watched:
        """The provider while a person is prepared, which also asks it whether garments are worn."""

        find_people = staticmethod(watch.timed("pose", provider.find_people))
        estimate = staticmethod(watch.timed("pose", provider.estimate))

    def steps() -> tuple[Seconds, Seconds]:
        watch.wall.clear()
        watch.cpu.clear()
        photo = watch.timed("decode", decode)(person, Limits())
        products = [watch.timed("decode", decode)(garment, Limits()) for garment in garments]
        body = watch.timed("person", prepare_person)(photo, Watched(), engine.spec.canvas)
        for product in products:
            watch.timed("worn?", person_score)(product, provider, closely=False)
        cut = tuple(watch.timed("garment", prepare_garment)(product) for product in products)
        for one in cut:
            watch.timed("mask", agnostic_mask)(body, one.category)
        *_, last = watch.timed("garments", list)(
            warp.put_on_each(body, warp.in_order(cut), lambda stage, work: watch.timed(stage, work)())
        )
        image = EngineImage(frame=body.frame, rgb=last.person.image, alpha=last.alpha)
        restored = watch.timed("restore", restore)(photo, image)
        watch.timed("encode", encode)(restored.rgb, "png", xmp)
        return _with_rest(watch.wall), _with_rest(watch.cpu)

    return steps


def _with_rest(seconds: Seconds) -> Seconds:
    steps = dict(seconds)
    steps["person, rest"] = steps.pop("person") - steps["pose"] - steps["parse"]
    steps["garments, rest"] = steps.pop("garments") - sum(
        steps[name] for name in ("measure", "lay", "compose")
    )
    return steps


def in_fresh_process(person: Path, garments: tuple[str, ...], runs: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.warp", "--runs", str(runs), "--measure", str(person), *garments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def enlarged(person: Path, folder: Path) -> Path:
    path = folder / "large.jpg"
    Image.open(person).resize(LARGE, Image.Resampling.LANCZOS).save(path, "JPEG", quality=90)
    return path


def tables(results: dict[str, Any]) -> tuple[Table, ...]:
    """What a request costs, and where the time goes."""
    all_cases = [results[case] for case in CASES]
    request = [
        [name, *(part["request"][name] for part in all_cases)] for name in (*STAGES, "total", "total, CPU")
    ]
    request.append(["first try-on", *(part["first"] for part in all_cases)])
    request.append(["peak memory, MB", *(part["peak_mb"] for part in all_cases)])
    steps = [
        [name, *(part[clock][name] for part in all_cases for clock in ("wall", "cpu"))] for name in STEPS
    ]
    sums = [sum(part[clock].values()) for part in all_cases for clock in ("wall", "cpu")]
    columns = [f"{case}, {clock}" for case in CASES for clock in ("wall", "CPU")]
    load = ", ".join(f"{value:.1f}" for value in results["load"])
    return (
        Table(
            title=f"One request, seconds ({results['cores']} cores, load before and after: {load})",
            columns=["stage", *CASES],
            rows=request,
        ),
        Table(
            title="Its steps one after another, seconds",
            columns=["step", *columns],
            rows=[*steps, ["sum", *sums]],
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="warm try-ons per size (default: 5)")
    parser.add_argument("--json", type=Path, default=Path("bench/results/warp.json"))
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)  # the fresh process of one case
    options = parser.parse_args()
    if options.measure:
        person, *garments = options.measure
        json.dump(measure(Path(person), garments, options.runs), sys.stdout)
        return
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        small = in_fresh_process(PERSON, SHIRT, options.runs)
        large = in_fresh_process(enlarged(PERSON, Path(folder)), SHIRT, max(1, options.runs // 2))
    outfit = in_fresh_process(PERSON, OUTFIT, options.runs)
    load = [before, os.getloadavg()[0]]
    results = {"cores": os.cpu_count(), "load": load, **dict(zip(CASES, (small, large, outfit), strict=True))}
    show(tables(results))
    growth = large["request"]["total, CPU"] / small["request"]["total, CPU"]
    print(f"\n25 megapixels cost {growth:.2f} times the CPU time of 768x1024")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
