"""The real application on a real socket, around a fake engine and a fake preparation."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from inference import logs
from inference.app import create_app
from inference.config import Settings
from inference.dispatch import Dispatcher
from inference.engines.registry import CategoryRequirement
from inference.service import Service
from tests.fakes import DIFFUSION, FakeEngine, FakePreparation, registry, spec

SETTINGS = Settings(accepted_licenses=("diffusion",), engine="warp", max_queue=2, concurrency=1)


@dataclass(frozen=True, kw_only=True)
class Rig:
    """A running service and the parts that a test holds on to."""

    client: httpx.Client
    service: Service
    warp: FakeEngine
    diffusion: FakeEngine
    preparation: FakePreparation

    def stop(self) -> None:
        """What SIGTERM does, in the event loop as there; the server itself goes on."""
        loop = self.service.jobs.bells._loop
        assert loop is not None
        loop.call_soon_threadsafe(self.service.stop)
        until(lambda: self.service.jobs.stopping)


@contextmanager
def running(
    settings: Settings,
    preparation: FakePreparation | None = None,
    category_requirements: tuple[CategoryRequirement, ...] = (),
    dispatcher: Dispatcher | None = None,
) -> Iterator[Rig]:
    """A service of its own for a test that changes settings or timing."""
    warp = FakeEngine(spec=spec("warp"))
    diffusion = FakeEngine(spec=spec("diffusion", devices=("cuda", "cpu"), commercial_use=False, **DIFFUSION))
    preparation = preparation or FakePreparation()
    logs.configure("warning", "json")
    engines = registry(warp, diffusion, category_requirements=category_requirements)
    app = create_app(settings, registry=engines, preparation=preparation, dispatcher=dispatcher)
    with listening(app) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        wait_until_settled(client)
        service: Service = app.state.service
        yield Rig(client=client, service=service, warp=warp, diffusion=diffusion, preparation=preparation)


@contextmanager
def listening(app: FastAPI) -> Iterator[str]:
    """The application under uvicorn in a thread; its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        host, port = server.servers[0].sockets[0].getsockname()
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        thread.join()


def wait_until_settled(client: httpx.Client) -> None:
    """Until warming up has succeeded or failed."""
    until(lambda: not client.get("/health/ready").json().get("type", "").endswith("not-ready"))


def until(happened: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with running(SETTINGS) as rig:
        yield rig
