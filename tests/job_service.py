"""``python -m tests.job_service``: the service around a fake engine, to be killed and started again.

The engine is held up as long as the file named by ``CABINE_TEST_GATE`` does not exist; with some seeds it
breaks then.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

from inference import logs
from inference.app import create_app
from inference.config import Settings
from inference.engines.base import Cancelled, EngineResult, Params, Prepared, Progress
from inference.server import serve
from tests.contract.conftest import until
from tests.fakes import FakeEngine, FakePreparation, registry, spec
from tests.gateway_process import free_port

ROOT = Path(__file__).resolve().parent.parent


class FileGate(threading.Event):
    """Open while the file exists."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def wait(self, timeout: float | None = None) -> bool:
        if not self._path.exists():
            time.sleep(timeout or 0)
        return self._path.exists()


ABORTS = 1001
"""Seed with which the engine ends its process, as a fault in native code does."""
TAKES_MUCH = 1002
"""Seed with which the engine asks for ``MUCH`` bytes."""
MUCH = 2**30
DEAF = 1003
"""Seed with which the engine never asks whether it shall stop."""


class FaultyEngine(FakeEngine):
    def run(
        self, prepared: Prepared, params: Params, progress: Progress, cancelled: Cancelled
    ) -> EngineResult:
        if params.seed == DEAF:
            cancelled = bool  # False
        result = super().run(prepared, params, progress, cancelled)
        if params.seed == ABORTS:
            os.abort()
        if params.seed == TAKES_MUCH:
            np.ones(MUCH, np.uint8)
        return result


@dataclass(kw_only=True)
class JobService:
    """The process, which keeps its address and its store from one life to the next."""

    folder: Path
    settings: dict[str, object]
    port: int = field(default_factory=free_port)
    output: Path = Path(os.devnull)
    """What its lives write, one after another."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def gate(self) -> Path:
        return self.folder / "gate"

    @property
    def jobs(self) -> Path:
        return self.folder / "jobs"

    def start(self, *, ready: bool = True) -> None:
        variables = {f"CABINE_{name}": str(value) for name, value in self.settings.items()}
        variables = {"CABINE_JOBS_DIR": str(self.jobs)} | variables
        variables |= {"CABINE_JOBS_STORE": "sqlite", "CABINE_INFERENCE_PORT": str(self.port)}
        variables |= {"CABINE_TEST_GATE": str(self.gate)}
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.job_service"],
                env=os.environ | variables,
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        until(lambda: answers(f"{self.url}/health/{'ready' if ready else 'live'}"), seconds=60)

    def end(self, signal_number: int) -> int:
        """Send a signal and wait for the process to end; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal_number)
        return self.process.wait(30)


@contextmanager
def job_service(folder: Path, output: Path = Path(os.devnull), **settings: object) -> Iterator[JobService]:
    """Started and ready; ``settings`` by the names of their variables, without ``CABINE_``."""
    service = JobService(folder=folder, settings=settings, output=output)
    service.start()
    try:
        yield service
    finally:
        assert service.process is not None
        if service.process.poll() is None:
            service.end(signal.SIGKILL)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def main() -> None:
    settings = Settings()
    logs.configure(settings.log_level, settings.log_format)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # what aborts on purpose leaves no file behind
    engine = FaultyEngine(spec=spec(), gate=FileGate(Path(os.environ["CABINE_TEST_GATE"])))
    application = create_app(settings, registry=registry(engine), preparation=FakePreparation())
    serve(application, settings, host="127.0.0.1", port=settings.inference_port)


if __name__ == "__main__":
    main()
