"""The page of one queue in a browser: its charts, the picture of its route, its consumers, and what it is without them.

Not here: what is drawn (tests/unit/dashboard/test_charts.py, test_picture.py), and what the page looks like
(test_dashboard_looks.py). On the embedded broker alone: what others tell is in tests/contract/test_dashboard_reads.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.broker import BrokerUnderTest
from tests.support.browser import DARK, NARROW, Browsing, sideways, violations
from tests.support.dashboards import DEAD, QUEUE, DashboardUnderTest, Shop, dashboard_running, shop_open
from tests.support.embedded_node import EmbeddedNode

ODD = 'odd/"<img src=x onerror=alert(1)>" & %2F'


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    node = EmbeddedNode(tmp_path_factory.mktemp("node"), statistics_interval=1.0)
    node.start()
    broker = BrokerUnderTest(
        name="embedded",
        version=node.version,
        vhost="/",
        url=node.url,
        management_url=node.management_url,
        node=node,
    )
    try:
        with shop_open(tmp_path_factory.mktemp("shop"), broker) as shop:
            yield shop
    finally:
        node.kill()


@pytest.fixture(scope="module")
def dashboard(shop: Shop) -> Iterator[DashboardUnderTest]:
    with dashboard_running(shop.folder, "--window", "12s", broker=shop.url) as running:
        yield running


def chart(page: Page, title: str) -> Locator:
    return page.get_by_role("group", name=title, exact=True)


def figures(page: Page, title: str, line: str) -> Locator:
    return chart(page, title).get_by_role("row").filter(has_text=line)


def test_dead_letters_show_in_their_chart_with_the_finding_on_its_time_axis(
    dashboard: DashboardUnderTest, shop: Shop, browsing: Browsing
) -> None:
    shop.order()
    page = browsing.open(dashboard.url("queues", QUEUE))
    expect(figures(page, "Dead letters", "In the dead-letter queue")).to_be_visible()
    page.evaluate("window.stayed = true")
    before = shop.plain.depth(DEAD)

    shop.order("XX")
    shop.wait_dead(before + 1)

    dead = chart(page, "Dead letters")
    expect(figures(page, "Dead letters", "In the dead-letter queue").get_by_role("cell").first).to_have_text(
        str(before + 1)
    )
    expect(dead.locator("svg text", has_text="dead letters growing")).to_be_visible()
    expect(dead.get_by_role("list", name="Marked in this chart")).to_contain_text("dead letters growing")
    expect(page.get_by_role("heading", name="What is wrong")).to_be_visible()
    expect(page.get_by_text("warren inspect billing.invoices.dead --group")).to_be_visible()
    assert page.evaluate("window.stayed")


def test_what_charts_show_is_there_as_tables_as_far_back_as_is_chosen(
    dashboard: DashboardUnderTest, shop: Shop, browsing: Browsing
) -> None:
    page = browsing.open(dashboard.url("queues", QUEUE))
    for title, line in (
        ("Queue depth", "Ready"),
        ("Messages per second", "Acknowledged"),
        ("Unacked messages", "Unacked"),
        ("Unacked messages", "Prefetch in use"),
        ("Redelivery rate", "Deliveries that were not the first"),
    ):
        expect(figures(page, title, line)).to_be_visible()
    expect(chart(page, "Oldest in flight")).to_be_hidden()  # nobody named the workers' metrics

    spans = page.get_by_role("group", name="How far back")
    chosen, first = spans.get_by_role("button", name="5 min", exact=True), spans.get_by_role("button", name="15 min")
    expect(first).to_have_attribute("aria-pressed", "true")
    chosen.press("Enter")
    expect(chosen).to_have_attribute("aria-pressed", "true")
    expect(first).to_have_attribute("aria-pressed", "false")
    expect(chosen).to_be_focused()

    consumer = page.get_by_role("row").filter(has_text=f"{QUEUE}.1")
    for told in ("shop consume", "by hand", "Active"):
        expect(consumer).to_contain_text(told)


def test_the_picture_leads_to_the_queues_it_shows_and_follows_their_depths(
    dashboard: DashboardUnderTest, shop: Shop, browsing: Browsing
) -> None:
    page = browsing.open(dashboard.url("queues", QUEUE))
    picture = page.get_by_role("group", name=f"Topology of {QUEUE}")
    for name in ("orders", "orders.created", "billing.invoices.retry.200ms", DEAD):
        expect(picture.locator("text.name", has_text=name).first).to_be_visible()
    picture.get_by_role("link", name=DEAD).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(DEAD)
    expect(page.get_by_text("The dead-letter queue of")).to_be_visible()
    page.set_viewport_size({"width": NARROW.width, "height": NARROW.height})
    depth = shop.broker.api("GET", f"queues/{{vhost}}/{DEAD}")["messages"]  # with what a look holds
    picture = page.get_by_role("group", name=f"Topology of {DEAD}")
    expect(picture.get_by_text(f"{depth} ready", exact=True)).to_be_visible()
    shop.order("XX")
    expect(picture.get_by_text(f"{depth + 1} ready", exact=True)).to_be_visible()
    assert not sideways(page)
    picture.get_by_role("link", name=QUEUE, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(QUEUE)


def test_a_queue_that_is_not_there_is_told_and_shown_once_it_is(shop: Shop, browsing: Browsing) -> None:
    with dashboard_running(shop.folder, broker=shop.url, target=None) as dashboard:
        page = browsing.open(dashboard.url("queues", ODD))
        expect(page.get_by_text("There is no such queue")).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_have_text(ODD)
        expect(page.get_by_role("group", name="Queue depth")).to_be_hidden()

        shop.plain.declare(ODD)
        shop.plain.publish("", ODD, b"{}")

        expect(figures(page, "Queue depth", "Ready").get_by_role("cell").first).to_have_text("1")
        expect(page.get_by_role("group", name=f"Topology of {ODD}")).to_contain_text("(default exchange)")
        expect(page.get_by_text("Nobody consumes this queue")).to_be_visible()
        assert page.locator("img").count() == 0
        assert not violations(page)
        shop.plain.channel.queue_delete(ODD)
        expect(page.get_by_text("There is no such queue")).to_be_visible()


def test_without_a_management_api_the_application_says_what_leads_to_a_queue(shop: Shop, browsing: Browsing) -> None:
    with dashboard_running(shop.folder, broker=shop.broker.url) as dashboard:
        page = browsing.open(dashboard.url("queues", QUEUE), theme=DARK)
        expect(page.get_by_text("as the application declares it", exact=True)).to_be_visible()
        expect(page.get_by_text("Consumers are not known")).to_be_visible()
        expect(figures(page, "Queue depth", "Ready")).to_be_visible()
        assert not violations(page)
