"""What comes late or never: models, the end of an upload. Done to real processes."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from tests.contract.conftest import until
from tests.gateway_process import free_port, is_up
from tests.job_service import job_service

ROOT = Path(__file__).resolve().parents[2]
HEAD = (
    b"POST /v1/tryon HTTP/1.1\r\nhost: here\r\ncontent-length: 1000\r\n"
    b"content-type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
)


def test_an_upload_that_never_ends_is_cut_off(tmp_path: Path) -> None:
    with (
        job_service(tmp_path, UPLOAD_TIMEOUT_S=0.3) as service,
        socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection,
    ):
        connection.sendall(HEAD)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.status, json.loads(answer.read())["type"]) == (
            504,
            "urn:cabine:error:deadline-exceeded",
        )
        assert is_up(f"{service.url}/health/ready")


def test_models_that_come_later_need_no_restart(tmp_path: Path, models: Path) -> None:
    port, later = free_port(), tmp_path / "models"
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "inference", "serve", "--port", str(port)]
    environment = {"CABINE_MODELS": str(later), "CABINE_JOBS_STORE": "memory"}
    with subprocess.Popen(
        ["env", *(f"{name}={value}" for name, value in environment.items()), *command],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            until(lambda: is_up(f"{url}/health/live"), seconds=60)
            until(lambda: "preprocess.models fetch" in httpx.get(f"{url}/health/ready", trust_env=False).text)
            shutil.copytree(models, later)
            until(lambda: is_up(f"{url}/health/ready"), seconds=60)
        finally:
            process.terminate()
