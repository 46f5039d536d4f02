"""``make run`` as a reader meets it: both services, curl lines of README and API as written, a clean stop."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from PIL import Image

from scripts.demo import free_ports

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
API = (ROOT / "docs/api.md").read_text()
CURL_BLOCKS = [
    block
    for block in (
        *re.findall(r"```sh\n(.*?)```", README, re.DOTALL),
        *re.findall(r"(?:^ {4}.+\n)+", API, re.M),
    )
    if "curl" in block
]
PARTS = {"pose.png", "cutout.png"}
"""Pictures of other sizes than the photo's."""
FAIL = 'curl() { command curl --fail --silent --show-error "$@"; }\n'
"""A refusal ends the script: the lines for readers leave that out."""
READY_WITHIN_S = 60
STOP_WITHIN_S = 15

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")


@dataclass(frozen=True, kw_only=True)
class Running:
    process: subprocess.Popen[str]
    port: int
    inference_port: int
    log: Path

    def pids(self) -> list[int]:
        """Of the two services, from honcho's own lines."""
        return [int(pid) for pid in re.findall(r"started \(pid=(\d+)\)", self.log.read_text())]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    port, inference_port = free_ports(2)
    log = tmp_path_factory.mktemp("run") / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            ["make", "run", f"PORT={port}", f"INFERENCE_PORT={inference_port}"],
            cwd=ROOT,
            stdout=output,
            stderr=output,
            text=True,
        )
    service = Running(process=process, port=port, inference_port=inference_port, log=log)
    try:
        wait_until_ready(service)
        yield service
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)


def wait_until_ready(service: Running) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        assert service.process.poll() is None, service.log.read_text()
        try:
            if requests.get(f"http://127.0.0.1:{service.port}/health/ready", timeout=5).status_code == 200:
                return
        except requests.ConnectionError:
            time.sleep(0.2)
    pytest.fail(f"not ready within {READY_WITHIN_S} s\n{service.log.read_text()}")


@pytest.mark.parametrize("block", CURL_BLOCKS)
def test_curl_lines_work_as_written(block, running, tmp_path):
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    (tmp_path / "person.jpg").symlink_to(ROOT / "samples/people/p1_man__base.jpg")
    (tmp_path / "garment.jpg").symlink_to(ROOT / "samples/garments/tshirt_print.jpg")
    script = FAIL + block.replace("localhost:8000", f"localhost:{running.port}")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr + running.log.read_text()[-2000:]
    for name in re.findall(r"-o (\S+\.png)", block):
        with Image.open(tmp_path / name) as picture:
            assert picture.format == "PNG"
            assert name in PARTS or picture.size == (768, 1024)
    assert "event: done" in done.stdout or "/events" not in block


@pytest.mark.parametrize("address", ["health/live", "health/ready"])
def test_both_services_answer_health_on_loopback(address, running):
    for port in (running.port, running.inference_port):
        assert requests.get(f"http://127.0.0.1:{port}/{address}", timeout=5).status_code == 200


def test_sigterm_stops_both_and_leaves_nothing(running):
    """Last in this file: the services are gone afterwards."""
    pids = running.pids()
    assert len(pids) == 2
    running.process.send_signal(signal.SIGTERM)
    running.process.wait(STOP_WITHIN_S)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    for port in (running.port, running.inference_port):
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://127.0.0.1:{port}/health/live", timeout=2)
