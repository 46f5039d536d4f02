"""uvicorn, and two things more: the application learns of SIGTERM when it comes, and the process does end."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI

from inference.config import Settings
from inference.service import Service

log = structlog.get_logger("cabine.server")

PATIENCE_S = 5.0
"""Beyond the grace: long enough for whatever asks whether it shall stop."""


class Server(uvicorn.Server):
    """On SIGTERM or SIGINT: not ready any more, nothing new begun, running work finished within the grace.

    A thread cannot be stopped from outside: where an engine or a model does not end, the process is left. Its
    jobs are in the store, back in the queue or on a lease that ends, and run again.
    """

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end = threading.Timer(service.settings.shutdown_grace_s + PATIENCE_S, _leave)
        self._end.daemon = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._service.stop)
        if self._end.ident is None:  # the first signal
            self._end.start()
        super().handle_exit(sig, frame)


def _leave() -> None:
    log.error("left although something still runs, which was told to stop and did not")
    sys.stdout.flush()
    os._exit(1)


def serve(application: FastAPI, settings: Settings, *, host: str, port: int) -> None:
    """Until SIGTERM or SIGINT; exits with 3 when it cannot start, as uvicorn does."""
    config = uvicorn.Config(
        application,
        host=host,
        port=port,
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=settings.shutdown_grace_s,
        log_config=None,
        access_log=False,
        server_header=False,
    )
    server = Server(config, application.state.service)
    server.run()
    if not server.started:
        sys.exit(3)
