"""``python -m bench.load.fake_engine``: the real service of inference around an engine that only takes time.

``LOAD_STEPS`` steps (1) of ``LOAD_STEP_S`` seconds (0) each; uploads, queue, jobs, events and the PNG of 1 MB
are real, nothing is recognised in photos.
"""

from __future__ import annotations

import os
import threading
import time

from inference import logs
from inference.app import create_app
from inference.config import Settings
from inference.server import serve
from tests.fakes import FakeEngine, FakePreparation, registry, spec


class Pace(threading.Event):
    """In place of the engine's gate: each step passes it after a while."""

    def __init__(self, step_s: float) -> None:
        super().__init__()
        self._step_s = step_s
        self._next = threading.local()

    def wait(self, timeout: float | None = None) -> bool:
        """Not past a step's end; the engine asks again, and looks in between whether it was cancelled."""
        now = time.monotonic()
        due: float = getattr(self._next, "due", None) or now + self._step_s
        time.sleep(max(0.0, min(due - now, timeout or 0.0)))
        passed = time.monotonic() >= due
        self._next.due = None if passed else due
        return passed


def main() -> None:
    settings = Settings()
    logs.configure(settings.log_level, settings.log_format)
    pace = Pace(float(os.environ.get("LOAD_STEP_S", "0")))
    engine = FakeEngine(spec=spec(), gate=pace, steps=int(os.environ.get("LOAD_STEPS", "1")))
    application = create_app(settings, registry=registry(engine), preparation=FakePreparation())
    serve(application, settings, host="127.0.0.1", port=settings.inference_port)


if __name__ == "__main__":
    main()
