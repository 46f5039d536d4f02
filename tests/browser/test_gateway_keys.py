"""The page of a gateway with keys, in a real browser: it asks for one and then works as without."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.keys import digest_of, new_secret
from tests.gateway_process import Process, running_gateway
from tests.gateway_stub import Stub, running_stub

pytestmark = pytest.mark.browser
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

KEY = new_secret()
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking")


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with running_stub() as stub:
        yield stub


@pytest.fixture(params=["key", "open"])
def gateway(stub: Stub, request: pytest.FixtureRequest) -> Iterator[Process]:
    entry = f"shop:{digest_of(KEY)}"
    stub.requests.clear()
    with running_gateway(stub.url, API_KEYS=entry, GATEWAY_PAGE=request.param) as gateway:
        yield gateway


@pytest.fixture
def page(gateway: Process) -> Iterator[Any]:
    """Complaints of the browser, a refused request among them, fail the test."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    complaints: list[str] = []

    def complain(said: Any) -> None:
        if said.type == "error":
            complaints.append(said.text)

    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        page = browser.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", complain)
        page.complaints = complaints
        yield page
        browser.close()
    assert complaints == []


def test_the_page_works_with_keys_set(
    page: Any, gateway: Process, stub: Stub, request: pytest.FixtureRequest
) -> None:
    page.goto(gateway.url)
    asked = request.node.callspec.params["gateway"] == "key"
    if asked:
        page.fill("#key", "wrong")
        page.click("text=Come in")
        assert page.inner_text(".trouble") == "This key is not accepted."
        page.fill("#key", KEY)
        page.click("text=Come in")
    page.wait_for_selector(".primary[aria-disabled='false']")
    page.click("text=Try it on")
    page.wait_for_selector("#stage[data-state=done]", timeout=10_000)

    assert page.evaluate("document.cookie") == "", "no script sees the session"
    sent = [seen for seen in stub.requests if seen["target"].startswith("/v1/")]
    assert [seen["target"] for seen in sent if seen["method"] == "POST"][-1] == "/v1/tryon"
    assert {seen["headers"].get("x-cabine-key") for seen in sent} == {"shop" if asked else "page"}
    assert not any("cookie" in seen["headers"] for seen in sent)


@pytest.mark.parametrize("gateway", ["open"], indirect=True)
def test_the_end_of_a_session_is_told(page: Any, gateway: Process) -> None:
    page.goto(gateway.url)
    page.wait_for_selector(".primary[aria-disabled='false']")
    page.context.clear_cookies()
    page.click("text=Try it on")
    page.wait_for_selector(".trouble:not(:empty)")
    assert page.inner_text(".trouble") == "Your visit has ended. Load this page again."
    assert all("401" in complaint for complaint in page.complaints)
    page.complaints.clear()
