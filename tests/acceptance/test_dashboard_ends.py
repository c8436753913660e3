"""A dashboard that is told to end while it changes something, with a browser open: it stops, gives back, and says so.

Not here: one that is killed (tests/contract/test_dashboard_changes.py).
"""

from __future__ import annotations

import json
import signal
from pathlib import Path

from playwright.sync_api import expect

from tests.support.broker import BrokerUnderTest
from tests.support.browser import Browsing
from tests.support.dashboards import DEAD, QUEUE, dashboard_running, shop_open


def test_a_replay_ends_with_its_dashboard_and_the_audit_log_says_how_far_it_came(
    broker: BrokerUnderTest, browsing: Browsing, tmp_path: Path
) -> None:
    with shop_open(tmp_path, broker) as shop:
        for _ in range(4):
            shop.order("XX")
        shop.wait_dead(4)
        shop.fix()
        with dashboard_running(shop.folder, "--allow-changes", broker=shop.url) as dashboard:
            page = browsing.open(dashboard.url("dead-letters", DEAD))
            page.get_by_role("button", name="Replay").click()
            page.get_by_label("Messages a second").fill("0.01")
            page.get_by_label("Why").fill("the rates are known again")
            page.get_by_role("button", name="Count them first").click()
            page.get_by_role("button", name="Send 4 messages back").click()
            shop.wait_dead(0)  # ready ones: all are held while it goes on
            expect(page.get_by_role("article", name="Replay by")).to_contain_text("1 message sent back")

            dashboard.running.signal(signal.SIGTERM)

            assert dashboard.running.finish(timeout=15.0) == 0
            browsing.complaints.clear()  # the browser's own, of a server that is gone
        shop.wait_dead(3)
        shop.plain.wait_depth(QUEUE, 0)
        intent, result = map(json.loads, (shop.folder / "warren-audit.ndjson").read_text().splitlines())
        assert intent["why"] == "the rates are known again"
        assert (result["id"], result["outcome"], result["done"]) == (intent["id"], "interrupted", 1)
