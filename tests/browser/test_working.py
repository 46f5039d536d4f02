"""While it works: progress, first impressions, cancelling, and coming back to it."""

from __future__ import annotations

from functools import partial

import pytest

from tests.gateway_process import wait_until
from tests.page_service import PageService
from tests.page_visit import Visit

PROGRESS = (
    "progress",
    {"stage": "engine", "step": 3, "steps": 20, "eta_s": 40.0, "state": "running"},
)


@pytest.fixture
def held(service: PageService) -> PageService:
    """Jobs go on until ``finish`` is set."""
    service.finish.clear()
    return service


def begin(visit: Visit) -> None:
    visit.page.click(".go .primary")
    visit.wait("working")


def followed(service: PageService, jobs: int) -> bool:
    """Does the page listen to so many?"""
    return len(service.sent("GET", "/v1/jobs/")) == jobs


def test_where_it_is(visit: Visit, held: PageService) -> None:
    begin(visit)
    visit.until("document.querySelector('.progress-detail').textContent === 'You are next.'")
    assert visit.page.inner_text(".progress-words") == "Waiting for your turn …"
    assert visit.page.title() == "Working … · Cabine · virtual try-on"
    held.finish.set()
    visit.wait("done")


def test_stage_step_and_time_left(visit: Visit, held: PageService) -> None:
    held.told = [("started", {"state": "running"}), PROGRESS]
    begin(visit)
    visit.until("document.querySelector('.progress-detail').textContent.startsWith('step 3 of 20')")
    assert visit.page.inner_text(".progress-words") == "Putting it on …"
    assert "seconds left" in visit.page.inner_text(".progress-detail")
    assert visit.page.title().endswith("Cabine · virtual try-on")
    assert visit.page.title() != "Cabine · virtual try-on", "also told to those who look elsewhere"


def test_a_first_impression_is_shown_and_named(visit: Visit, held: PageService) -> None:
    held.told = [PROGRESS]
    held.previews = True
    begin(visit)
    visit.page.wait_for_selector(".sketch:not([hidden])")
    assert visit.page.is_visible(".tag-sketch")
    held.finish.set()
    visit.wait("done")
    assert not visit.page.is_visible(".sketch")


def test_cancel(visit: Visit, held: PageService) -> None:
    begin(visit)
    assert held.watched.wait(10)
    with visit.page.expect_response(lambda answer: answer.request.method == "DELETE"):
        visit.page.click("[data-action=cancel]")
    visit.wait("choosing")
    assert held.jobs[0] in held.gone
    assert visit.focused(".go .primary")
    assert visit.page.inner_text(".news") == "Cancelled."
    held.finish.set()
    visit.try_on()


def test_a_reload_picks_it_up(visit: Visit, held: PageService) -> None:
    visit.page.check(".tile input[data-name='polo_green.jpg']", force=True)
    begin(visit)
    assert held.watched.wait(10)
    held.watched.clear()
    visit.page.reload()
    visit.wait("working")
    assert held.watched.wait(10)
    held.finish.set()
    visit.wait("done")
    assert len(held.forms) == 1, "the same job"
    assert "polo" in visit.title_of_picture().lower()
    visit.page.reload()
    visit.page.wait_for_selector(".go .primary[aria-disabled=false]")
    assert visit.page.get_attribute("#room", "data-phase") == "choosing", "it is over"


def test_each_of_two_tabs_picks_up_its_own(visit: Visit, held: PageService) -> None:
    visit.expect("ERR_")
    other = visit.context.new_page()
    other.goto(visit.url)
    other.wait_for_selector(".go .primary[aria-disabled=false]")
    tabs = (visit.page, other)
    for number, tab in enumerate(tabs, 1):
        tab.click(".go .primary")
        wait_until(partial(followed, held, number))
    for tab in tabs:
        tab.reload()
        tab.wait_for_selector("#room[data-phase=working]")
    held.finish.set()
    for tab in tabs:
        tab.wait_for_selector("#room[data-phase=done]")
    assert len(held.forms) == 2


def test_a_broken_stream_goes_on_where_it_broke(visit: Visit, held: PageService) -> None:
    visit.expect("ERR_INCOMPLETE_CHUNKED_ENCODING", "/events")
    held.told = [PROGRESS]
    begin(visit)
    assert held.watched.wait(10)
    visit.until("document.querySelector('.progress-words').textContent === 'Putting it on …'")
    held.cut.set()
    wait_until(lambda: len(held.sent("GET", f"/v1/jobs/{held.jobs[0]}/events")) == 2)
    held.finish.set()
    visit.wait("done")
    streams = held.sent("GET", f"/v1/jobs/{held.jobs[0]}/events")
    assert [stream["headers"].get("last-event-id") for stream in streams] == [None, "1"]


def test_nothing_can_be_chosen_meanwhile(visit: Visit, held: PageService) -> None:
    begin(visit)
    assert visit.page.is_disabled("#person-file")
    assert visit.page.is_disabled("#garment-file")
    assert visit.page.is_disabled("[data-action=history]")
    visit.page.click(".go .primary", force=True)
    assert held.watched.wait(10)
    assert len(held.forms) == 1
