"""A server with keys: it asks for one, works as without, and lets go."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.keys import digest_of, new_secret
from tests.browser.conftest import Visitor
from tests.gateway_process import running_gateway
from tests.page_service import PageService
from tests.page_visit import Visit

KEY = new_secret()


@pytest.fixture(params=["key", "open"])
def locked(page_service: PageService, request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """Address, and whether the page asks for the ``key`` or is ``open``."""
    keys = f"shop:{digest_of(KEY)}"
    with running_gateway(page_service.url, API_KEYS=keys, GATEWAY_PAGE=request.param) as gateway:
        yield gateway.url, request.param


def come_in(visit: Visit) -> None:
    visit.page.goto(visit.url)
    visit.page.fill("#key", "wrong")
    visit.page.click("text=Come in")
    visit.page.wait_for_selector("[role=alert]:text-is('This key is not accepted.')")
    visit.page.fill("#key", KEY)
    visit.page.click("text=Come in")
    visit.page.wait_for_selector(".go .primary[aria-disabled=false]")


def test_in_and_out(visitor: Visitor, service: PageService, locked: tuple[str, str]) -> None:
    url, page = locked
    visit = visitor(url)
    if page == "key":
        come_in(visit)
    else:
        visit.open()
    visit.try_on()
    assert visit.page.evaluate("document.cookie") == "", "no script sees the session"
    sent = [one["headers"] for one in service.requests if one["target"].startswith("/v1/")]
    assert {headers.get("x-cabine-key") for headers in sent} == {"shop" if page == "key" else "page"}
    assert not any("cookie" in headers for headers in sent)
    assert visit.page.locator("text=Sign out").count() == (page == "key")
    if page == "key":
        visit.page.click("text=Sign out")
        visit.page.wait_for_selector("#key")


@pytest.mark.parametrize("locked", ["open"], indirect=True)
def test_the_end_of_a_session_is_told(
    visitor: Visitor, service: PageService, locked: tuple[str, str]
) -> None:
    visit = visitor(locked[0]).open()
    visit.expect("status of 401")
    visit.context.clear_cookies()
    visit.page.click(".go .primary")
    assert visit.message().startswith("Your visit has ended.")
    visit.page.click("#message button")
    visit.page.wait_for_selector(".go .primary[aria-disabled=false]")
    visit.try_on()
