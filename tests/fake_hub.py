"""A model hub for tests: once as an object, once as a server that the real client library talks to."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from inference.weights.hub import Listing, RemoteFile
from preprocess.weights import WeightsError, WeightSet

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PICKLE, SAFE = "unet/model.bin", "unet/model.safetensors"
FILES = {
    "unet/config.json": b'{"in_channels": 13}\n',
    PICKLE: bytes(range(256)) * 40,
    "vae/model.safetensors": b"vae" * 999,
}


def weight_set(**changes: object) -> WeightSet:
    """Three files of a made-up engine; the pickle may be replaced."""
    values: dict[str, object] = {
        "owner": "some-engine",
        "name": "base",
        "title": "Some engine",
        "repo": "somebody/some-engine",
        "revision": "main",
        "files": dict.fromkeys(FILES, ""),
        "license": "CC BY-NC-SA 4.0",
        "commercial_use": False,
        "converted": {PICKLE: SAFE},
    }
    return WeightSet(**{**values, **changes})  # type: ignore[arg-type]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def lay_out(folder: Path, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


@dataclass
class FakeHub:
    """Remembers what it was asked; ``breaks_after`` bytes of any file, a download stops."""

    files: dict[str, bytes] = field(default_factory=lambda: dict(FILES))
    commit: str = COMMIT
    breaks_after: int | None = None
    asked: list[str] = field(default_factory=list)
    brought: dict[str, int] = field(default_factory=dict)
    """Path -> bytes sent."""
    places: dict[str, str] = field(default_factory=dict)
    """Path -> repository and commit it was asked of."""
    others: dict[str, FakeHub] = field(default_factory=dict)
    """Repository -> a hub that answers for it."""

    def look(self, repo: str, repo_type: str, revision: str) -> Listing:
        self.asked.append(f"{repo}@{revision}")
        if repo in self.others:
            return self.others[repo].look(repo, repo_type, revision)
        files = {
            path: RemoteFile(size=len(data), sha256=None if path.endswith(".json") else digest(data))
            for path, data in self.files.items()
        }
        return Listing(commit=self.commit, files=files)

    def download(self, repo: str, repo_type: str, commit: str, path: str, partial: Path, size: int) -> None:
        if repo in self.others:
            self.others[repo].download(repo, repo_type, commit, path, partial, size)
            return
        begun = partial.stat().st_size if partial.exists() else 0
        rest = self.files[path][begun:]
        sent = rest if self.breaks_after is None else rest[: self.breaks_after]
        self.brought[path] = len(sent)
        self.places[path] = f"{repo}@{commit}"
        with partial.open("ab") as file:
            file.write(sent)
        if len(sent) < len(rest):
            raise WeightsError("the download stopped")


@dataclass
class HubServer:
    """The two addresses of the hub that a download needs, on this machine."""

    endpoint: str
    ranges: list[str] = field(default_factory=list)
    """Range headers of the requests for files."""


@contextmanager
def serve_hub(repo: str, files: dict[str, bytes]) -> Iterator[HubServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
            if re.match(rf"/api/models/{repo}/revision/main", self.path):
                self.answer(200, json.dumps(listing(repo, files)).encode())
            elif self.path.startswith(f"/api/models/{repo}/"):
                self.answer(404, b"", {"X-Error-Code": "RevisionNotFound"})
            elif self.path.startswith(f"/{repo}/resolve/{COMMIT}/"):
                self.send_file(files[self.path.partition(f"/{COMMIT}/")[2]])
            elif "/gated/" in self.path:
                self.answer(403, b"", {"X-Error-Code": "GatedRepo"})
            else:
                self.answer(404, b"", {"X-Error-Code": "RepoNotFound"})

        def send_file(self, data: bytes) -> None:
            asked = self.headers.get("Range", "")
            server.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            ranged = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if asked else {}
            self.answer(206 if asked else 200, data[start:], ranged)

        def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = HubServer(endpoint=f"http://127.0.0.1:{http.server_address[1]}")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def listing(repo: str, files: dict[str, bytes]) -> dict[str, object]:
    """The hub's answer about a repository with ``blobs=true``, as far as it is read."""
    siblings = []
    for path, data in files.items():
        entry: dict[str, object] = {"rfilename": path, "size": len(data), "blobId": "0" * 40}
        if not path.endswith(".json"):
            entry["lfs"] = {"sha256": digest(data), "size": len(data), "pointerSize": 130}
        siblings.append(entry)
    return {"_id": "0", "id": repo, "sha": COMMIT, "private": False, "siblings": siblings, "tags": []}
