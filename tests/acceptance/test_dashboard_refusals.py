"""A dashboard that is read-only shows no way to change anything, and takes none that a browser makes up.

Not here: who may look at all (test_dashboard_access.py).
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.support.broker import BrokerUnderTest
from tests.support.browser import Browsing
from tests.support.dashboards import DEAD, DashboardUnderTest, Shop, dashboard_running, shop_open


@pytest.fixture(scope="module")
def shop(module_broker: BrokerUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with shop_open(tmp_path_factory.mktemp("refusals"), module_broker) as shop:
        for _ in range(3):
            shop.order("XX")
        shop.wait_dead(3)
        yield shop


@pytest.fixture(scope="module")
def changing(shop: Shop) -> Iterator[DashboardUnderTest]:
    with dashboard_running(shop.folder, "--allow-changes", broker=shop.url) as running:
        yield running


def a_message(dashboard: DashboardUnderTest, browsing: Browsing, *, of: int) -> Page:
    """The first `of` so many messages, when the page shows no former look at them any more."""
    page = browsing.open(dashboard.url("dead-letters", DEAD))
    page.get_by_role("link", name="UnknownCountry").click()
    orders = page.get_by_role("row").get_by_role("link", name="order-")
    expect(orders).to_have_count(of)
    orders.first.click()
    expect(page.get_by_role("region", name="The body")).to_be_visible()
    return page


def forge(page: Page, args: object) -> None:
    """Send an act to every part of a page that listens to acts, as a script in the browser could."""
    (written,) = re.findall(r"parseElements\(String\.raw`(.*?)`\)", page.content(), re.DOTALL)
    elements: dict[str, dict[str, Any]] = json.loads(html.unescape(written))
    listening = [
        (int(number), event["listener_id"])
        for number, element in elements.items()
        for event in element.get("events", ())
        if event["type"] == "act"
    ]
    assert listening
    for number, listener in listening:
        page.evaluate(
            "([id, listener_id, args]) =>"
            " window.socket.emit('event', {id, client_id: window.clientId, listener_id, args})",
            [number, listener, args],
        )


@pytest.mark.parametrize("page", ["dead-letters/payroll", f"message?queue=payroll&key={'a' * 64}"])
def test_a_queue_that_is_not_shown_is_not_looked_into(changing: DashboardUnderTest, page: str) -> None:
    address = f"{changing.url().rstrip('/')}/{page}"
    assert httpx.get(address, trust_env=False, timeout=20.0).status_code == 404
    assert httpx.get(address.replace("payroll", DEAD), trust_env=False, timeout=20.0).status_code == 200


def test_a_forged_act_changes_nothing_where_changes_are_off(
    changing: DashboardUnderTest, shop: Shop, browsing: Browsing
) -> None:
    # What a browser sends for a discard, from beginning to end, is listened to where changes are on.
    page = browsing.open(changing.url("dead-letters", DEAD))
    sent: list[Any] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    page.get_by_role("link", name="UnknownCountry").click()
    page.get_by_role("row").get_by_role("link", name="order-").first.click()
    page.get_by_role("button", name="Discard").click()
    page.get_by_label("Why").fill("a test order")
    page.get_by_role("button", name="Discard 1 message").click()
    expect(page.get_by_role("article", name="Discard by")).to_contain_text("Done")
    shop.wait_dead(2)
    acts = [
        json.loads(frame[2:])[1]["args"] for frame in sent if str(frame).startswith('42["event"') and "act" in frame
    ]
    assert len(acts) >= 2

    # The same from a page that shows no button for it is not done,
    with dashboard_running(shop.folder, broker=shop.url) as dashboard:
        page = a_message(dashboard, browsing, of=2)
        expect(page.get_by_text("this dashboard is read-only")).to_be_visible()
        for name in ("Replay", "Discard", "Edit and replay"):
            expect(page.get_by_role("button", name=name)).to_have_count(0)
        for args in acts:
            forge(page, args)
        page.get_by_label("Find in the body").fill("country")
        expect(page.get_by_role("status").filter(has_text="1 found")).to_be_visible()  # so all before it was heard
        shop.wait_dead(2)  # a look may hold them for a moment
        page.close()
    shop.wait_dead(2)  # what it held at its end is back

    # and where changes are on, it is: the forgery is one.
    page = a_message(changing, browsing, of=2)
    for args in acts:
        forge(page, args)
    shop.wait_dead(1)
