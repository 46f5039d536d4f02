"""A real ``redis-server`` on a free loopback port, for tests: they kill, freeze and start it again."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.gateway_process import free_port, wait_until

if TYPE_CHECKING:
    import redis


@dataclass(kw_only=True)
class RedisServer:
    """Keeps its address from one life to the next, and nothing else."""

    program: str
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(
            [self.program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self._answers)

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(30)

    def counters(self) -> int:
        """How many things are counted there."""
        with self._client() as client:
            return int(client.dbsize())  # type: ignore[arg-type]

    def _answers(self) -> bool:
        import redis

        try:
            with self._client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    def _client(self) -> redis.Redis:
        import redis

        return redis.Redis(port=self.port, socket_timeout=5)


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """Started; skips the test where the program or the package is not there."""
    pytest.importorskip("redis")
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server here: apt-get install redis-server")
    server = RedisServer(program=program)
    server.start()
    try:
        yield server
    finally:
        server.kill()
