"""A person on call, a browser, and a shop whose orders fail: what they find, understand and put right by clicks alone.

Not here: what the pages look like (test_dashboard_looks.py), and what they refuse (test_dashboard_refusals.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.broker import BrokerUnderTest
from tests.support.browser import Browsing
from tests.support.cli import cli
from tests.support.dashboards import DEAD, QUEUE, SECRET, DashboardUnderTest, Shop, dashboard_running, shop_open

FAILURE = "UnknownCountry@shop/shop.py:send_invoice"


@pytest.fixture
def shop(broker: BrokerUnderTest, tmp_path: Path) -> Iterator[Shop]:
    """Each test's own: what a dashboard holds for a look is not purged, and would be there again in the next."""
    with shop_open(tmp_path, broker) as shop:
        yield shop


@pytest.fixture
def dashboard(shop: Shop) -> Iterator[DashboardUnderTest]:
    with dashboard_running(shop.folder, "--allow-changes", broker=shop.url) as running:
        yield running


def row_of(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def body_of(page: Page) -> Locator:
    return page.get_by_role("region", name="The body")


def find_failure(page: Page) -> None:
    """From the overview to the messages of the one failure there is."""
    row_of(page, QUEUE).get_by_role("link", name=QUEUE, exact=True).click()
    page.get_by_role("link", name="Dead letters (").click()
    page.get_by_role("link", name=FAILURE).click()
    expect(page.get_by_role("heading", name=FAILURE)).to_be_visible()


def test_what_happens_is_seen_without_reload(dashboard: DashboardUnderTest, shop: Shop, browsing: Browsing) -> None:
    page = browsing.open(dashboard.url("dead-letters"))
    expect(page.get_by_text("No dead letters")).to_be_visible()
    page.evaluate("window.stayed = true")

    for _ in range(3):
        shop.order("XX")

    expect(row_of(page, DEAD).get_by_role("cell").first).to_have_text("3")
    assert page.evaluate("window.stayed")


def test_a_poison_message_is_found_understood_and_replayed_after_a_fix(
    dashboard: DashboardUnderTest, shop: Shop, browsing: Browsing
) -> None:
    poison = [shop.order("XX") for _ in range(3)]
    shop.wait_dead(3)

    # It is found,
    page = browsing.open(dashboard.url())
    find_failure(page)
    # understood,
    page.get_by_role("link", name=f"order-{poison[0]}").click()
    expect(page.get_by_text("no tax rate for XX; known are AT, DE and FR").first).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="Dead-lettered")).to_be_visible()
    expect(page.get_by_role("region", name="the stack")).to_contain_text("in send_invoice")
    expect(body_of(page)).to_contain_text('"country": "XX"')
    expect(page.locator("body")).not_to_contain_text(SECRET)
    # and sent back after the fix.
    shop.fix()
    page.get_by_role("navigation", name="The way here").get_by_role("link", name=FAILURE).click()
    colleague = browsing.open(page.url)
    page.get_by_role("button", name="Replay").click()
    page.get_by_label("Canary", exact=True).fill("1")
    page.get_by_label("Why").fill("the rates are known again")
    page.get_by_role("button", name="Count them first").click()
    expect(page.get_by_role("heading", name="Send 3 messages back?")).to_be_visible()
    expect(
        page.get_by_text("Canary 1, within 60 s; as fast as it goes; reason: the rates are known again.")
    ).to_be_visible()
    page.get_by_role("button", name="Send 3 messages back").click()

    done = page.get_by_role("article", name="Replay by").first
    expect(done).to_contain_text("3 messages sent back")
    expect(done).to_contain_text("Done")
    expect(colleague.get_by_role("article", name="Replay by").first).to_contain_text("3 messages sent back")
    shop.wait_handled()
    page.get_by_role("link", name="Audit log").click()
    expect(page.get_by_role("row").filter(has_text="the rates are known again").first).to_contain_text("Done")


def test_an_edit_that_breaks_the_contract_is_refused_where_it_is_written(
    dashboard: DashboardUnderTest, shop: Shop, browsing: Browsing
) -> None:
    number = shop.order("DE", quantity=-2)
    shop.wait_dead(1)
    page = browsing.open(dashboard.url("dead-letters", DEAD))
    page.get_by_role("link", name="InvalidPayload@orders.created").click()
    page.get_by_role("link", name=f"order-{number}").click()
    page.get_by_role("button", name="Edit and replay").click()
    body = page.get_by_label("Body", exact=True)
    written = body.input_value()
    assert SECRET not in written

    body.fill(written.replace("-2", "0"))
    page.get_by_role("button", name="Send the edited message back").click()

    expect(page.get_by_role("alert")).to_contain_text("quantity")
    shop.wait_dead(1)  # a look may hold it for a moment

    body.fill(written.replace("-2", "2"))
    page.get_by_label("see whether it succeeds").uncheck()
    page.get_by_role("button", name="Send the edited message back").click()

    expect(page.get_by_role("article", name="Edit by").first).to_contain_text("1 message sent back")
    shop.wait_handled()


def test_what_is_discarded_has_a_reason_and_can_be_brought_back(
    dashboard: DashboardUnderTest, shop: Shop, browsing: Browsing
) -> None:
    for country in ("XX", "YY"):
        shop.order(country)
    shop.wait_dead(2)
    page = browsing.open(dashboard.url("dead-letters", DEAD))
    page.get_by_role("link", name=FAILURE).click()
    page.get_by_role("button", name="Discard").click()
    page.get_by_role("button", name="Count them first").click()
    expect(page.get_by_label("Why")).to_be_focused()  # The browser asks for it, before anything is sent.

    page.get_by_label("Why").fill("a test order")
    page.get_by_role("button", name="Count them first").click()
    page.get_by_role("button", name="Discard 1 message").click()

    expect(page.get_by_role("article", name="Discard by").first).to_contain_text("1 message discarded")
    shop.wait_dead(1)
    shop.fix()
    back = cli("replay", f"file:warren-discarded-{DEAD}.ndjson", "--yes", cwd=shop.folder, broker=shop.url)
    assert back.returncode == 0, back.stderr
    shop.wait_dead(1)


def test_a_body_of_html_and_script_stays_text(dashboard: DashboardUnderTest, shop: Shop, browsing: Browsing) -> None:
    attack = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>"
    order = {"order_id": 1, "country": "XX", "card": SECRET, "note": attack}
    shop.publish(json.dumps(order).encode(), message_id=attack, app_id=attack, headers={attack: attack})
    shop.wait_dead(1)
    page = browsing.open(dashboard.url("dead-letters", DEAD))
    page.get_by_role("link", name=FAILURE).click()
    page.get_by_role("link", name=attack).click()

    expect(page.get_by_role("heading", name=attack)).to_be_visible()
    expect(body_of(page)).to_contain_text(attack)
    expect(page.get_by_role("rowheader", name=attack)).to_be_visible()
    page.get_by_label("Find in the body").fill("<script>")
    expect(page.get_by_role("status").filter(has_text="1 found")).to_be_visible()
    assert page.evaluate("window.hacked") is None


def test_what_is_exported_is_for_reading(dashboard: DashboardUnderTest, shop: Shop, browsing: Browsing) -> None:
    for country in ("XX", "YY", "XX"):
        shop.order(country)
    shop.wait_dead(3)
    page = browsing.open(dashboard.url("dead-letters", DEAD))
    page.get_by_role("link", name=FAILURE).click()
    expect(page.get_by_role("heading", name=FAILURE)).to_be_visible()

    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()

    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 2
    assert all(json.loads(line) for line in lines)
    assert SECRET not in "".join(lines)
    shop.wait_dead(3)  # a look may hold them for a moment
