"""A stand-in for the inference service as the page meets it: jobs go, wait and fail as a test says."""

from __future__ import annotations

import base64
import io
import itertools
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from PIL import Image

from tests.gateway_stub import Handler, Stub, serving

_numbers = itertools.count(1)
"""Of ids: one that an earlier test's page gives back late is nobody else's."""

SIZE = (384, 512)
"""Of every photo, as far as this service knows."""

ENGINE = {
    "name": "warp",
    "title": "Warp",
    "summary": "Moves the garment's own pixels.",
    "code_license": "Apache-2.0",
    "weights_license": "none",
    "commercial_use": True,
    "preview": True,
    "served": ["upper"],
    "photo_kinds": ["flat"],
    "options": [{"name": "mask", "least": None, "most": None, "default": None, "choices": None}],
    "available": True,
    "reason": None,
}

DIFFUSION = ENGINE | {
    "name": "idm-vton",
    "title": "IDM-VTON",
    "weights_license": "CC BY-NC-SA 4.0",
    "commercial_use": False,
    "preview": False,
    "served": ["upper", "lower", "dress"],
    "photo_kinds": ["flat", "worn"],
    "options": [
        {"name": "mask", "least": None, "most": None, "default": None, "choices": None},
        {"name": "samples", "least": 1, "most": 4, "default": 1, "choices": None},
        {"name": "steps", "least": 1, "most": 100, "default": 30, "choices": None},
        {"name": "guidance", "least": 0, "most": 20, "default": 2, "choices": None},
        {"name": "seed", "least": 0, "most": 4294967295, "default": None, "choices": None},
        {"name": "quality", "least": None, "most": None, "default": None, "choices": ["fast", "balanced"]},
    ],
}


def service_of(*engines: dict[str, Any]) -> dict[str, Any]:
    """What ``/v1/engines`` answers where these are installed, the first of them preferred."""
    able = [engine["name"] for engine in engines if engine["available"]]
    return {
        "default": able[0] if able else None,
        "engines": list(engines),
        "garments": 3,
        "keeps": {"asset_s": 900, "job_s": 3600, "jobs_on_disk": False},
    }


@cache
def picture(colour: str, kind: str = "RGB", format: str = "PNG") -> bytes:
    """One colour, of the service's size."""
    out = io.BytesIO()
    Image.new(kind, SIZE, colour).save(out, format)
    return out.getvalue()


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One answer to a try-on or an upload that is not taken."""

    status: int
    slug: str
    retry_after_s: int | None = None
    retryable: bool = True


@dataclass
class PageService(Stub):
    """What a test steers, and what it sees afterwards in ``requests`` and ``forms``."""

    service: dict[str, Any] = field(default_factory=lambda: service_of(ENGINE))
    looks: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Kind of photo -> what a closer look says; nothing to say by default."""
    refusals: list[Refusal] = field(default_factory=list)
    """For the next try-ons, taken from the front."""
    upload_refusals: list[Refusal] = field(default_factory=list)
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Events of each job before its end."""
    previews: bool = False
    """Is there a first impression, after the told events?"""
    cut: threading.Event = field(default_factory=threading.Event)
    """Set it to break off the event stream that is open; cleared by that."""
    end: dict[str, Any] = field(default_factory=dict)
    """Fields of the finished job that differ from a success."""
    pictures: tuple[bytes, ...] = field(default_factory=lambda: (picture("teal"),))
    finish: threading.Event = field(default_factory=threading.Event)
    """Jobs end when it is set."""
    watched: threading.Event = field(default_factory=threading.Event)
    """Set once events were told to somebody."""
    jobs: list[str] = field(default_factory=list)
    """Ids, oldest first."""
    gone: set[str] = field(default_factory=set)
    """Ids of jobs and photos that were deleted, or are no longer held."""
    forms: list[dict[str, str]] = field(default_factory=list)
    """Text fields of each try-on; repeated ones joined by commas, files as ``<file>``."""

    def begin(self) -> None:
        """Back to the defaults, for the next test."""
        fresh = PageService(url=self.url)
        fresh.finish.set()
        self.finish.set()  # whoever still waits
        self.__dict__.update(fresh.__dict__)

    def sent(self, method: str, target: str) -> list[dict[str, Any]]:
        """Requests so far whose target begins so."""
        return [one for one in self.requests if one["method"] == method and one["target"].startswith(target)]


class _PageHandler(Handler):
    stub: PageService

    def on_v1_engines(self) -> None:
        self._json(200, self.stub.service)

    def on_v1_assets(self) -> None:
        kind = _fields(self.body).get("kind", "person")
        if self.stub.upload_refusals:
            self._refuse(self.stub.upload_refusals.pop(0))
            return
        checks = {"person_visible": True, "sharp": True, "large_enough": True, "warnings": []}
        asset = {"id": f"{kind}-{next(_numbers)}", "kind": kind, "checks": checks}
        self._json(201, {**asset, "width": SIZE[0], "height": SIZE[1]})

    def on_v1_tryon(self) -> None:
        self.stub.forms.append(_fields(self.body))
        if self.stub.refusals:
            self._refuse(self.stub.refusals.pop(0))
            return
        if self.headers.get("Prefer") != "respond-async":  # the plain form
            self.answer(200, "image/png", self.stub.pictures[0])
            return
        self.stub.jobs.append(f"job-{next(_numbers)}")
        self._json(202, _job(self.stub.jobs[-1], state="queued", queue_position=1))

    def on_v1_preprocess_mask(self) -> None:
        mask = Image.new("L", SIZE, 0)
        mask.paste(255, (100, 150, 280, 350))
        out = io.BytesIO()
        mask.save(out, "PNG")
        self.answer(200, "image/png", out.getvalue())

    def on_v1_preprocess_pose(self) -> None:
        points = [[192.0, 40.0 + 20 * index] for index in range(18)]
        frame = {"x0": 0, "y0": 0, "scale": 1, "width": SIZE[0], "height": SIZE[1]}
        self._json(200, {"tag": "coco18", "frame": frame, "points": points, "visibility": [1.0] * 18})

    def on_v1_preprocess_parse(self) -> None:
        frame = {"x0": 0, "y0": 0, "scale": 1, "width": SIZE[0], "height": SIZE[1]}
        labels = base64.b64encode(picture("#040404", "L")).decode()
        self._json(
            200, {"labels": ["background", "hair", "face", "neck", "upper"], "map": labels, "frame": frame}
        )

    def on_unknown(self) -> None:
        path = self.path.split("?")[0]
        for pattern, answer in _ROUTES:
            if found := re.fullmatch(pattern, path):
                if found[1] in self.stub.gone:
                    self._refuse(Refusal(status=404, slug="not-found"))
                elif self.command == "DELETE":
                    self.stub.gone.add(found[1])
                    self.answer(204, "text/plain", b"")
                else:
                    answer(self, *found.groups())
                return
        super().on_unknown()

    def look(self, asset: str) -> None:
        nothing: dict[str, Any] = {"category": None, "refusal": None, "warnings": []}
        self._json(200, nothing | self.stub.looks.get(asset.split("-")[0], {}))

    def events(self, job: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        seen = int(self.headers.get("Last-Event-ID", 0))
        if seen == 0:
            self._tell("job", _job(job, state="queued", queue_position=1), 0)
        for number, (name, data) in enumerate(self.stub.told, 1):
            if number > seen:
                self._tell(name, data, number)
        if self.stub.previews:
            self._tell("preview", {"url": f"/v1/jobs/{job}/previews/0"}, len(self.stub.told) + 1)
        self.stub.watched.set()
        while not self.stub.finish.wait(0.05):
            if self.stub.cut.is_set():
                self.stub.cut.clear()
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self._say(b": still here\n\n")  # raises once the page has left
        self._tell("done", self._ended(job), len(self.stub.told) + 2)
        self.wfile.write(b"0\r\n\r\n")

    def job(self, job: str) -> None:
        done = self.stub.finish.is_set()
        self._json(200, self._ended(job) if done else _job(job, state="running", stage="engine"))

    def image(self, job: str, index: str) -> None:
        self.answer(200, "image/png", self.stub.pictures[int(index)])

    def mask(self, job: str) -> None:
        self.on_v1_preprocess_mask()

    def first_impression(self, job: str) -> None:
        self.answer(200, "image/jpeg", picture("orange", format="JPEG"))

    def _ended(self, job: str) -> dict[str, Any]:
        return _job(job, state="succeeded", confidence=0.62, seed=7) | {
            "images": [f"/v1/jobs/{job}/images/{index}" for index in range(len(self.stub.pictures))],
            "mask": f"/v1/jobs/{job}/mask",
            "warnings": [{"name": "collar-unclear", "detail": "The neckline is a guess."}],
            **self.stub.end,
        }

    def _tell(self, name: str, data: dict[str, Any], number: int) -> None:
        self._say(f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode())

    def _say(self, words: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(words), words))
        self.wfile.flush()

    def _json(self, status: int, body: dict[str, Any]) -> None:
        self.answer(status, "application/json", json.dumps(body).encode())

    def _refuse(self, refusal: Refusal) -> None:
        body = problem(refusal.slug, refusal.status) | {"retryable": refusal.retryable}
        after = {} if refusal.retry_after_s is None else {"Retry_After": str(refusal.retry_after_s)}
        self.answer(refusal.status, "application/problem+json", json.dumps(body).encode(), **after)


_ROUTES = (
    (r"/v1/assets/([^/]+)", _PageHandler.on_unknown),
    (r"/v1/assets/([^/]+)/look", _PageHandler.look),
    (r"/v1/jobs/([^/]+)", _PageHandler.job),
    (r"/v1/jobs/([^/]+)/events", _PageHandler.events),
    (r"/v1/jobs/([^/]+)/images/(\d)", _PageHandler.image),
    (r"/v1/jobs/([^/]+)/mask", _PageHandler.mask),
    (r"/v1/jobs/([^/]+)/previews/0", _PageHandler.first_impression),
)


def problem(slug: str, status: int, detail: str = "") -> dict[str, Any]:
    """A problem document of the API."""
    known = {"type": f"urn:cabine:error:{slug}", "title": slug, "status": status, "detail": detail}
    return {**known, "retryable": False, "field": None, "request_id": "0" * 32}


def _job(id: str, **fields: Any) -> dict[str, Any]:
    nothing: dict[str, Any] = {
        "stage": None,
        "step": 0,
        "steps": 0,
        "eta_s": None,
        "queue_position": None,
        "error": None,
    }
    engine = {"name": "warp", "revision": "9", "license": "Apache-2.0", "sampling": "", "preview": True}
    size = {"width": SIZE[0], "height": SIZE[1]}
    return {
        "id": id,
        **nothing,
        "engine": engine,
        "warnings": [],
        "images": [],
        "mask": None,
        **size,
        **fields,
    }


def _fields(body: bytes) -> dict[str, str]:
    """Of a form as browsers write it."""
    fields: dict[str, list[str]] = {}
    for part in body.split(body.split(b"\r\n", 1)[0]):
        head, _, value = part.partition(b"\r\n\r\n")
        if found := re.search(rb' name="(\w+)"', head):
            text = "<file>" if b" filename=" in head else value.removesuffix(b"\r\n").decode()
            fields.setdefault(found[1].decode(), []).append(text)
    return {name: ",".join(values) for name, values in fields.items()}


@contextmanager
def running_page_service() -> Iterator[PageService]:
    """On a free loopback port."""
    stub = PageService(url="")
    with serving(stub, _PageHandler):
        stub.begin()
        yield stub
        stub.begin()
