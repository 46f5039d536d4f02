"""Connections to inference that also watch the client: when it leaves, nobody needs the answer any more.

Closing the connection is how inference learns of it, and stops working.
"""

from __future__ import annotations

import selectors
import socket
import time
from contextvars import ContextVar
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse

from gateway.problems import ProblemError

BLOCK = 256 * 1024
"""Bytes per read in both directions: each costs a turn at the interpreter's lock.

64 KB cost a fifth of the throughput, http.client's own 16 KB more; 1 MB gains little and takes memory.
"""

watched_client: ContextVar[socket.socket | None] = ContextVar("watched_client", default=None)
"""The client on whose behalf this thread waits for inference."""


class _WatchedHTTPConnection(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 itself does
        _wait(self.sock, self.timeout)
        return super().getresponse()


class _WatchedHTTPSConnection(HTTPSConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 itself does
        _wait(self.sock, self.timeout)
        return super().getresponse()


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _WatchedHTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedHTTPSConnection


class WatchedAdapter(HTTPAdapter):
    """The transport of a ``requests`` session whose connections watch :data:`watched_client`."""

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, blocksize=BLOCK, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}


def _wait(upstream: socket.socket, timeout: Any) -> None:
    """Until inference answers; ``cancelled`` when the client leaves first, ``TimeoutError`` when late."""
    client = watched_client.get()
    if client is None:
        return
    until = time.monotonic() + float(timeout)
    with selectors.DefaultSelector() as selector:
        selector.register(upstream, selectors.EVENT_READ)
        selector.register(client, selectors.EVENT_READ)
        while remaining := max(0.0, until - time.monotonic()):
            ready = {key.fileobj for key, _ in selector.select(remaining)}
            if upstream in ready:
                return
            if client in ready:
                if _has_left(client):
                    raise ProblemError("cancelled", "The client left before the answer.")
                # It sent its next request already: that one has to wait, and says nothing about leaving.
                selector.unregister(client)
    raise TimeoutError("inference is late")


def _has_left(client: socket.socket) -> bool:
    try:
        return client.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        return True
