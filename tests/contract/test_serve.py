"""``cabine serve`` as a process of its own, with the real models and engine."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.bad_inputs import PAIR
from tests.contract.conftest import until

ROOT = Path(__file__).resolve().parents[2]
AT_WORK_S = 0.3
"""CPU seconds after which a try-on, which needs several, has certainly been read and is being worked on."""


@dataclass(frozen=True, kw_only=True)
class Served:
    process: subprocess.Popen[str]
    client: httpx.Client


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def served() -> Iterator[Served]:
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "inference", "serve", "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
            until(lambda: is_ready(client), seconds=60)
            yield Served(process=process, client=client)
        if process.poll() is None:
            process.kill()


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def cpu_seconds(pid: int) -> float:
    """Of all threads of a process so far (proc(5): user and system time, 11 fields after the name)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="whether a process works is read from /proc")
def test_finishes_running_requests_on_sigterm_and_logs_no_secrets(served: Served) -> None:
    before = cpu_seconds(served.process.pid)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(
            served.client.post, "/v1/tryon", files=list(PAIR), headers={"x-request-id": "the-last-one"}
        )
        until(lambda: cpu_seconds(served.process.pid) > before + AT_WORK_S, seconds=60)
        served.process.send_signal(signal.SIGTERM)
        answer = running.result()
    said = served.process.communicate(timeout=30)[0]

    assert answer.status_code == 200
    assert Image.open(io.BytesIO(answer.content)).size == (768, 1024)
    assert served.process.returncode in (0, -signal.SIGTERM)
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    tried = next(line for line in lines if line["event"] == "tryon")
    assert tried["request_id"] == "the-last-one"
    assert set(tried["timings"]) >= {"person", "engine", "encode"}
    assert "photo.jpg" not in said
    assert len(said) < 10_000
