"""When something is wrong: every message says what to do, and what can be waited for is waited for."""

from __future__ import annotations

import json

import pytest

from tests.browser.conftest import Visitor
from tests.page_service import ENGINE, PageService, Refusal, problem, service_of
from tests.page_visit import PERSON, Visit


def test_offline_and_back(visit: Visit, service: PageService) -> None:
    visit.expect("ERR_INTERNET_DISCONNECTED")
    visit.context.set_offline(True)
    visit.page.click(".go .primary")
    words = "You are offline. This goes on when you are back."
    visit.until(f"document.querySelector('.progress-words').textContent === '{words}'")
    visit.context.set_offline(False)
    visit.wait("done")


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (Refusal(status=429, slug="busy", retry_after_s=1), "Everybody is being dressed."),
        (Refusal(status=503, slug="not-ready", retry_after_s=1), "The server is starting."),
    ],
)
def test_what_passes_is_waited_for(visit: Visit, service: PageService, refusal: Refusal, words: str) -> None:
    visit.expect(f"status of {refusal.status}")
    service.refusals = [refusal]
    visit.page.click(".go .primary")
    visit.until(f"document.querySelector('.progress-words').textContent.startsWith('{words}')")
    visit.wait("done")
    assert len(service.forms) == 2


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (Refusal(status=429, slug="rate-limited", retry_after_s=900), "Too many tries in a short time."),
        (Refusal(status=500, slug="internal"), "Tell its operator: request 000"),
        (Refusal(status=507, slug="store-full"), "The server has no room left just now."),
    ],
)
def test_a_refusal_is_told_and_can_be_tried_again(
    visit: Visit, service: PageService, refusal: Refusal, words: str
) -> None:
    visit.expect(f"status of {refusal.status}")
    service.refusals = [refusal]
    visit.page.click(".go .primary")
    assert words in visit.message()
    assert visit.page.get_attribute("#room", "data-phase") == "choosing"
    visit.page.click("#message button")
    visit.wait("done")
    assert not visit.page.is_visible("#message")


def test_what_trying_again_would_not_help_is_only_told(visit: Visit, service: PageService) -> None:
    visit.expect("status of 503")
    service.refusals = [Refusal(status=503, slug="engine-unavailable", retryable=False)]
    visit.page.click(".go .primary")
    assert "No engine on this server can do this now." in visit.message()
    assert not visit.page.is_visible("#message button")


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ({"state": "expired"}, "This try-on is no longer on the server. Start it again."),
        ({"state": "failed", "error": problem("no-person", 422)}, "Nobody was found in your photo."),
        (
            {"state": "failed", "error": problem("deadline-exceeded", 504)},
            "It took too long and was stopped.",
        ),
    ],
)
def test_a_job_that_ends_badly(
    visit: Visit, service: PageService, end: dict[str, object], words: str
) -> None:
    service.end = end
    visit.page.click(".go .primary")
    assert words in visit.message()
    visit.page.reload()
    visit.page.wait_for_selector(".go .primary[aria-disabled=false]")
    assert visit.page.get_attribute("#room", "data-phase") == "choosing", "it is not picked up again"


def test_photos_that_the_server_let_go_are_sent_again(visit: Visit, service: PageService) -> None:
    visit.expect("status of 404")
    service.refusals = [Refusal(status=404, slug="not-found")]
    visit.try_on()
    assert len(service.sent("POST", "/v1/assets")) == 4


def test_a_job_that_vanished_is_told(visit: Visit, service: PageService) -> None:
    visit.expect("status of 404", "ERR_")
    service.finish.clear()
    visit.page.click(".go .primary")
    assert service.watched.wait(10)
    service.gone.update(service.jobs)
    visit.page.reload()
    assert visit.message() == "This try-on is no longer on the server. Start it again."


def test_a_server_without_an_engine(visitor: Visitor, service: PageService, stub_url: str) -> None:
    service.service = service_of(ENGINE | {"available": False, "served": [], "reason": "Run make models."})
    visit = visitor(stub_url)
    visit.page.goto(stub_url)
    assert visit.message() == (
        "No engine on this server can do this now. Tell its operator: Run make models."
    )


def test_a_photo_that_cannot_be_read(visit: Visit, service: PageService) -> None:
    visit.expect("status of 415")
    service.upload_refusals = [Refusal(status=415, slug="unsupported-media-type", retryable=False)]
    visit.page.set_input_files("#person-file", PERSON)
    visit.consent()
    assert "not a photo this server can read" in visit.message()
    advice = visit.page.inner_text("#person-coach")
    assert "This one will not work." in advice
    assert "can still try" not in advice


def test_the_rack_stays_when_what_was_wrong_is_forgotten(
    visitor: Visitor, service: PageService, stub_url: str
) -> None:
    visit = visitor(stub_url)
    visit.expect("status of 503")
    body = json.dumps(problem("upstream-unavailable", 503))
    visit.page.route(
        "**/v1/engines",
        lambda route: route.fulfill(status=503, content_type="application/problem+json", body=body),
    )
    visit.page.goto(stub_url)
    visit.message()
    visit.page.check(".tile input[data-name='polo_green.jpg']", force=True)
    assert not visit.page.is_visible("#message")
    assert visit.page.locator(".rack .tile").first.is_visible()


@pytest.mark.parametrize(
    ("script", "button", "sheet"),
    [
        ("history-panel.js", "[data-action=history]", "#looks"),
        ("editor.js", "#stage [data-action=mask]", "#mask"),
        ("camera.js", "[data-action=camera]", "#camera"),
    ],
)
def test_a_part_of_the_page_that_cannot_be_fetched_is_told(
    visit: Visit, script: str, button: str, sheet: str
) -> None:
    visit.expect("ERR_FAILED")
    visit.page.route(f"**/{script}*", lambda route: route.abort())
    visit.page.click(button)
    assert visit.message() == ("A part of this page could not be fetched. Try again, or load the page again.")
    visit.page.unroute(f"**/{script}*")
    visit.page.click("#message button")
    visit.page.wait_for_selector(f"{sheet}[open]")


def test_a_fault_of_the_page_is_not_taken_for_one_of_the_network(
    visitor: Visitor, service: PageService, stub_url: str
) -> None:
    visit = visitor(stub_url)
    visit.page.add_init_script(
        "Intl.PluralRules.prototype.select = () => { throw new TypeError('a fault of the page'); };"
    )
    visit.expect("a fault of the page")
    visit.open()
    service.finish.clear()
    service.told = [("progress", {"stage": "engine", "eta_s": 40.0, "state": "running"})]
    visit.page.click(".go .primary")
    assert visit.message() == "Something went wrong. Try again."
