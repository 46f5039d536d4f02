"""Lives of jobs in the logs of both real services: killed, taken over, cancelled, refused, done."""

from __future__ import annotations

import base64
import json
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import httpx
import pytest

from gateway.keys import digest_of, new_secret
from tests.bad_inputs import PAIR, file, garment_photo, person_photo, picture, value
from tests.contract.conftest import until
from tests.contract.test_jobs import ASYNC
from tests.contract.test_store_faults import locked
from tests.gateway_process import running_gateway
from tests.job_service import JobService, job_service

Line = dict[str, object]
KEY = new_secret()
EVEN = file("garment", picture("PNG", 600, 800))
LIFE = {"job accepted", "job started", "job queued again", "job ended", "job expired", "job failed"}


@dataclass(kw_only=True)
class Lives:
    """Addresses of jobs by what became of them, and what the services wrote."""

    jobs: dict[str, str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)

    def of(self, name: str) -> list[Line]:
        """Lines of a job, in order of time."""
        job_id = self.jobs[name].rpartition("/")[2]
        lines = [json.loads(line) for text in self.texts for line in text.splitlines()]
        found = [line for line in lines if line.get("job_id") == job_id]
        return sorted(found, key=lambda line: str(line["timestamp"]))


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lives]:
    """Two processes on one store: the first is killed, its second life is frozen and its job taken over."""
    folder = tmp_path_factory.mktemp("lives")
    outputs = [folder / "one", folder / "two"]
    settings = {
        "CONCURRENCY": 1,
        "JOB_LEASE_S": 1,
        "JOB_ATTEMPTS": 3,
        "LOG_LEVEL": "debug",
        "JOBS_DIR": folder / "jobs",
    }
    lives = Lives()
    with ExitStack() as stack:
        one = stack.enter_context(job_service(folder, outputs[0], **settings))
        gateway = stack.enter_context(running_gateway(one.url, API_KEYS=f"shop:{digest_of(KEY)}"))
        client = stack.enter_context(httpx.Client(base_url=gateway.url, timeout=30, trust_env=False))
        client.headers["X-API-Key"] = KEY
        submit(client, lives, "moved")
        until_at_work(client, lives.jobs["moved"])
        submit(client, lives, "cancelled")
        assert client.delete(lives.jobs["cancelled"]).is_success
        one.end(signal.SIGKILL)
        one.start()
        until_at_work(client, lives.jobs["moved"], attempts=2)

        assert one.process is not None
        with locked(one):  # frozen with a lock of its own, it would hold up the other
            one.process.send_signal(signal.SIGSTOP)
        two = stack.enter_context(job_service(folder, outputs[1], **settings))
        until(lambda: b"job started" in outputs[1].read_bytes(), seconds=30)
        one.process.send_signal(signal.SIGCONT)
        until(lambda: b"taken over" in outputs[0].read_bytes(), seconds=30)
        two.gate.touch()
        submit(client, lives, "refused", EVEN)
        submit(client, lives, "done")
        for address in lives.jobs.values():
            client.get(address, params={"wait": 30})
        assert client.delete(lives.jobs["done"]).status_code == 204
        end(one, two)
        lives.texts = [output.read_text() for output in outputs]
        yield lives


def submit(client: httpx.Client, lives: Lives, name: str, garment: object = PAIR[1]) -> None:
    parts = [PAIR[0], garment, value("description", "secret words")]
    headers = {**ASYNC, "X-Request-Id": f"request-{name}"}
    answer = client.post("/compose", files=parts, headers=headers)  # type: ignore[arg-type]
    lives.jobs[name] = answer.headers["location"]


def until_at_work(client: httpx.Client, address: str, attempts: int = 1) -> None:
    def at_work() -> bool:
        job = client.get(address).json()
        return (job.get("stage"), job.get("attempts")) == ("engine", attempts)

    until(at_work, seconds=30)


def end(*services: JobService) -> None:
    for service in services:
        service.end(signal.SIGTERM)


def events(lines: list[Line]) -> list[object]:
    return [line["event"] for line in lines if line["event"] in LIFE]


def test_a_job_that_moved_from_process_to_process(lives: Lives) -> None:
    """Killed in its first, frozen in its second, done in the third; the second one learns of it."""
    lines = lives.of("moved")
    again = ["job queued again", "job started"]
    assert events(lines) == ["job accepted", "job started", *again, *again, "job ended"]
    assert [line["attempts"] for line in lines if line["event"] == "job started"] == [1, 2, 3]
    assert [line["attempts"] for line in lines if line["event"] == "job queued again"] == [1, 2]
    (lost,) = (line for line in lines if line["event"] == "job taken over by another worker")
    assert lost["level"] == "warning"


def test_jobs_that_were_cancelled_refused_and_done(lives: Lives) -> None:
    cancelled, refused, done = (lives.of(name) for name in ("cancelled", "refused", "done"))
    assert events(cancelled) == ["job accepted", "job ended"]
    assert cancelled[-1]["state"] == "cancelled"
    assert events(refused) == ["job accepted", "job started", "job ended"]
    assert (refused[-1]["state"], refused[-1]["error"]) == ("failed", "no-garment")
    assert events(done) == ["job accepted", "job started", "job ended", "job expired"]
    ended = done[-2]
    assert ended["state"] == "succeeded"
    assert ended["seconds"] >= 0  # type: ignore[operator]
    assert done[1]["waited"] >= 0  # type: ignore[operator]
    assert {"decode", "engine", "encode"} <= set(ended["timings"])  # type: ignore[arg-type, call-overload]


def test_every_line_of_a_life_names_job_request_key_and_engine(lives: Lives) -> None:
    for name in lives.jobs:
        for line in lives.of(name):
            if line["event"] in LIFE:
                assert (line["request_id"], line["key"], line["engine"]) == (
                    f"request-{name}",
                    "shop",
                    "warp",
                )


def test_nothing_of_photos_and_words_is_in_them(lives: Lives) -> None:
    text = "\n".join(lives.texts)
    assert "job ended" in text
    assert "secret" not in text.lower()
    for photo in (person_photo(), garment_photo()):
        for form in (photo.hex()[40:80], base64.b64encode(photo).decode()[40:80], repr(photo[40:60])[2:-1]):
            assert form not in text
    assert re.search(r"[A-Za-z0-9+/=_-]{100,}", text) is None, "nothing that looks like base64"
