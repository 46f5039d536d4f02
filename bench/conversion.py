"""Memory that the conversion of a pickle takes: a made-up pickle in the proportions of the published one.

    python -m bench.conversion [--mb 2000]

The published file has 11 965 MB in 1 871 tensors, the largest 52 MB. ``anonymous`` is what the process really
occupies; pages of the mapped pickle count as resident too, but the system takes them back when it needs them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TENSOR_MB = 52
"""Feed-forward projections of 10 240 x 1 280 in float32: the largest of the published file."""


def resident_mb(kind: str) -> int:
    """``RssAnon`` or ``VmHWM`` of this process, from Linux."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(kind)) // 1024


def measure(folder: Path, megabytes: int) -> dict[str, float]:
    """Make the pickle in another process, convert it in this one, watch the memory."""
    source, target = folder / "model.bin", folder / "model.safetensors"
    script = (
        "import sys, torch; tensors = range(int(sys.argv[2])); "
        "torch.save({f'{i}.weight': torch.full((10240, 1280), i * 0.01) for i in tensors}, sys.argv[1])"
    )
    count = max(1, megabytes // TENSOR_MB)
    subprocess.run([sys.executable, "-c", script, str(source), str(count)], check=True)

    from inference.engines.idm_vton.convert import convert  # brings torch: not before the pickle is made

    before = peak = resident_mb("RssAnon")

    def watch(done: int, total: int) -> None:
        nonlocal peak
        peak = max(peak, resident_mb("RssAnon"))

    start = time.perf_counter()
    convert(source, target, watch)
    return {
        "pickle_mb": round(source.stat().st_size / 1e6),
        "converted_mb": round(target.stat().st_size / 1e6),
        "anonymous_before_mb": before,
        "anonymous_peak_mb": peak,
        "resident_peak_mb": resident_mb("VmHWM"),
        "seconds": round(time.perf_counter() - start, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mb", type=int, default=2000, help="size of the pickle (default: 2000)")
    megabytes = parser.parse_args().mb
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder), megabytes)))


if __name__ == "__main__":
    main()
