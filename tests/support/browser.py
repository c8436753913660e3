"""A real browser on real pages: opened as a person opens them, and able to say what they showed when a test failed.

Not here: the dashboard it looks at (`dashboards.py`).
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.services.places import axe

__all__ = [
    "DARK",
    "LIGHT",
    "NARROW",
    "WIDE",
    "Browsing",
    "Window",
    "browser_running",
    "picture",
    "sideways",
    "violations",
]

LIGHT, DARK = "light", "dark"
_ENOUGH_MS = 15_000  # Two cores, and a broker whose statistics are a second old.
_GONE = (
    "ERR_CONNECTION_REFUSED",
    "ERR_EMPTY_RESPONSE",
    "ERR_CONNECTION_RESET",
    "ERR_SOCKET_NOT_CONNECTED",
    "WebSocket",
)


class Window(NamedTuple):
    """The size of a browser's window."""

    name: str
    width: int
    height: int


WIDE, NARROW = Window("wide", 1280, 800), Window("narrow", 390, 844)


@contextmanager
def browser_running(program: Path) -> Iterator[Browser]:
    """Start Chromium, and end it with the block. Nothing on the same thread may run an event loop meanwhile."""
    expect.set_options(timeout=_ENOUGH_MS)
    with sync_playwright() as playwright:
        # Without its sandbox, which root and containers have no use of: it sees nothing but our own pages.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


class Browsing:
    """The pages that one test opens, each by a person of its own: no cookie is shared unless `beside` says so."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser = browser
        self._folder = folder
        self._contexts: list[BrowserContext] = []
        self._pages: list[Page] = []
        self._notes: list[str] = []  # all that pages wrote to the console
        self.complaints: list[str] = []
        """What the pages wrote to the console as errors: a script that failed, or what their policy refused."""

    def open(self, url: str, *, theme: str = LIGHT, window: Window = WIDE, beside: Page | None = None) -> Page:
        """Open a page and return it once its frame is drawn; `beside` a page, with that one's cookies."""
        page = self._new_context(theme, window).new_page() if beside is None else beside.context.new_page()
        page.set_default_timeout(_ENOUGH_MS)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        self._pages.append(page)
        page.goto(url)
        return page

    def told(self) -> str:
        """Keep a picture of each page, and return what they showed as text."""
        shown = []
        for number, page in enumerate(self._pages):
            if page.is_closed():
                continue
            picture = self._folder / f"page-{number}.png"
            try:
                page.screenshot(path=picture, full_page=True)
                text = page.locator("body").aria_snapshot()
            except Exception as error:  # A page that hangs is told of too.
                text = f"it cannot be looked at: {error}"
            shown.append(f"{page.url} (see {picture})\n{text}")
        return "\n\n".join([*shown, *self._notes, *self.complaints])

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _new_context(self, theme: str, window: Window) -> BrowserContext:
        context = self._browser.new_context(
            color_scheme="dark" if theme == DARK else "light",
            viewport={"width": window.width, "height": window.height},
            reduced_motion="reduce",
            timezone_id="UTC",
            locale="en-GB",
            accept_downloads=True,
        )
        self._contexts.append(context)
        return context

    def _heard(self, message: ConsoleMessage) -> None:
        self._notes.append(f"{message.type}: {message.text}")
        # That a server is gone is for the page to show; the browser's own word of it is no fault of the page.
        if message.type == "error" and not any(sign in message.text for sign in _GONE):
            self.complaints.append(f"{message.page.url if message.page else ''}: {message.text}")


# -- what is held against a page ----------------------------------------------------------

# Rectangles that reach over the right edge, but for what scrolls inside itself or is hidden on purpose.
_SIDEWAYS = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const reaches = [...document.querySelectorAll("body *")].filter(
    (one) => one.getBoundingClientRect().right > width + 1);
  return [`the page is ${document.documentElement.scrollWidth} px wide`,
    ...reaches.slice(-5).map((one) => one.outerHTML.slice(0, 200))];
}"""


def sideways(page: Page) -> Sequence[str]:
    """Return what makes a page scroll sideways."""
    found: list[str] = page.evaluate(_SIDEWAYS)
    return found


def violations(page: Page) -> list[str]:
    """Return the serious and critical violations of accessibility that axe-core finds, each with its places."""
    # Not as a <script>: the policy of the page would refuse that, as it should.
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(axe().read_text())
    found: dict[str, Any] = page.evaluate(
        "async () => await axe.run(document, {preload: false, resultTypes: ['violations']})"
    )
    return [
        f"{one['id']} ({one['impact']}): {one['help']}\n"
        + "\n".join(f"  {node['html'][:300]}\n    {node['failureSummary']}" for node in one["nodes"][:5])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


# -- pictures -----------------------------------------------------------------------------

_TALLEST = 1_500  # pixels: what is below tells a reader of the documentation nothing new


def picture(page: Page, to: Path) -> None:
    """Write what a page shows, from its top, as WebP: a fifth of a PNG, and there are many."""
    size: dict[str, int] = page.evaluate(
        "() => (window.scrollTo(0, 0),"  # or what is fixed to the window stands in the middle
        " {width: document.documentElement.clientWidth, height: document.documentElement.scrollHeight})"
    )
    clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], _TALLEST), "scale": 1}
    session = page.context.new_cdp_session(page)
    taken = session.send(
        "Page.captureScreenshot", {"format": "webp", "quality": 80, "captureBeyondViewport": True, "clip": clip}
    )
    session.detach()
    to.write_bytes(base64.b64decode(taken["data"]))
