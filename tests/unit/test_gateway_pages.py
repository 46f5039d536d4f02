"""The gateway's page, samples, errors, headers, settings and borders."""

from __future__ import annotations

import gzip
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from gateway import Settings, create_app
from gateway.inference_client import InferenceClient
from gateway.problems import KINDS
from gateway.security import HEADERS
from tests.gateway_client import SAMPLES, assert_problem, client_of, settings_for
from tests.gateway_process import free_port
from tests.gateway_stub import Stub, running_stub

MB = 2**20


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with running_stub() as stub:
        yield stub


@pytest.fixture
def app(stub: Stub) -> Flask:
    return create_app(settings_for(stub.url))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return client_of(app)


# --- page, samples, errors, headers ---


def test_page(client: FlaskClient) -> None:
    page = client.get("/").get_data(as_text=True)
    assert "not the size or the fit" in page
    assert page.count('class="model"') == 4
    assert page.count('class="tile only-js"') == 8
    assert "__tshirt_print" not in page
    for source in re.findall(r'(?:src|href)="([^"#]+)"', page):
        assert source.startswith("/"), "nothing comes from another host"
        if not source.startswith("/v1/"):
            assert client.get(source).status_code == 200, source
    assert not re.search(r"<script(?![^>]* (src=|type=.application/json))|<style|\sstyle=|\son\w+=", page), (
        "the CSP forbids inline code"
    )


def test_the_first_load_is_small(client: FlaskClient) -> None:
    """Page, style sheets and scripts that are fetched at once, as they travel; pictures come on top."""
    page = client.get("/").text
    sources = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page))
    imported = {source for source in sources if source.endswith(".js")}
    while imported:  # and what those import in turn
        found = {
            urljoin(source, name)
            for source in imported
            for name in re.findall(r'^import .*"(\..*)";$', client.get(source).text, re.M)
        }
        imported = found - sources
        sources |= found
    assert any(source.startswith("/static/vendor/") for source in sources)
    answers = [client.get(source, headers={"Accept-Encoding": "gzip"}) for source in ("/", *sources)]
    assert {answer.headers.get("Content-Encoding", "small") for answer in answers} == {"gzip", "small"}
    assert sum(len(answer.data) for answer in answers) < 100_000


def test_a_compressed_copy_stays_current(client: FlaskClient) -> None:
    accepted = {"Accept-Encoding": "gzip"}
    first = client.get("/static/css/base.css", headers=accepted)
    assert gzip.decompress(first.data) == client.get("/static/css/base.css").data
    assert "Accept-Encoding" in first.headers["Vary"]
    again = client.get("/static/css/base.css", headers={**accepted, "If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


def test_what_is_relayed_is_not_compressed(client: FlaskClient) -> None:
    """Events would be gathered, pictures gain nothing, and inference's answers are passed on as they are."""
    for path in ("/v1/engines", "/v1/tryon", "/v1/problem"):
        answer = client.get(path, headers={"Accept-Encoding": "br, gzip"})
        assert "Content-Encoding" not in answer.headers, path


def test_vendored_libraries_are_what_their_list_says() -> None:
    """``python -m scripts.vendor_page`` brings them."""
    folder = Path("gateway/static/vendor")
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    locked = json.loads((folder / "package-lock.json").read_text())["packages"]
    for name, version in wanted.items():
        entry = locked[f"node_modules/{name}"]
        assert entry["version"] == version
        assert entry["license"] in {"MIT", "ISC", "Apache-2.0", "BSD-3-Clause"}
        assert {path.name for path in folder.glob(f"{name}*")} == {f"{name}.js", f"{name}.LICENSE"}


def test_page_without_samples(stub: Stub, tmp_path: Path) -> None:
    client = client_of(create_app(settings_for(stub.url, samples=tmp_path / "none")))
    page = client.get("/")
    assert page.status_code == 200
    assert b"/samples/" not in page.data


def test_samples(client: FlaskClient) -> None:
    whole = client.get("/samples/garment/polo_green.jpg")
    assert whole.data == (SAMPLES / "garments" / "polo_green.jpg").read_bytes()
    for address in re.findall(r'"(/samples/[^"]+/thumbnail)"', client.get("/").text):
        thumbnail = client.get(address)
        assert len(thumbnail.data) < 15_000, address
    with Image.open(io.BytesIO(thumbnail.data)) as image:
        assert image.format == "WEBP"


@pytest.mark.parametrize(
    "path",
    [
        "person/..%2f..%2fLICENSES.md",
        "truth/pose_check.json",
        "person/nobody.jpg",
        "person/p1_man__tshirt_print.jpg",
    ],
)
def test_only_listed_samples_are_served(client: FlaskClient, path: str) -> None:
    assert_problem(client.get(f"/samples/{path}"), "not-found", 404)


@pytest.mark.parametrize(
    ("method", "path", "slug", "status"),
    [
        ("GET", "/nothing", "not-found", 404),
        ("GET", "/docs", "not-found", 404),
        ("GET", "/upload", "method-not-allowed", 405),
        ("GET", "/compose", "method-not-allowed", 405),
        ("POST", "/", "method-not-allowed", 405),
        ("PUT", "/v1/tryon", "method-not-allowed", 405),
        ("PATCH", "/v1/assets", "method-not-allowed", 405),
    ],
)
def test_wrong_addresses(client: FlaskClient, method: str, path: str, slug: str, status: int) -> None:
    response = client.open(path, method=method)
    assert_problem(response, slug, status)
    assert ("Allow" in response.headers) == (status == 405)


def test_bugs_do_not_show_their_text(
    client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("/home/secret")

    monkeypatch.setattr(InferenceClient, "send", fail)
    response = client.post("/compose", data=b"x")
    assert_problem(response, "internal", 500)
    assert b"secret" not in response.data


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/health/live", "/v1/problem", "/v1/tryon", "/static/css/base.css"]
)
def test_every_answer_is_protected(client: FlaskClient, path: str) -> None:
    response = client.get(path, headers={"Origin": "https://elsewhere.example"})
    for name, value in HEADERS.items():
        assert response.headers[name] == value
    assert not [name for name, _ in response.headers if name.startswith("Access-Control-")]
    assert "unsafe" not in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/", "/v1/tryon", "/health/live"])
def test_photos_are_not_cached(client: FlaskClient, path: str) -> None:
    assert client.get(path).headers["Cache-Control"] == "no-store"


def test_ids_of_assets_are_not_logged(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="cabine.gateway.access")
    client.delete("/v1/assets/very-secret-id")
    (record,) = caplog.records
    assert "very-secret-id" not in str(vars(record))
    assert vars(record)["route"] == "/v1/<path:rest>"


def test_errors_are_those_of_the_api() -> None:
    from inference.problems import TYPES

    for slug, kind in KINDS.items():
        known = TYPES[slug]
        assert (kind.status, kind.title, kind.retryable) == (known.status, known.title, known.retryable), slug


# --- settings and borders ---


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CABINE_INFERENCE_URL", "http://elsewhere:9/")
    monkeypatch.setenv("CABINE_SAMPLES", "/pictures")
    monkeypatch.setenv("CABINE_MAX_REQUEST_MB", "7")
    monkeypatch.setenv("CABINE_GATEWAY_PORT", "9000")
    settings = Settings()
    assert settings.inference_url == "http://elsewhere:9/"
    assert settings.samples == Path("/pictures")
    assert settings.max_request_bytes == 7 * MB
    assert settings.port == 9000


@pytest.mark.parametrize(
    ("name", "value"),
    [("inference_url", "ftp://x"), ("inference_url", "http://x/path"), ("threads", 4), ("port", 70000)],
)
def test_bad_settings_are_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        Settings.model_validate({name: value})


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_proxies_of_the_environment_are_ignored(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    client = client_of(create_app(settings_for(stub.url)))
    assert client.post("/compose", data=b"x").status_code == 200


def test_the_gateway_loads_no_engine() -> None:
    program = (
        "import sys, gateway, gateway.__main__; gateway.create_app();"
        "print([m for m in ('torch', 'numpy', 'cv2', 'inference', 'preprocess') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
