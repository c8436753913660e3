"""A page that stays open while its broker goes and comes back.

Not here: how that looks, and the end of the dashboard itself (test_dashboard_looks.py).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.support.broker import BrokerUnderTest
from tests.support.browser import Browsing
from tests.support.dashboards import QUEUE, dashboard_running, shop_open


def test_a_page_outlives_its_broker(
    private_broker: Callable[..., BrokerUnderTest], browsing: Browsing, tmp_path: Path
) -> None:
    """What was last known stays, marked as old; when the broker is back, so are the news, without a reload."""
    broker = private_broker()
    with shop_open(tmp_path, broker, works=False) as shop, dashboard_running(shop.folder, broker=shop.url) as dashboard:
        page = browsing.open(dashboard.url())
        row = page.get_by_role("row").filter(has=page.get_by_role("link", name=QUEUE, exact=True))
        expect(row).to_be_visible()
        page.evaluate("window.stayed = true")

        shop.plain.connection.close()
        broker.node.stop()

        expect(page.get_by_role("alert").filter(has_text="broker")).to_be_visible()
        expect(row).to_be_visible()

        broker.node.start()

        expect(page.get_by_role("alert")).to_have_count(0)
        shop.connect_again()
        shop.order()
        shop.order()
        expect(row).to_contain_text("2")
        assert page.evaluate("window.stayed")
