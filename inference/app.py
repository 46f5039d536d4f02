"""The HTTP service: an application made from settings; what it works with is handed in or built here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

import inference
from inference import problems
from inference.config import Settings
from inference.dispatch import Dispatcher
from inference.embedded import EmbeddedPreparation
from inference.engines.registry import Registry
from inference.installed import engines_here
from inference.jobs.runner import Runner
from inference.middleware import RequestContext
from inference.origins import OwnPagesOnly
from inference.preparation import Preparation
from inference.routes import assets, engines, fashn, health, jobs, metrics, preprocess, tryon
from inference.service import build

DESCRIPTION = """
Put garments from product photos onto the photo of a person, on your own hardware.

Every refusal is an `application/problem+json` document (RFC 9457) whose `type` is `urn:cabine:error:<slug>`.
Photos are held in memory only; those of jobs (`Prefer: respond-async`) in the store, until the job is done.
Results carry no metadata of the input.
"""


def create_app(
    settings: Settings,
    *,
    registry: Registry | None = None,
    preparation: Preparation | None = None,
    dispatcher: Dispatcher | None = None,
) -> FastAPI:
    """The service for ``settings``; tests bring their own engines and preparation.

    Models are loaded in the background once it runs; until then ``/health/ready`` answers 503.
    """
    service = build(
        settings,
        registry or engines_here(settings),
        preparation or EmbeddedPreparation(settings),
        dispatcher,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        runner = Runner(service)
        async with anyio.create_task_group() as background:
            background.start_soon(service.warm_up)
            background.start_soon(service.forget_in_time)
            background.start_soon(runner.run)
            yield
            service.stop()
            await runner.drain()
            background.cancel_scope.cancel()
        await anyio.to_thread.run_sync(service.tools.engines.close)
        service.jobs.close()

    # Unlike FastAPI's own, this documentation page loads its scripts from here: it works offline, and no
    # third party learns who reads it.
    app: FastAPI = FastAPIOffline(
        title="Cabine inference",
        version=inference.__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
        # A redirect names the host that the request names: wrong behind the gateway, and anybody's to choose.
        redirect_slashes=False,
    )
    app.state.service = service
    app.add_middleware(OwnPagesOnly)
    app.add_middleware(RequestContext, metrics=service.metrics)
    problems.install(app)
    routes = (tryon, jobs, fashn, assets, engines, preprocess, health)
    for router in (part.router for part in routes):
        app.include_router(router)
    if settings.metrics:
        app.include_router(metrics.router)
    return app
