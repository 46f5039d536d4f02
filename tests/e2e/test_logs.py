"""Both services at their most talkative: every line JSON, one id through both, nothing of a photo."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from gateway.keys import digest_of, new_secret
from tests.bad_inputs import garment_photo, person_photo
from tests.gateway_process import free_port, is_up, wait_until

ROOT = Path(__file__).resolve().parents[2]
KEY = new_secret()
FAILING_SEED = "13"
SERVER = textwrap.dedent(
    """
    import sys, uvicorn
    from inference import logs
    from inference.app import create_app
    from inference.config import Settings
    from tests.fakes import FakeEngine, FakePreparation, registry, spec

    class Engine(FakeEngine):
        def run(self, prepared, params, progress, cancelled):
            photo = prepared.person.photo.rgb.tobytes()
            if params.seed == 13:
                raise RuntimeError(f"the engine broke over {len(photo)} bytes")
            return super().run(prepared, params, progress, cancelled)

    logs.configure("debug", "json")
    settings = Settings(jobs_store="memory")
    app = create_app(settings, registry=registry(Engine(spec=spec())), preparation=FakePreparation())
    uvicorn.run(app, port=int(sys.argv[1]), log_config=None, access_log=False)
    """
)

Line = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Said:
    """What the processes wrote, after they have ended."""

    inference: str
    gateway: str
    asset: str
    """Id of a photo that was held."""

    @property
    def all(self) -> str:
        return self.inference + self.gateway


@contextmanager
def process(command: list[str], up: str, output: Path, **variables: str) -> Iterator[None]:
    with output.open("wb") as file:
        running = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=os.environ | variables,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until(lambda: running.poll() is not None or is_up(up), timeout_s=60)
            assert running.poll() is None, output.read_text()
            yield
        finally:
            running.terminate()
            running.wait(30)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    folder, behind, before = tmp_path_factory.mktemp("logs"), free_port(), free_port()
    inner, outer = f"http://127.0.0.1:{behind}", f"http://127.0.0.1:{before}"
    variables = {
        "CABINE_INFERENCE_URL": inner,
        "CABINE_GATEWAY_PORT": str(before),
        "CABINE_API_KEYS": f"shop:{digest_of(KEY)}",
        "CABINE_LOG_LEVEL": "debug",
    }
    with (
        process(["-c", SERVER, str(behind)], f"{inner}/health/ready", folder / "inference"),
        process(["-m", "gateway"], f"{outer}/health/live", folder / "gateway", **variables),
    ):
        asset = use(outer)
    written = {name: (folder / name).read_text() for name in ("inference", "gateway")}
    return Said(asset=asset, **written)


def use(url: str) -> str:
    """What callers do, and what goes wrong; the id of a photo."""
    person = ("secret-holiday.jpg", person_photo())
    garment = ("secret-dress.jpg", garment_photo())
    with requests.Session() as session:
        session.trust_env = False

        def compose(request_id: str, **fields: str) -> requests.Response:
            headers = {"X-API-Key": KEY, "X-Request-Id": request_id, "Accept": "application/json"}
            files = {"person": person, "garment": garment}
            if "job" in request_id:
                headers["Prefer"] = "respond-async"
            return session.post(f"{url}/compose", data=fields, files=files, headers=headers, timeout=30)

        assert compose("request-good", description="secret words").status_code == 200
        assert compose("request-broken", seed=FAILING_SEED).status_code == 500
        assert compose("request-refused", engine="secret-engine").status_code == 422
        key = {"X-API-Key": KEY}
        accepted = compose("request-of-job", seed=FAILING_SEED)
        job = session.get(f"{url}{accepted.headers['Location']}?wait=20", headers=key, timeout=30).json()
        assert (accepted.status_code, job["state"]) == (202, "failed")
        answer = session.post(f"{url}/upload", files={"image": person}, headers=key, timeout=30)
        held = str(answer.json()["id"])
        assert session.delete(f"{url}/v1/assets/{held}?q=secret-query", headers=key, timeout=30).ok
        odd = {"image": ("secret.jpg", b"secret bytes, no image")}
        assert session.post(f"{url}/upload", files=odd, headers=key, timeout=30).status_code == 415
        assert session.get(f"{url}/v1/secret-path", headers=key, timeout=30).status_code == 404
        assert (
            session.get(f"{url}/v1/engines", headers={"X-API-Key": "secret-key"}, timeout=30).status_code
            == 401
        )
        assert session.post(f"{url}/sign-in", data={"key": "secret-key"}, timeout=30).status_code == 200
    return held


def lines(text: str) -> list[Line]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("service", ["inference", "gateway"])
def test_every_line_is_an_object_with_the_same_fields(said: Said, service: str) -> None:
    found = lines(getattr(said, service))
    assert found
    assert all({"event", "level", "timestamp"} <= set(line) for line in found)


def test_one_request_id_leads_through_both_services(said: Said) -> None:
    for text, path in ((said.gateway, "route"), (said.inference, "path")):
        (line,) = (
            line
            for line in lines(text)
            if line.get("request_id") == "request-good" and line["event"] == "request"
        )
        assert (line["method"], line["status"], line["key"]) == ("POST", 200, "shop")
        assert line[path] in {"/compose", "/v1/tryon"}
        assert isinstance(line["seconds"], float)


def test_a_failure_is_found_by_its_id_with_its_traceback(said: Said) -> None:
    broken = [line for line in lines(said.inference) if line.get("request_id") == "request-broken"]
    (failed,) = (line for line in broken if line["level"] == "error")
    assert "RuntimeError: the engine broke" in str(failed["exception"])


def test_a_job_is_found_by_its_id_and_by_its_request(said: Said) -> None:
    (failed,) = (line for line in lines(said.inference) if line["event"] == "job failed")
    assert failed["request_id"] == "request-of-job"
    assert failed["job_id"]
    assert "RuntimeError: the engine broke" in str(failed["exception"])


def test_nothing_of_photos_and_callers_secrets_is_written(said: Said) -> None:
    assert "secret" not in re.sub(r"session_secret", "", said.all).lower()
    assert KEY not in said.all
    assert said.asset not in said.all, "whoever knows it can use the photo"
    assert digest_of(KEY) not in said.all
    for photo in (person_photo(), garment_photo()):
        for form in (photo.hex()[40:80], base64.b64encode(photo).decode()[40:80], repr(photo[40:60])[2:-1]):
            assert form not in said.all
    assert re.search(r"[A-Za-z0-9+/=_-]{100,}", said.all) is None, "nothing that looks like base64"


def test_the_logs_are_short(said: Said) -> None:
    assert len(said.all) < 40_000
