"""Speed and memory of the warp engine from bytes to PNG, stage by stage, in a fresh process.

    python -m bench.warp [--runs 5] [--json bench/results/warp.json]

Two sizes of person photo: the sample as it is (768x1024) and enlarged to 25 megapixels. The first try-on of a
process (models loaded, caches empty) stands apart; the table shows the median of the others. Peak memory is
that of the whole process with its libraries.
Goals on 2 cores: under 4 s and 1 GB at 768x1024, 25 megapixels in under twice that time.
"""

from __future__ import annotations

import argparse
import io
import json
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

from bench.table import print_table

PERSON, GARMENT = Path("samples/people/p1_man__base.jpg"), Path("samples/garments/tshirt_print.jpg")
LARGE = (4330, 5774)
"""25 megapixels in the sample's aspect."""
STAGES = (
    *("decode", "pose", "parse", "person, rest", "garment", "mask"),
    *("measure", "lay", "compose", "judge"),
    *("restore", "encode"),
)
Seconds = dict[str, float]


class Stopwatch:
    """Adds up the seconds spent in named stages."""

    def __init__(self) -> None:
        self.seconds: Seconds = defaultdict(float)

    def timed(self, stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return work(*args, **kwargs)
            finally:
                self.seconds[stage] += time.perf_counter() - start

        return run

    def watch(self, owner: ModuleType | type, name: str, stage: str) -> None:
        """Time a function where its callers look it up; the pipeline itself stays as it is."""
        setattr(owner, name, self.timed(stage, getattr(owner, name)))


def measure(person: Path, garment: Path, runs: int) -> dict[str, Any]:
    """One cold and ``runs`` warm try-ons in this process."""
    watch = Stopwatch()
    try_on = _watched_try_on(watch)
    results: list[Seconds] = []
    for _ in range(1 + runs):
        watch.seconds.clear()
        start, cpu = time.perf_counter(), time.process_time()
        try_on(person.read_bytes(), garment.read_bytes())
        stages = {**watch.seconds, "total, CPU": time.process_time() - cpu}
        stages["person, rest"] = stages.pop("person") - stages["pose"] - stages["parse"]
        results.append({**stages, "total": time.perf_counter() - start})
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "first": results[0]["total"],
        "seconds": {name: statistics.median(run[name] for run in results[1:]) for name in results[0]},
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6,
    }


def _watched_try_on(watch: Stopwatch) -> Callable[[bytes, bytes], bytes]:
    """The whole way of a request. Imported here: the parent process stays small."""
    import preprocess.person
    from bench.tryon import MODELS, THREADS
    from inference.encode import encode, mark
    from inference.engines.base import Params, Prepared
    from inference.engines.warp import engine as warp
    from inference.restore import restore
    from preprocess.agnostic import agnostic_mask
    from preprocess.decode import Limits, decode
    from preprocess.garment import prepare_garment
    from preprocess.person import prepare_person
    from preprocess.providers.embedded import EmbeddedProvider

    watch.watch(EmbeddedProvider, "find_people", "pose")
    watch.watch(EmbeddedProvider, "estimate", "pose")
    watch.watch(preprocess.person, "parse", "parse")
    for name in ("measure", "lay", "compose", "judge"):
        watch.watch(warp, name, name)
    provider, engine = EmbeddedProvider(MODELS, threads=THREADS), warp.create()
    xmp = mark(engine.spec)

    def try_on(person_data: bytes, garment_data: bytes) -> bytes:
        photo = watch.timed("decode", decode)(person_data, Limits())
        product = watch.timed("decode", decode)(garment_data, Limits())
        person = watch.timed("person", prepare_person)(photo, provider, engine.spec.canvas)
        garment = watch.timed("garment", prepare_garment)(product)
        mask = watch.timed("mask", agnostic_mask)(person, garment.category)
        prepared = Prepared(person=person, garments=(garment,), agnostic=mask)
        result = engine.run(prepared, Params(seed=0), lambda *_: None, lambda: False)
        restored = watch.timed("restore", restore)(photo, result.images[0])
        return watch.timed("encode", encode)(restored.rgb, "png", xmp)

    return try_on


def in_fresh_process(person: Path, runs: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.warp", "--runs", str(runs), "--measure", str(person)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def enlarged(person: Path, folder: Path) -> Path:
    path = folder / "large.jpg"
    Image.open(person).resize(LARGE, Image.Resampling.LANCZOS).save(path, "JPEG", quality=90)
    return path


def report(small: dict[str, Any], large: dict[str, Any]) -> str:
    out = io.StringIO()
    rows = [
        [stage, *(part["seconds"][stage] for part in (small, large))]
        for stage in (*STAGES, "total", "total, CPU")
    ]
    rows.append(["first try-on", small["first"], large["first"]])
    rows.append(["peak memory, MB", small["peak_mb"], large["peak_mb"]])
    print_table(["seconds", "768x1024", f"{LARGE[0]}x{LARGE[1]}"], rows, out)
    growth = large["seconds"]["total, CPU"] / small["seconds"]["total, CPU"]
    print(f"25 megapixels cost {growth:.2f} times the CPU time of 768x1024", file=out)
    return out.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="warm try-ons per size (default: 5)")
    parser.add_argument("--json", type=Path, default=Path("bench/results/warp.json"))
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)  # the fresh process of one size
    options = parser.parse_args()
    if options.measure:
        json.dump(measure(options.measure, GARMENT, options.runs), sys.stdout)
        return
    with tempfile.TemporaryDirectory() as folder:
        small = in_fresh_process(PERSON, options.runs)
        large = in_fresh_process(enlarged(PERSON, Path(folder)), max(1, options.runs // 2))
    print(report(small, large), end="")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps({"768x1024": small, "25 MP": large}, indent=1))


if __name__ == "__main__":
    main()
