"""gunicorn's threaded worker, except that clients who send slowly cost no threads, or not for long.

A connection gets a thread once the head of its request is there. From then on its body has a deadline, which
does not move however busily the client drips. Nor does the main thread wait for clients to close.
"""

from __future__ import annotations

import io
import selectors
import socket
import threading
import time
from functools import partial
from typing import Any

from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, ThreadWorker  # type: ignore[attr-defined]  # no stub knows it

HEAD_BYTES = 16 * 1024
"""A longer head gets its thread before it is complete."""
HEAD_S = 10.0
"""Longest wait for the rest of a head; counted again where it goes on in a thread."""
DISCARD_S = 2.0
"""How long a body is read that nobody asked for, so that its connection can be kept."""
LINGER_S = 2.0
"""How long a client may take to close its side, so that it gets the end of its answer and no reset."""
LINGERING_SHARE = 1 / 8
"""Of the threads; clients beyond these are not waited for."""
LOOK_S = 0.5
"""How late a deadline may strike."""


class Deadlines:
    """One thread that stops reading from clients whose time is up; whoever waits for them sees their end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[object, tuple[float, socket.socket]] = {}
        threading.Thread(target=self._strike, name="deadlines", daemon=True).start()

    def start(self, client: socket.socket, until: float) -> object:
        """At ``until`` of :func:`time.monotonic` reading ends, unless :meth:`end` gets what this returns."""
        limit = object()
        with self._lock:
            self._running[limit] = until, client
        return limit

    def end(self, limit: object) -> None:
        """May be called again."""
        with self._lock:
            self._running.pop(limit, None)

    def _strike(self) -> None:
        while True:
            time.sleep(LOOK_S)
            now = time.monotonic()
            with self._lock:  # held meanwhile: a socket whose limit has ended is somebody else's by now
                for until, client in self._running.values():
                    if now >= until:
                        stop_reading(client)


class PunctualBody(io.RawIOBase):
    """The body of a request; ``TimeoutError`` when it is not there in time."""

    def __init__(self, body: Any, client: socket.socket, deadlines: Deadlines, seconds: float) -> None:
        self._body = body
        self._client = client
        self._deadlines = deadlines
        self._until = time.monotonic() + seconds
        self._ended = False

    @property
    def failed(self) -> bool:
        """For gunicorn: it is not known where the next request begins."""
        return bool(self._body.failed)

    def hurry(self, seconds: float) -> None:
        """From now on."""
        self._until = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._ended:  # gunicorn asks once more when the next request comes, perhaps long after
            return b""
        limit = self._deadlines.start(self._client, self._until)
        try:
            block: bytes = self._body.read(size)
        except Exception as error:  # whatever it makes of a client that was cut off
            if time.monotonic() >= self._until:
                raise TimeoutError("the body is late") from error
            raise
        finally:
            self._deadlines.end(limit)
        if len(block) < size:  # its end, or that of our patience
            if time.monotonic() >= self._until:
                raise TimeoutError("the body is late")
            self._ended = True
        return block

    def readinto(self, buffer: Any) -> int:
        block = self.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)


class Worker(ThreadWorker):
    """For a :class:`gateway.__main__.Server`."""

    def init_process(self) -> None:
        self._deadlines = Deadlines()
        self._lingering = threading.BoundedSemaphore(max(1, int(self.cfg.threads * LINGERING_SHARE)))
        super().init_process()

    def enqueue_req(self, conn: Any) -> None:
        """In the main thread, for a connection that has something to say, or is new."""
        read_ahead = conn.parser is not None and conn.parser.unreader.buf.getvalue()
        if read_ahead or head_is_here(conn.sock):
            self._hand_over(conn)
            return
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + (HEAD_S if self.alive else STOP_KEEPALIVE_LINGER)
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def on_pending_socket_readable(self, conn: Any, client: socket.socket) -> None:
        if head_is_here(client):
            self.poller.unregister(client)
            self.pending_conns.remove(conn)
            self._hand_over(conn)

    def _hand_over(self, conn: Any) -> None:
        """To the threads."""
        conn.data_ready = True
        super().enqueue_req(conn)

    def murder_pending(self) -> None:
        """Also make room for the next to connect: whoever says nothing keeps nobody out.

        The oldest goes, of those who wait to be heard or of those who rest between requests: of the more
        numerous, so that a crowd of one kind costs the other nothing.
        """
        waiting = max(self.pending_conns, self.keepalived_conns, key=len)
        if waiting and self.nr_conns >= self.worker_connections:
            waiting[0].timeout = 0.0
            self.murder_keepalived()
        super().murder_pending()

    def _cap_keepalive(self, deadline: float) -> None:
        """The worker stops: nor does it wait longer for those who have not said anything yet."""
        super()._cap_keepalive(deadline)  # type: ignore[misc]  # no stub knows it
        for conn in self.pending_conns:
            conn.timeout = deadline

    def handle(self, conn: Any) -> Any:
        conn.head_limit = self._deadlines.start(conn.sock, time.monotonic() + HEAD_S)
        try:
            kept = super().handle(conn)
        finally:
            self._deadlines.end(conn.head_limit)
        if not kept:
            self._part_from(conn.sock)
        return kept

    def _part_from(self, client: socket.socket) -> None:
        """Here: gunicorn lingers in its main thread, and nobody could connect meanwhile."""
        if self._lingering.acquire(blocking=False):
            try:
                linger(client)
            finally:
                self._lingering.release()
        stop_reading(client)

    def handle_request(self, req: Any, conn: Any) -> Any:
        self._deadlines.end(conn.head_limit)
        seconds: float = self.app.settings.upload_timeout_s  # type: ignore[attr-defined]  # it is a Server
        req.body = PunctualBody(req.body, conn.sock, self._deadlines, seconds)
        return super().handle_request(req, conn)

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        conn.parser.mesg.body.hurry(DISCARD_S)
        return bool(super()._keepalive_after(conn, keepalive))  # type: ignore[misc]  # no stub knows it


def head_is_here(client: socket.socket) -> bool:
    """Whether a thread need not wait for it; else the poller is woken by more, or by the end."""
    awaited = client.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT)
    try:
        seen = client.recv(HEAD_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True  # it has left: what follows notices
    ended = len(seen) < awaited  # woken all the same, and it would be so again and again
    ready = ended or b"\r\n\r\n" in seen or len(seen) == HEAD_BYTES
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1 if ready else len(seen) + 1)
    return ready


def linger(client: socket.socket) -> None:
    """Say that the answer is over and wait for the client to say the same; what it still sends is lost."""
    until = time.monotonic() + LINGER_S
    try:
        client.shutdown(socket.SHUT_WR)
        while (left := until - time.monotonic()) > 0:
            client.settimeout(left)
            if not client.recv(HEAD_BYTES):
                break
    except OSError:
        return  # it has left, or does not say so in time


def stop_reading(client: socket.socket) -> None:
    """What the client still sends is not waited for any more; answers go out."""
    try:
        client.shutdown(socket.SHUT_RD)
    except OSError:
        return  # the client has left already
