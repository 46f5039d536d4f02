"""Server-sent events of one job: told at once, in order, and again to those who missed some."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

import anyio
import structlog
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from inference.jobs.answers import address_of, describe
from inference.jobs.desk import LOOK_S, JobDesk
from inference.jobs.model import FINISHED, Event, Job, JsonObject
from inference.problems import Problem
from inference.service import disconnected

log = structlog.get_logger("cabine.jobs")

KEEP_ALIVE_S = 10.0
"""Silence after which a comment is sent: how a server, and a proxy before it, learns that a client left."""
HEADERS = {"X-Accel-Buffering": "no"}
"""A proxy in between must not gather events."""
RETRY = b"retry: 1000\n\n"


def last_event_id(headers: Headers) -> int | None:
    """What a client that comes back has seen; raises ``option-unsupported`` for what is no number of ours."""
    given = headers.get("last-event-id")
    if given is None:
        return None
    if not (given.isascii() and given.isdecimal() and len(given) < 12):
        raise Problem(
            "option-unsupported", "Last-Event-ID is a number, as in the events.", field="Last-Event-ID"
        )
    return int(given)


class EventStream(Response):
    """Holds a place among the watchers while it is sent; raises ``busy`` before the first byte."""

    media_type = "text/event-stream"

    def __init__(self, job: Job, seen: int | None, desk: JobDesk) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._job = job
        self._seen = seen
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._desk.watchers.take(self._job.owner):
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            async with anyio.create_task_group() as group:
                group.start_soon(self._send_all, send, group.cancel_scope)
                await disconnected(receive)
                group.cancel_scope.cancel()

    async def _send_all(self, send: Send, watching: anyio.CancelScope) -> None:
        await send({"type": "http.response.body", "body": RETRY, "more_body": True})
        try:
            async with aclosing(frames(self._job.id, self._seen, self._desk)) as stream:
                async for frame in stream:
                    await send({"type": "http.response.body", "body": frame, "more_body": True})
        except Problem as problem:  # the status is out: the client comes back, and is told then
            log.warning("events broken off", slug=problem.slug)
        await send({"type": "http.response.body", "body": b""})
        watching.cancel()


async def frames(job_id: str, seen: int | None, desk: JobDesk) -> AsyncGenerator[bytes]:
    """Until the job is done; or it has to wait for the next start of a service that is being stopped."""
    with desk.bells.hang(job_id) as bell:
        job = await desk.find(job_id)
        position = job.queue_position
        if seen is None:
            seen = job.last_event
            if not job.done:
                yield _snapshot("job", job, desk)
        spoke = time.monotonic()
        while True:
            job, events = await desk.follow(job_id, seen)
            for event in events:
                seen = event.seq
                if event.kind not in FINISHED:
                    yield _happened(event, job_id)
                    spoke = time.monotonic()
            if job.done:
                yield _snapshot("done", job, desk)
                return
            if job.queue_position is not None and job.queue_position != position:
                yield _moved(job, desk)
            position = job.queue_position
            if desk.stopping and job.state == "queued":
                return
            await bell.heard(LOOK_S - time.monotonic() % LOOK_S)  # all at once: they share one look
            if time.monotonic() - spoke > KEEP_ALIVE_S:
                yield b": still here\n\n"
                spoke = time.monotonic()


def _snapshot(name: str, job: Job, desk: JobDesk) -> bytes:
    return _frame(name, describe(job, desk).model_dump_json(), job.last_event)


def _happened(event: Event, job_id: str) -> bytes:
    if event.kind == "preview":
        shown = {key: value for key, value in event.data.items() if key != "name"}
        data: JsonObject = {"url": address_of(job_id, str(event.data["name"])), **shown}
    elif event.kind == "progress":
        data = event.data
    else:
        data = {"state": event.kind, **event.data}
    return _frame(event.kind, json.dumps(data), event.seq)


def _moved(job: Job, desk: JobDesk) -> bytes:
    """Without an id: a place in the queue is no event, and told anew to those who come back."""
    data = {"state": "queued", "queue_position": job.queue_position, "eta_s": desk.remaining_s(job)}
    return _frame("queued", json.dumps(data), None)


def _frame(name: str, data: str, number: int | None) -> bytes:
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {name}\ndata: {data}\n\n".encode()
