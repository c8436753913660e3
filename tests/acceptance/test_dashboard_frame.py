"""Light and dark, the keys, and buttons that copy: the scripts around every page, in a browser, without a server.

Not here: what updates of a page leave alone (test_dashboard_fragment.py), and the pages (test_dashboard_looks.py).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

import warren.dashboard
from tests.support.browser import DARK, LIGHT, Browsing

_STATIC = Path(warren.dashboard.__file__).parent / "static"
_ADDRESS = "http://dashboard.test/"  # never asked for: the browser is given all of it here

_PAGE = """<!doctype html><html lang="en"><head><title>Frame</title>
<script src="theme.js"></script><script src="keys.js" defer></script></head><body>
<a href="#types" data-go="m">Message types</a><button data-toggle-theme>Light or dark</button>
<p id="said" role="status"></p>
<dialog id="keys" aria-label="Keys"><label><input type="checkbox" data-keys-on> Keys</label>
<button data-close-keys>Close</button></dialog>
<main id="main"><input type="search" aria-label="Filter">
<table><tbody><tr><td><a href="#one">one</a></td></tr><tr><td><a href="#two">two</a></td></tr></tbody></table>
<button data-copy="warren inspect q">Copy</button>
<div><pre>all of it</pre><button data-copy-near>Copy the text</button></div>
<textarea aria-label="Pasted"></textarea></main></body></html>"""


def _answer(route: Route) -> None:
    name = route.request.url.removeprefix(_ADDRESS)
    if name.endswith(".js"):
        route.fulfill(path=_STATIC / name, content_type="text/javascript")
    else:
        route.fulfill(body=_PAGE if not name else "", content_type="text/html")


def opened(browsing: Browsing, theme: str = LIGHT) -> Page:
    page = browsing.open("about:blank", theme=theme)
    page.route("**/*", _answer)
    page.goto(_ADDRESS)
    return page


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_a_page_is_as_light_as_the_system_until_somebody_says_otherwise(browsing: Browsing, theme: str) -> None:
    page = opened(browsing, theme)
    other = DARK if theme == LIGHT else LIGHT
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    page.get_by_role("button", name="Light or dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", other)
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", other)
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate("() => localStorage.length") == 0  # it follows the system again
    page.emulate_media(color_scheme="dark" if other == DARK else "light")
    expect(page.locator("html")).to_have_attribute("data-theme", other)


def test_keys_lead_to_pages_rows_and_the_filter(browsing: Browsing) -> None:
    page = opened(browsing)
    page.keyboard.press("g")
    page.keyboard.press("m")
    expect(page).to_have_url(f"{_ADDRESS}#types")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="two")).to_be_focused()
    page.keyboard.press("k")
    expect(page.get_by_role("link", name="one")).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()


def test_keys_do_nothing_while_somebody_types(browsing: Browsing) -> None:
    page = opened(browsing)
    page.get_by_role("searchbox").press_sequentially("gmt?")
    expect(page.get_by_role("searchbox")).to_have_value("gmt?")
    expect(page.get_by_role("dialog")).not_to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-theme", LIGHT)


def test_keys_can_be_switched_off_in_their_list(browsing: Browsing) -> None:
    page = opened(browsing)
    page.keyboard.press("?")
    page.get_by_role("checkbox", name="Keys").uncheck()
    page.get_by_role("button", name="Close").click()
    page.reload()
    page.keyboard.press("t")
    page.keyboard.press("?")
    expect(page.locator("html")).to_have_attribute("data-theme", LIGHT)
    expect(page.get_by_role("dialog")).not_to_be_visible()


@pytest.mark.parametrize(("button", "copied"), [("Copy", "warren inspect q"), ("Copy the text", "all of it")])
def test_a_button_copies_and_says_so_over_plain_http_too(browsing: Browsing, button: str, copied: str) -> None:
    page = opened(browsing)
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.get_by_role("status")).to_have_text("Copied")
    page.get_by_role("textbox", name="Pasted").press("Control+v")
    expect(page.get_by_role("textbox", name="Pasted")).to_have_value(copied)
