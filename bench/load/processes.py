"""The services as processes on free loopback ports, and what they cost. Linux: reads ``/proc``."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.gateway_process import free_port, is_up, wait_until

START_S = 90.0
STOP_S = 60.0
TICKS = os.sysconf("SC_CLK_TCK")
UNLIMITED = "1000000000/second"
"""One machine plays all clients: the limits for addresses would measure themselves."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A service with its workers."""

    process: subprocess.Popen[bytes]
    url: str

    def peak_mb(self) -> float:
        """Most resident memory of each of its processes so far, added up, in megabytes."""
        return sum(_status_kb(pid, "VmHWM") for pid in self._pids()) / 1024

    def cpu_s(self) -> float:
        return sum(_cpu_s(pid) for pid in self._pids())

    def _pids(self) -> list[int]:
        pids = [self.process.pid]
        for pid in pids:  # grows while it is walked: children, and theirs; servers fork in their main thread
            pids += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return pids


@contextmanager
def running(
    command: Sequence[str], variables: Mapping[str, object], *, port: int, up: str
) -> Iterator[Running]:
    """A module of Python as a process, until the block ends; ``up`` is asked until it answers 200."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CABINE_")}
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env=environment | {name: str(value) for name, value in variables.items()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    service = Running(process=process, url=f"http://127.0.0.1:{port}")
    try:
        wait_until(lambda: process.poll() is not None or is_up(service.url + up), timeout_s=START_S)
        if process.poll() is not None:
            raise RuntimeError(f"python -m {' '.join(command)} ended at once, exit code {process.returncode}")
        yield service
    finally:
        process.terminate()
        process.wait(STOP_S)


@contextmanager
def gateway(
    inference_url: str, *, module: str = "gateway", variables: Mapping[str, object] | None = None
) -> Iterator[Running]:
    """The gateway before ``inference_url``; with other servers in its place where ``module`` says so."""
    port = free_port()
    settings = {
        "CABINE_INFERENCE_URL": inference_url,
        "CABINE_GATEWAY_PORT": port,
        "CABINE_GATEWAY_RATE_PER_ADDRESS": UNLIMITED,
        **(variables or {}),
    }
    with running([module], settings, port=port, up="/health/live") as service:
        yield service


@contextmanager
def inference(module: str, variables: Mapping[str, object] | None = None) -> Iterator[Running]:
    """``inference`` with the real engines, or a module with other ones; jobs in memory unless it is said."""
    port = free_port()
    settings = {
        "CABINE_INFERENCE_PORT": port,
        "CABINE_JOBS_STORE": "memory",
        "CABINE_LOG_LEVEL": "warning",
        **(variables or {}),
    }
    command = ["inference", "serve"] if module == "inference" else [module]
    with running(command, settings, port=port, up="/health/ready") as service:
        yield service


def raise_open_files() -> None:
    """As many open files as this process may have: each client holds one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _status_kb(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def _cpu_s(pid: int) -> float:
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / TICKS
