"""SIGTERM while callers wait for more than the grace: done to a real process."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from inference.callers import patience
from tests.bad_inputs import PAIR
from tests.contract.conftest import until
from tests.job_service import job_service


@pytest.mark.parametrize(("grace_s", "patience_s"), [(0, 0), (1, 0.5), (2, 1), (4, 2), (30, 28)])
def test_a_short_grace_is_one_for_callers_too(grace_s: float, patience_s: float) -> None:
    assert patience(grace_s) == patience_s


def test_callers_whose_work_takes_longer_than_the_grace_are_told(tmp_path: Path) -> None:
    """One of them is at the engine, one waits for its turn."""
    with (
        job_service(tmp_path, CONCURRENCY=1, SHUTDOWN_GRACE_S=3) as service,
        httpx.Client(base_url=service.url, timeout=30, trust_env=False) as client,
        ThreadPoolExecutor(2) as pool,
    ):
        answers = [pool.submit(client.post, "/v1/tryon", files=list(PAIR)) for _ in range(2)]
        until(lambda: 'cabine_queue_waiting{lane="cpu"} 1.0' in client.get("/metrics").text, seconds=20)
        service.end(signal.SIGTERM)

        for told in (answer.result() for answer in answers):
            assert (told.status_code, told.json()["type"]) == (503, "urn:cabine:error:not-ready")
            assert int(told.headers["retry-after"]) >= 1
