"""Without JavaScript: the form posts, the browser shows the picture."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.keys import digest_of, new_secret
from tests.browser.conftest import PHONE, Visitor
from tests.gateway_process import running_gateway
from tests.page_service import PageService, Refusal, picture
from tests.page_visit import GARMENT, PERSON, Visit

KEY = new_secret()


@pytest.fixture(scope="module")
def locked_url(page_service: PageService) -> Iterator[str]:
    with running_gateway(page_service.url, API_KEYS=f"shop:{digest_of(KEY)}") as gateway:
        yield gateway.url


def fill_in(visit: Visit) -> None:
    visit.page.set_input_files("#person-file", PERSON)
    visit.page.set_input_files("#garment-file", GARMENT)
    visit.page.select_option("#category", "upper")
    visit.page.check(".plain-consent input")


def send(visit: Visit) -> None:
    visit.expect("inline style", "favicon.ico")  # of the browser's own page around a picture
    with visit.page.expect_response("**/compose") as response:
        visit.page.click(".go .primary")
    assert response.value.headers["content-type"] == "image/png"
    assert response.value.body() == picture("teal")


@pytest.mark.parametrize("size", [{}, PHONE])
def test_open_to_all(visitor: Visitor, service: PageService, stub_url: str, size: dict[str, object]) -> None:
    visit = visitor(stub_url, java_script_enabled=False, **size)
    visit.page.goto(stub_url)
    assert not visit.page.is_visible(".only-js")
    fill_in(visit)
    send(visit)
    form = service.forms[-1]
    assert (form["person"], form["garment"], form["category"]) == ("<file>", "<file>", "upper")


def test_with_a_key(visitor: Visitor, service: PageService, locked_url: str) -> None:
    visit = visitor(locked_url, java_script_enabled=False)
    visit.page.goto(locked_url)
    visit.page.fill("#key", KEY)
    visit.page.click(".primary")
    fill_in(visit)
    send(visit)
    assert "csrf_token" not in service.forms[-1], "the gateway's own"
    visit.page.goto(locked_url)
    visit.page.click("text=Sign out")
    visit.page.wait_for_selector("#key")


def test_a_refusal_is_a_page(visitor: Visitor, service: PageService, stub_url: str) -> None:
    visit = visitor(stub_url, java_script_enabled=False)
    visit.expect("status of 422")
    visit.page.goto(stub_url)
    service.refusals = [Refusal(status=422, slug="no-person")]
    fill_in(visit)
    visit.page.click(".go .primary")
    assert "Nobody was found in your photo." in visit.page.inner_text("[role=alert]")
    visit.page.click("text=Back to the page")
    visit.page.wait_for_selector("#tryon")
