"""Two gateway processes that count requests in one real redis, which is killed, frozen, started again."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from tests.gateway_process import Process, running_gateway, wait_until
from tests.gateway_stub import running_stub
from tests.redis_server import RedisServer, redis_server

LIMIT = 6


@dataclass(frozen=True, kw_only=True)
class Pair:
    redis: RedisServer
    first: Process
    second: Process


@pytest.fixture
def pair() -> Iterator[Pair]:
    with redis_server() as redis, running_stub() as stub:
        settings = {"GATEWAY_RATE_STORAGE": redis.url, "GATEWAY_RATE_PER_ADDRESS": f"{LIMIT}/day"}
        with running_gateway(stub.url, **settings) as first, running_gateway(stub.url, **settings) as second:
            yield Pair(redis=redis, first=first, second=second)


def ask(gateway: Process) -> int:
    return requests.get(f"{gateway.url}/v1/engines", timeout=30).status_code


def test_they_count_together(pair: Pair) -> None:
    assert [ask(gateway) for gateway in (pair.first, pair.second) * 3] == [200] * LIMIT
    assert [ask(pair.first), ask(pair.second)] == [429, 429]


def test_without_redis_each_counts_alone_and_together_again_when_it_is_back(pair: Pair) -> None:
    gateways = (pair.first, pair.second)
    assert [ask(gateway) for gateway in gateways] == [200, 200]
    pair.redis.kill()

    for gateway in gateways:
        assert [ask(gateway) for _ in range(LIMIT + 1)] == [200] * LIMIT + [429], "all of the limit, alone"

    pair.redis.start()
    for gateway in gateways:  # it looks again after one, two, four, ... seconds
        before = pair.redis.counters()
        wait_until(lambda gateway=gateway: ask(gateway) == 200, timeout_s=60)
        assert pair.redis.counters() >= max(before, 1)
    statuses = [ask(gateway) for gateway in gateways * LIMIT]
    assert statuses.count(200) == LIMIT - 2
    assert set(statuses) == {200, 429}


def test_a_frozen_redis_holds_nobody_up_for_long(pair: Pair) -> None:
    assert ask(pair.first) == 200
    pair.redis.send(signal.SIGSTOP)
    try:
        answer = requests.get(f"{pair.first.url}/v1/engines", timeout=10)
        assert answer.status_code == 200
    finally:
        pair.redis.send(signal.SIGCONT)
