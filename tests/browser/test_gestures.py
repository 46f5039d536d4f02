"""Fingers on the enlarged picture: pinch, pan and double tap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.browser.conftest import PHONE, Visitor
from tests.page_service import PageService
from tests.page_visit import Visit

Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Fingers:
    """Touches as the browser gets them from a screen; points are in CSS pixels of the window."""

    visit: Visit
    wire: Any

    def drag(self, *paths: tuple[Point, Point], steps: int = 8) -> None:
        """Each finger goes from the first to the second point of its path, all of them at once."""
        self._send("touchStart", [start for start, _ in paths])
        for step in range(1, steps + 1):
            self._send("touchMove", [between(start, end, step / steps) for start, end in paths])
        self._send("touchEnd", [])

    def tap(self, point: Point) -> None:
        self._send("touchStart", [point])
        self._send("touchEnd", [])

    def _send(self, kind: str, points: Sequence[Point]) -> None:
        touches = [{"x": x, "y": y, "id": index} for index, (x, y) in enumerate(points)]
        self.wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    def percent(self) -> int:
        """How large the picture is; 100 when all of it fits."""
        return int(self.visit.page.inner_text("#zoom output").split()[0])

    def top(self) -> float:
        """The upper edge of the picture, where the window's is 0."""
        return float(self.visit.page.locator(".zoom-view img:not([hidden])").bounding_box()["y"])


def between(start: Point, end: Point, share: float) -> Point:
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


@pytest.fixture
def fingers(visitor: Visitor, service: PageService, stub_url: str) -> Fingers:
    """On the enlarged result, on a phone that does not animate."""
    visit = visitor(stub_url, **PHONE, reduced_motion="reduce").open()
    visit.try_on()
    visit.page.click("[data-action=zoom]")
    visit.until("document.querySelector('#zoom output').textContent !== ''")
    return Fingers(visit=visit, wire=visit.context.new_cdp_session(visit.page))


def test_two_fingers_enlarge_as_much_as_they_part(fingers: Fingers) -> None:
    fingers.drag(((175, 300), (145, 300)), ((215, 300), (245, 300)))  # from 40 px apart to 100
    assert fingers.percent() == pytest.approx(250, abs=3)
    fingers.drag(
        ((95, 300), (175, 300)), ((295, 300), (215, 300))
    )  # 200 px to 40: less than all of it is not
    assert fingers.percent() == 100


def test_one_finger_moves_what_is_enlarged_and_no_further_than_its_edge(fingers: Fingers) -> None:
    fingers.drag(((175, 300), (145, 300)), ((215, 300), (245, 300)))
    before = fingers.top()
    fingers.drag(((195, 300), (195, 340)))
    assert fingers.top() == pytest.approx(before + 40, abs=1)
    for _ in range(4):
        fingers.drag(((195, 100), (195, 600)))
    assert fingers.top() == pytest.approx(0, abs=1)


def test_a_picture_that_fits_stays_where_it_is(fingers: Fingers) -> None:
    before = fingers.top()
    fingers.drag(((195, 300), (195, 500)))
    assert fingers.top() == before


def test_a_double_tap_comes_closer_and_goes_back(fingers: Fingers) -> None:
    for expected in (250, 100):
        for _ in range(2):
            fingers.tap((195, 300))
        assert fingers.percent() == expected


def test_two_taps_far_apart_are_no_double_tap(fingers: Fingers) -> None:
    fingers.tap((100, 200))
    fingers.tap((300, 500))
    assert fingers.percent() == 100
