"""``python -m bench.load`` in small: it runs, finds no fault, and would tell one."""

from __future__ import annotations

import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from bench.load.throughput import Load, side_by_side

SMALL = [
    *("--seconds", "0.5", "--clients", "1", "8", "--engines", "bare"),
    *("--slow", "0.1", "--watchers", "20", "--queue", "2"),
]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")
def test_every_part_runs_and_finds_no_fault(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.load", *SMALL, "--json", str(tmp_path / "load.json")],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((tmp_path / "load.json").read_text())

    assert [(row["clients"], row["path"]) for row in results["throughput"]] == [
        (clients, path) for clients in (1, 8) for path in ("direct", "gateway")
    ]
    assert all(row["answered"] > 0 and row["peak_mb"] > 10 for row in results["throughput"])
    assert all(row["p50_ms"] >= 100 for row in results["late"])
    assert [(row["told_the_end"], row["faults"]) for row in results["watchers"]] == [(20, 0)] * 2
    assert all(row["events"] > 0 for row in results["watchers"])
    assert [row["kind"] for row in results["overload"]] == ["requests", "jobs"]
    assert all(row["refused"] > 0 and row["answered"] > 0 for row in results["overload"])
    for title in ("Closed loop", "takes its time", "follow jobs", "Ten times", "Goals"):
        assert title in done.stdout


class Faulty(BaseHTTPRequestHandler):
    """Refuses without saying when to come back; or promises more than it sends."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:  # noqa: N802 - the name http.server asks for
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(503 if self.path == "/no-retry" else 200)
        self.send_header("Content-Length", "0" if self.path == "/no-retry" else "10")
        self.end_headers()
        self.wfile.write(b"" if self.path == "/no-retry" else b"half")
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.mark.parametrize(("path", "words"), [("/no-retry", "503"), ("/half", "missing")])
def test_what_is_neither_answer_nor_refusal_is_a_fault(path: str, words: str) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Faulty)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        load = Load(path=path, headers={}, body=b"x")
        url = f"http://127.0.0.1:{server.server_port}"
        (row,) = side_by_side([url], load, clients=1, seconds=0.1, rounds=1)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert (row["answered"], row["refused"]) == (0, 0)
    assert row["faults"] > 0
    assert words in row["first_fault"]
