"""Logging in and out of the dashboard, in a browser.

Not here: what is refused, and to whom (test_dashboard_access.py).
"""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.support.browser import Browsing, violations
from tests.support.dashboards import dashboard_running

NO_BROKER = "amqp://guest:guest@127.0.0.1:1/%2F"
PASSWORD = "correct horse"
REFUSED = "status of 401|WebSocket connection to .* 403"
"""What a browser itself says of a wrong password, and of a page that may look no longer."""


def log_in(page: Page, password: str = PASSWORD) -> None:
    page.get_by_label("User").fill("warren")
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")


def test_a_person_logs_in_and_logging_out_in_one_tab_takes_the_others_to_the_login(
    browsing: Browsing, tmp_path: Path
) -> None:
    options = {"WARREN_DASHBOARD_PASSWORD": PASSWORD}
    with dashboard_running(tmp_path, broker=NO_BROKER, target=None, **options) as dashboard:
        page = browsing.open(dashboard.url("audit"))
        expect(page).to_have_url(re.compile(r"/login\?next=%2Faudit$"))
        expect(page.get_by_label("User")).to_have_value("warren")
        expect(page.get_by_label("Password")).to_be_focused()
        assert violations(page) == []
        log_in(page, "wrong")
        expect(page.get_by_role("alert")).to_have_text("User or password is wrong.")
        log_in(page)
        expect(page).to_have_url(dashboard.url("audit"))

        other = browsing.open(dashboard.url(), beside=page)
        expect(other.get_by_role("heading", level=1)).to_be_visible()
        other.wait_for_function("window.did_handshake")
        page.get_by_role("button", name="Log out warren").click()
        expect(page).to_have_url(dashboard.url("login"))
        expect(other).to_have_url(dashboard.url("login"), timeout=30_000)
        log_in(other)
        expect(other).to_have_url(dashboard.url() + "/")

    browsing.complaints[:] = [one for one in browsing.complaints if not re.search(REFUSED, one)]
