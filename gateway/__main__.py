"""``python -m gateway``: serve with gunicorn, in the foreground, until SIGTERM."""

from __future__ import annotations

import logging
import os
import socket
import struct
import sys
from typing import Any

from gunicorn.app.base import BaseApplication
from pydantic import ValidationError

from gateway import Settings, create_app

WORKER_TIMEOUT_S = 60
"""Silence after which a hung worker is replaced; threads that wait for inference do not count as silence."""

MEMORY_DISK = "/dev/shm"
"""Linux: gunicorn's heartbeat file lies here, so that a slow or read-only disk cannot stop the service."""


class Server(BaseApplication):
    """gunicorn with one threaded worker: measured as the leanest server that streams both ways."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        settings = self._settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        options: dict[str, Any] = {
            "bind": f"{host}:{settings.port}",
            "worker_class": "gthread",
            "workers": 1,
            "threads": settings.threads,
            "timeout": WORKER_TIMEOUT_S,
            "keepalive": settings.keep_alive_s,
            "graceful_timeout": settings.grace_s,
            "control_socket_disable": True,
            "worker_tmp_dir": MEMORY_DISK if os.path.isdir(MEMORY_DISK) else None,
            "loglevel": "warning",
            "post_worker_init": self._limit_silence,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return create_app(self._settings)

    def _limit_silence(self, worker: Any) -> None:
        """Give client sockets a kernel timeout (inherited from the listener): none may hold a thread."""
        limit = struct.pack("ll", self._settings.client_timeout_s, 0)
        for listener in worker.sockets:
            listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit(f"gateway: {error}")
    logging.getLogger("cabine.gateway").info(
        "gateway on http://%s:%d, inference at %s", settings.host, settings.port, settings.inference_url
    )
    Server(settings).run()


if __name__ == "__main__":
    main()
