"""uvicorn, and one thing more: the application learns of SIGTERM when it comes, not at the very end."""

from __future__ import annotations

import asyncio
import socket
import sys
from types import FrameType

import uvicorn
from fastapi import FastAPI

from inference.config import Settings
from inference.service import Service


class Server(uvicorn.Server):
    """On SIGTERM or SIGINT: not ready any more, nothing new begun, running work finished within the grace."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._service.stop)
        super().handle_exit(sig, frame)


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
