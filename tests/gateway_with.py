"""``python -m tests.gateway_with HEAD_S=2``: the gateway, with other constants of its worker."""

from __future__ import annotations

import sys

from gateway import worker
from gateway.__main__ import serve

if __name__ == "__main__":
    for given in sys.argv[1:]:
        name, value = given.split("=")
        if not hasattr(worker, name):
            sys.exit(f"no constant of gateway.worker: {name}")
        setattr(worker, name, float(value))
    serve()
