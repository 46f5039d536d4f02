"""The page in a real browser; skipped, with the reason, where Chromium or playwright is missing.

One browser and one pair of servers for each file, a fresh browser context for each test. Fixtures end with
the file: playwright's event loop would stand in the way of tests that start one of their own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.gateway_process import running_gateway, running_inference
from tests.page_service import PageService, running_page_service
from tests.page_visit import Visit

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--use-fake-device-for-media-stream",
)
MOST_SHIFT = 0.02

DESKTOP = {"viewport": {"width": 1440, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

Visitor = Callable[..., Visit]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent.name == "browser":
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.flaky(reruns=1))  # a busy machine draws late; told at the end (-rR)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page_service() -> Iterator[PageService]:
    with running_page_service() as service:
        yield service


@pytest.fixture(scope="module")
def stub_url(page_service: PageService) -> Iterator[str]:
    """A gateway in front of the stand-in."""
    with running_gateway(page_service.url, MAX_FILE_MB=1, GATEWAY_RATE_PER_ADDRESS="") as gateway:
        yield gateway.url


@pytest.fixture(scope="module")
def real_url(browser: Any) -> Iterator[str]:
    """A gateway in front of the real service with its real engine."""
    with running_inference() as inference, running_gateway(inference.url) as gateway:
        yield gateway.url


@pytest.fixture
def service(page_service: PageService) -> Iterator[PageService]:
    """The stand-in, with everything as it is by default."""
    page_service.begin()
    yield page_service
    page_service.finish.set()


@pytest.fixture
def visitor(browser: Any) -> Iterator[Visitor]:
    """``visitor(url, **options of the browser context)``; whatever was wrong fails the test at its end."""
    visits: list[Visit] = []

    def come(url: str, **options: Any) -> Visit:
        visits.append(Visit(browser.new_context(**{**DESKTOP, **options}), url))
        return visits[-1]

    yield come
    for visit in visits:
        shifts = visit.shifts()
        visit.context.close()
        assert visit.faults == []
        assert sum(score for score, *_ in shifts) < MOST_SHIFT, shifts


@pytest.fixture
def visit(visitor: Visitor, service: PageService, stub_url: str) -> Visit:
    """The page in front of the stand-in, on a desk, opened."""
    return visitor(stub_url).open()
