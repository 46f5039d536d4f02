"""Real service processes on free loopback ports, for end-to-end tests."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import requests


@dataclass
class Process:
    process: subprocess.Popen[str]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)


@contextmanager
def running_gateway(
    inference_url: str, *, constants: Sequence[str] = (), **settings: object
) -> Iterator[Process]:
    """``python -m gateway``; ``settings`` by the names of their variables, without ``CABINE_``.

    ``constants`` of its worker may be others, as in ``HEAD_S=2``.
    """
    port = free_port()
    variables = {f"CABINE_{name}": str(value) for name, value in settings.items()}
    variables |= {"CABINE_INFERENCE_URL": inference_url, "CABINE_GATEWAY_PORT": str(port)}
    command = ["tests.gateway_with", *constants] if constants else ["gateway"]
    with _running(command, port, variables, "/health/live") as process:
        yield process


@contextmanager
def running_inference(**settings: object) -> Iterator[Process]:
    """``cabine serve`` with the real engines, warm; ``settings`` as for the gateway."""
    port = free_port()
    variables = {f"CABINE_{name}": str(value) for name, value in settings.items()}
    command = ["inference", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with _running(command, port, variables, "/health/ready") as process:
        yield process


@contextmanager
def _running(command: list[str], port: int, variables: dict[str, str], up: str) -> Iterator[Process]:
    """The module as a process that cannot write a single byte into any file: photos stay in memory."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env=os.environ | variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
    )
    running = Process(process, port)
    try:
        wait_until(lambda: process.poll() is not None or is_up(running.url + up), timeout_s=60)
        assert process.poll() is None, f"{command} ended at once"
        yield running
    finally:
        process.terminate()
        process.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    until = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > until:
            raise AssertionError("waited in vain")
        time.sleep(0.05)


def is_up(url: str) -> bool:
    try:
        return requests.get(url, timeout=1).ok
    except requests.RequestException:
        return False
