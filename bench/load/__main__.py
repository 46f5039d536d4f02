"""Load on the gateway, and on inference directly, in the same run: real processes, loopback only.

    python -m bench.load [part ...] [--seconds 5] [--json bench/results/load.json]

Parts (all but ``servers`` by default):

- ``throughput``: a closed loop at 1, 8, 64 and 256 clients with the engine ``warp``, with a fake engine in
  the real service (``fake``), and with a bare stand-in for inference (``bare``: 300 KB up, 1 MB down);
- ``late``: what the gateway adds to an upstream that takes 3 s;
- ``watchers``: 500 clients follow jobs, while health is asked;
- ``overload``: ten times as many requests, and jobs, at once as there is room for;
- ``servers``: other servers in the gateway's place, as far as they are here (pip install gevent granian).

Load generator, gateway and inference share the machine, so figures compare with each other and not with those
of other machines. 429 and 503 with Retry-After are counted as refusals; anything else but an answer is a
fault, and ends the run with exit code 1. Who was refused waits as long as he is told, at most a second.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from bench.load import parts, report
from bench.load.processes import raise_open_files
from bench.table import show

PARTS = ("throughput", "late", "watchers", "overload")


def main() -> None:
    options = arguments()
    raise_open_files()
    plan = parts.Plan(
        seconds=options.seconds,
        clients=options.clients,
        delay_s=options.delay,
        slow_s=options.slow,
        watchers=options.watchers,
        queue=options.queue,
    )
    measure: dict[str, Callable[[], parts.Rows]] = {
        "throughput": lambda: parts.throughput(plan, options.engines),
        "late": lambda: parts.late(plan),
        "watchers": lambda: parts.watchers(plan),
        "overload": lambda: parts.overloaded(plan),
        "servers": lambda: parts.compared(plan),
    }
    results: report.Results = {"cores": os.cpu_count(), "load": [os.getloadavg()[0]]}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    for name in options.parts or PARTS:  # told at once: all together take minutes
        results[name] = measure[name]()
        results["load"].append(os.getloadavg()[0])
        options.json.write_text(json.dumps(results, indent=1))
        show([report.table(name, results[name])])
        print(flush=True)
    show([report.goals_table(results)])
    if found := report.faults(results):
        sys.exit("\n".join(["", "faults:", *found]))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.load", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=[*PARTS, "servers", []], metavar="part")
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement (default: 5)")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64, 256])
    parser.add_argument("--engines", nargs="+", choices=list(parts.MODULES), default=list(parts.MODULES))
    parser.add_argument("--delay", type=float, default=0, help="seconds the fake engine takes (default: 0)")
    parser.add_argument(
        "--slow", type=float, default=3, help="seconds of the upstream in `late` (default: 3)"
    )
    parser.add_argument("--watchers", type=int, default=500)
    parser.add_argument(
        "--queue", type=int, default=32, help="places to wait in, in `overload` (default: 32)"
    )
    parser.add_argument("--json", type=Path, default=Path("bench/results/load.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
