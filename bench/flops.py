"""Floating point operations of an engine for one picture, counted without weights on torch's meta device.

    python -m bench.flops idm-vton [--steps 30] [--json]

Counts the engine's own classes, built from the published configuration, at its canvas. One multiply-add is
two operations; only matrix products, convolutions and attention count. An attention operation that torch's
counter would take for 0 ends the run (``bench.counting``); so does a difference of more than 0.2 TFLOP from a
count by formula (``bench.idm_vton_analytic``).

``--json`` prints one line and nothing else: ``default_tflop`` (exact savings on, 30 steps with guidance),
``lse_tflop`` (with the log-sum-exp option too), ``warm_tflop`` (and a garment that is in the cache).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

if not __package__:  # run as a file: Python looks beside it, not in the checkout
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

ENGINES = ("idm-vton",)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("--steps", type=int, default=30, help="of the published sampling (default: 30)")
    parser.add_argument("--json", action="store_true", help="three numbers in one line")
    options = parser.parse_args()
    from bench import idm_vton_flops  # loads torch, which --help can do without

    return idm_vton_flops.report(steps=options.steps, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
