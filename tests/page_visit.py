"""A visitor of the page: a browser's window, and everything about it that is not as it should be."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
PERSON = SAMPLES / "people" / "p3_woman__base.jpg"
GARMENT = SAMPLES / "garments" / "longsleeve_stripes.jpg"

SOON_MS = 20_000
"""Far more than anything here takes on a machine with nothing else to do."""

WATCH = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const { value, hadRecentInput, sources } of list.getEntries()) {
    const moved = sources.map(({ node }) => node?.className || node?.nodeName);
    if (!hadRecentInput) window.shifts.push([value, ...moved]);
  }
}).observe({ type: "layout-shift", buffered: true });
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  console.error(`content policy: ${violatedDirective} ${blockedURI}`));
"""


class Visit:
    """One page of a browser context of its own.

    ``faults`` collects what the console calls an error, what the page throws, what the content policy stops,
    and requests to anywhere else; the fixture that makes a visit fails the test for any of them.
    """

    def __init__(self, context: Any, url: str) -> None:
        self.url = url
        self.faults: list[str] = []
        self.context = context
        self._expected: tuple[str, ...] = ()
        context.add_init_script(WATCH)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.faults.append(str(error.error)))
        context.on("request", self._see)
        self.page = context.new_page()
        self.page.set_default_timeout(SOON_MS)

    def expect(self, *parts: str) -> None:
        """Errors whose words have one of these parts are what the test is about."""
        self._expected += parts

    def _hear(self, message: Any) -> None:
        text = f"{message.text} {message.location.get('url', '')}"
        if message.type == "error" and not any(part in text for part in self._expected):
            self.faults.append(text)

    def _see(self, request: Any) -> None:
        if not request.url.startswith((f"{self.url}/", "blob:", "about:", "data:")):
            self.faults.append(f"request to {request.url}")

    def open(self) -> Visit:
        """The page, as soon as it knows what the server can do."""
        with self.page.expect_response("**/v1/engines"):
            self.page.goto(self.url)
        self.page.wait_for_selector(".go .primary[aria-disabled=false]")
        return self

    def wait(self, phase: str) -> None:
        self.page.wait_for_selector(f"#room[data-phase={phase}]")

    def try_on(self) -> None:
        """Press the button and wait for the picture."""
        self.page.click(".go .primary")
        self.wait("done")

    def consent(self) -> None:
        self.page.check("#consent input")
        self.page.click("#consent .primary")

    def until(self, condition: str) -> None:
        """Wait until this JavaScript is true; playwright's own way needs eval, which the page forbids."""
        until = time.monotonic() + SOON_MS / 1000
        while not self.page.evaluate(condition):
            assert time.monotonic() < until, f"waited in vain for {condition}"
            self.page.wait_for_timeout(30)

    def message(self) -> str:
        """What is said about what went wrong, once something is."""
        self.page.wait_for_selector("#message:not([hidden])")
        return str(self.page.inner_text("#message p"))

    def tab_to(self, selector: str, most: int = 80) -> None:
        """Press Tab until the focus is there."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if self.focused(selector):
                return
        raise AssertionError(f"no way to {selector} with Tab")

    def focused(self, selector: str) -> bool:
        return bool(self.page.evaluate("one => document.activeElement.matches(one)", selector))

    def title_of_picture(self) -> str:
        return str(self.page.inner_text(".caption-title"))

    def shifts(self) -> list[Any]:
        """What has moved by itself so far: each time the score of the layout shift and what it was."""
        return list(self.page.evaluate("window.shifts ?? []"))

    def saved(self, action: str = "save") -> bytes:
        with self.page.expect_download() as download:
            self.page.click(f"[data-action={action}]")
        return Path(download.value.path()).read_bytes()
