"""The proxies of docs/deploy.md, as written there, before the real services; skipped where there are none."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.bad_inputs import PAIR
from tests.contract.test_job_events import read
from tests.contract.test_jobs import ASYNC
from tests.gateway_process import free_port, running_gateway, wait_until
from tests.gateway_stub import LARGE, Stub, running_stub
from tests.job_service import job_service

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy.md"
MB = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Site:
    port: int
    certificate: Path

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url=f"https://localhost:{self.port}", verify=False, timeout=30, trust_env=False
        )


def written(language: str) -> str:
    """The configuration of the docs."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", DEPLOY.read_text(), re.DOTALL)
    return str(found)


def nginx(folder: Path, gateway: str, site: Site) -> list[str]:
    """Its command line; one process, so that its limits can be set from outside."""
    server = written("nginx").replace("http://127.0.0.1:8000", gateway)
    server = server.replace("listen 443", f"listen 127.0.0.1:{site.port}")
    server = server.replace("/etc/ssl/fitting.example.pem", str(site.certificate))
    server = server.replace("/etc/ssl/fitting.example.key", str(site.certificate.with_suffix(".key")))
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{server}\n}}\n"
    )
    return ["nginx", "-p", str(folder), "-c", str(config)]


def caddy(folder: Path, gateway: str, site: Site) -> list[str]:
    """Its command line; with our certificate, since there is no authority to fetch one from."""
    served = written("caddy").replace("127.0.0.1:8000", gateway.removeprefix("http://"))
    key = site.certificate.with_suffix(".key")
    served = served.replace(
        "fitting.example {", f"https://localhost:{site.port} {{\n\ttls {site.certificate} {key}"
    )
    config = folder / "Caddyfile"
    options = "{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}\n"
    config.write_text(options + served)
    return ["caddy", "run", "--config", str(config), "--adapter", "caddyfile"]


PROXIES = {"nginx": nginx, "caddy": caddy}


@pytest.fixture(params=sorted(PROXIES))
def proxy(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if shutil.which(name) is None or shutil.which("openssl") is None:
        pytest.skip(f"{name} or openssl is not installed")
    return name


@contextmanager
def running(name: str, gateway: str, folder: Path) -> Iterator[Site]:
    """The proxy before ``gateway``, which from then on cannot write a byte into any file."""
    site = Site(port=free_port(), certificate=folder / "site.pem")
    make_certificate(site.certificate)
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    process = subprocess.Popen(
        PROXIES[name](folder, gateway, site),
        env=os.environ | home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with site.client() as client:
            wait_until(lambda: process.poll() is not None or answers(client), timeout_s=20)
        assert process.poll() is None, f"{name} ended at once"
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))
        yield site
    finally:
        process.terminate()
        process.wait(10)


def make_certificate(path: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        + ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "1"]
        + ["-out", str(path), "-keyout", str(path.with_suffix(".key"))],
        check=True,
        capture_output=True,
    )


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health/live").status_code == 200
    except httpx.TransportError:
        return False


def test_bodies_addresses_and_scheme(proxy: str, tmp_path: Path) -> None:
    body = os.urandom(12 * MB)
    with (
        running_stub() as stub,
        running_gateway(stub.url, GATEWAY_TRUSTED_PROXIES=1) as gateway,
        running(proxy, gateway.url, tmp_path) as site,
        site.client() as client,
    ):
        assert client.post("/upload", content=body).status_code == 201
        assert sent(stub)["length"] == len(body)
        page = client.get("/", headers={"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"})
        assert "Strict-Transport-Security" in page.headers
        too_large = client.post("/upload", content=bytes(135 * MB))
        assert too_large.status_code == 413


def test_the_page_may_send_from_any_port(proxy: str, tmp_path: Path) -> None:
    """As a browser that says where it comes from by ``Origin`` alone; another port is another site."""
    with (
        running_stub() as stub,
        running_gateway(stub.url) as gateway,
        running(proxy, gateway.url, tmp_path) as site,
        site.client() as client,
    ):
        origins = [f"https://localhost:{port}" for port in (site.port, site.port + 1)]
        statuses = [
            client.post("/upload", content=b"photo", headers={"Origin": origin}).status_code
            for origin in origins
        ]
    assert statuses == [201, 403]


def test_pictures_for_slow_readers_are_not_gathered(proxy: str, tmp_path: Path) -> None:
    with (
        running_stub() as stub,
        running_gateway(stub.url) as gateway,
        running(proxy, gateway.url, tmp_path) as site,
        site.client() as client,
        client.stream("GET", "/v1/large") as answer,
    ):
        blocks = answer.iter_raw()
        first = next(blocks)
        time.sleep(1)  # a proxy that gathers answers writes a file now, and cannot
        assert len(first) + sum(len(block) for block in blocks) == LARGE


def test_visitors_cannot_make_up_their_address(proxy: str, tmp_path: Path) -> None:
    limit = {"GATEWAY_TRUSTED_PROXIES": 1, "GATEWAY_RATE_PER_ADDRESS": "2/hour"}
    with (
        running_stub() as stub,
        running_gateway(stub.url, **limit) as gateway,
        running(proxy, gateway.url, tmp_path) as site,
        site.client() as client,
    ):
        statuses = [
            client.post(
                "/upload", content=b"photo", headers={"X-Forwarded-For": f"203.0.113.{k}"}
            ).status_code
            for k in range(3)
        ]
    assert statuses == [201, 201, 429]


def test_events_come_one_by_one(proxy: str, tmp_path: Path) -> None:
    with (
        job_service(tmp_path / "jobs", CONCURRENCY=1) as service,
        running_gateway(service.url) as gateway,
        running(proxy, gateway.url, tmp_path) as site,
        site.client() as client,
    ):
        job = client.post("/compose", files=list(PAIR), headers=ASYNC).headers["location"]
        with client.stream("GET", f"{job}/events") as answer:
            events = read(answer.iter_lines())
            told = next(events)  # while the engine is held up
            while told.data.get("stage") != "engine":
                told = next(events)
            service.gate.touch()
            assert [event.data["state"] for event in events if event.name == "done"] == ["succeeded"]


def sent(stub: Stub) -> dict[str, object]:
    return next(seen for seen in reversed(stub.requests) if seen["method"] == "POST")
