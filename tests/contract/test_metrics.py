"""``/metrics`` of inference: what happened is counted, and no label comes from a caller."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from inference.app import create_app
from inference.config import Settings
from inference.engines.base import EngineUnavailable
from inference.metrics import Metrics
from inference.problems import Problem
from tests.bad_inputs import PAIR, file, person_photo, value
from tests.contract.conftest import SETTINGS, Rig, listening, running, until
from tests.fakes import FakeEngine, FakePreparation, registry, spec

Labels = frozenset[tuple[str, str]]


@pytest.fixture
def rig() -> Iterator[Rig]:
    with running(SETTINGS) as rig:
        yield rig


def scrape(client: httpx.Client) -> dict[tuple[str, Labels], float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def at(metrics: dict[tuple[str, Labels], float], name: str, **labels: str) -> float:
    return metrics[name, frozenset(labels.items())]


def test_a_tryon_is_counted_and_timed_by_stage(rig: Rig) -> None:
    assert rig.client.post("/v1/tryon", files=list(PAIR)).status_code == 200

    found = scrape(rig.client)

    tryon = {"method": "POST", "route": "/v1/tryon"}
    assert at(found, "cabine_http_requests_total", **tryon, status="200") == 1
    assert at(found, "cabine_http_request_seconds_count", **tryon) == 1
    for stage in ("decode", "person", "garment", "mask", "engine", "restore", "encode"):
        assert at(found, "cabine_stage_seconds_count", stage=stage, engine="warp") == 1
    assert at(found, "cabine_http_in_flight") == 1, "this very request"
    assert at(found, "cabine_queue_waiting", lane="cpu") == 0
    build = [dict(labels) for name, labels in found if name == "cabine_build_info"]
    assert (build[0]["service"], set(build[0])) == ("inference", {"service", "version", "python"})
    assert at(found, "process_resident_memory_bytes") > 1e6


def test_uploads_and_hits_of_their_cache(rig: Rig) -> None:
    asset = rig.client.post("/v1/assets", files=[file("image", person_photo())]).json()["id"]
    parts = [value("person", asset), PAIR[1]]
    for _ in range(2):
        assert rig.client.post("/v1/tryon", files=parts).status_code == 200
    rig.client.get("/v1/assets/nothing-like-it")

    found = scrape(rig.client)

    assert at(found, "cabine_assets") == 1
    assert at(found, "cabine_asset_photo_bytes") == 768 * 1024 * 3
    assert at(found, "cabine_asset_prepared_bytes") > 0
    hits = {kind: at(found, "cabine_asset_lookups_total", found=kind) for kind in ("bare", "prepared")}
    assert hits == {"bare": 1, "prepared": 1}
    assert at(found, "cabine_asset_lookups_total", found="unknown") == 1


def test_those_that_wait_are_seen(rig: Rig) -> None:
    rig.warp.gate.clear()
    callers = [
        threading.Thread(target=lambda: rig.client.post("/v1/tryon", files=list(PAIR))) for _ in range(2)
    ]
    for caller in callers:
        caller.start()
    try:
        until(lambda: at(scrape(rig.client), "cabine_queue_waiting", lane="cpu") == 1)
    finally:
        rig.warp.gate.set()
        for caller in callers:
            caller.join()
    assert at(scrape(rig.client), "cabine_queue_waiting", lane="cpu") == 0


def test_jobs_and_their_wait_are_counted(rig: Rig) -> None:
    rig.warp.gate.clear()
    preference = {"Prefer": "respond-async"}
    first, second = (
        rig.client.post("/v1/tryon", files=list(PAIR), headers=preference).headers["Location"]
        for _ in range(2)
    )
    assert rig.warp.started.wait(10)
    found = scrape(rig.client)
    assert at(found, "cabine_jobs", state="running") == at(found, "cabine_jobs", state="queued") == 1
    rig.warp.gate.set()
    for address in (first, second):
        assert rig.client.get(address, params={"wait": 20}).json()["state"] == "succeeded"

    found = scrape(rig.client)

    assert at(found, "cabine_queue_wait_seconds_count", lane="cpu") == 2
    assert at(found, "cabine_jobs", state="succeeded") == 2
    assert at(found, "cabine_stage_seconds_count", stage="engine", engine="warp") == 2


def test_no_label_comes_from_a_caller(rig: Rig) -> None:
    rig.client.get("/v1/assets/secret-id-1")
    rig.client.get("/somewhere/secret-path")
    rig.client.request("SECRET", "/v1/engines")
    rig.client.post("/v1/tryon", files=[*PAIR, value("engine", "secret-engine")])

    text = rig.client.get("/metrics").text

    assert "secret" not in text.lower()
    assert re.search(r'route="unmatched",status="404"', text)
    assert 'method="other"' in text


def test_engine_steps_are_counted_by_engine() -> None:
    metrics = Metrics()
    metrics.meter("warp").step()

    assert b'cabine_engine_steps_total{engine="warp"} 1.0' in metrics.text()
    assert b"cabine_engine_steps_total{" not in Metrics().text(), "every application has its own"


def test_jobs_by_state() -> None:
    metrics = Metrics()
    metrics.watch_jobs(lambda: {"queued": 3, "running": 1})

    assert b'cabine_jobs{state="queued"} 3.0' in metrics.text()


def test_can_be_switched_off() -> None:
    with running(SETTINGS.model_copy(update={"metrics": False})) as rig:
        assert rig.client.get("/metrics").status_code == 404


def test_startup_says_why_not_and_stays_once_it_was(rig: Rig) -> None:
    assert rig.client.get("/health/startup").json() == {"status": "started"}
    rig.service.readiness.problem = Problem("out-of-memory", "For a moment.")
    assert rig.client.get("/health/startup").status_code == 200
    assert rig.client.get("/health/ready").status_code == 503

    missing = FakePreparation(load_error=EngineUnavailable("no models; run: make models"))
    with running(Settings(), missing) as other:
        answer = other.client.get("/health/startup")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:cabine:error:engine-unavailable")
    assert "make models" in answer.json()["detail"]


def test_two_applications_in_one_process_count_apart() -> None:
    apps = [
        create_app(Settings(), registry=registry(FakeEngine(spec=spec())), preparation=FakePreparation())
        for _ in range(2)
    ]
    with listening(apps[0]) as url:
        httpx.get(f"{url}/health/live", trust_env=False)
    texts = [app.state.service.metrics.text() for app in apps]
    assert [b'route="/health/live"' in text for text in texts] == [True, False]
