"""``python -m gateway``: serve with gunicorn, in the foreground, until SIGTERM; ``keys new`` makes a key."""

from __future__ import annotations

import argparse
import logging
import os
import resource
import socket
import struct
import sys
from typing import Any

from gunicorn.app.base import BaseApplication
from pydantic import ValidationError

from gateway import Settings, create_app, keys, logs
from gateway.worker import Worker

WORKER_TIMEOUT_S = 60
"""Silence after which a hung worker is replaced; threads that wait for inference do not count as silence."""

IDLE_CONNECTIONS = 1024
"""Connections of clients that ask for nothing at the moment; beyond these the oldest are closed."""

OTHER_FILES = 64
"""Open files besides connections: listener, heartbeat, log, libraries."""

MEMORY_DISK = "/dev/shm"
"""Linux: gunicorn's heartbeat file lies here, so that a slow or read-only disk cannot stop the service."""


class Server(BaseApplication):
    """gunicorn with one worker and a thread for each open request, streams included (docs/adr/0005)."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        super().__init__()

    def load_config(self) -> None:
        settings = self.settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        options: dict[str, Any] = {
            "bind": f"{host}:{settings.port}",
            "worker_class": Worker,
            "workers": 1,
            "threads": settings.threads,
            "worker_connections": settings.threads + IDLE_CONNECTIONS,
            "timeout": WORKER_TIMEOUT_S,
            "keepalive": settings.keep_alive_s,
            "graceful_timeout": settings.grace_s,
            "control_socket_disable": True,
            "worker_tmp_dir": MEMORY_DISK if os.path.isdir(MEMORY_DISK) else None,
            "loglevel": "warning",
            "logger_class": logs.ServerLogger,
            "forwarded_allow_ips": "",  # whom to believe is CABINE_GATEWAY_TRUSTED_PROXIES' business
            "post_worker_init": self._limit_silence,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return create_app(self.settings)

    def _limit_silence(self, worker: Any) -> None:
        """Give client sockets a kernel timeout (inherited from the listener): none may hold a thread."""
        limit = struct.pack("ll", self.settings.client_timeout_s, 0)
        for listener in worker.sockets:
            listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def allow_files(settings: Settings) -> None:
    """Raise the soft limit of open files to what all threads together may need.

    Exits where the hard limit is lower: gunicorn would die of it under load, and take every stream along.
    """
    # A thread has its client's connection, one to inference, and a selector that watches both.
    needed = 3 * settings.threads + IDLE_CONNECTIONS + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            sys.exit(
                f"gateway: CABINE_GATEWAY_THREADS={settings.threads} needs {needed} open files, "
                f"and {hard} are allowed; raise that (ulimit -Hn) or set fewer threads"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateway", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="[keys]")
    keys_parser = commands.add_parser("keys", help="make a key for CABINE_API_KEYS")
    keys_parser.add_argument("action", choices=["new"])
    keys_parser.add_argument("name", nargs="?", default="key", help="a-z, 0-9, '-', '_'; shown in the log")
    asked = parser.parse_args()
    if asked.command == "keys":
        print_new_key(asked.name)
    else:
        serve()


def print_new_key(name: str) -> None:
    """The key for whoever will use it, and the entry for the settings, which the key cannot be found from."""
    secret = keys.new_secret()
    entry = f"{name}:{keys.digest_of(secret)}"
    try:
        keys.parse([entry])
    except ValueError:
        sys.exit(f"gateway: a name has 1 to 32 of a-z, 0-9, '-', '_' and is not '{keys.PAGE}', got: {name!r}")
    print(f"key, shown only now:        {secret}")
    print(f"entry for CABINE_API_KEYS:  {entry}")


def serve() -> None:
    try:
        settings = Settings()
    except ValidationError as error:
        sys.exit(f"gateway: {error}")
    allow_files(settings)
    logs.configure(settings.log_level, settings.log_format)
    log = logging.getLogger("cabine.gateway")
    log.info("gateway on http://%s:%d, inference at %s", settings.host, settings.port, settings.inference_url)
    if not settings.api_keys:
        log.warning("no CABINE_API_KEYS: everybody who reaches this address can use it")
    Server(settings).run()


if __name__ == "__main__":
    main()
