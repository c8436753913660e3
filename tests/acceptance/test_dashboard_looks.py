"""Every page and state of the dashboard, light and dark, wide and narrow: without a serious violation of accessibility
and without scrolling sideways; and the pictures of them in docs/assets/dashboard.

Not here: what can be done with the pages (test_dashboard_flows.py). With WARREN_SCREENSHOTS=1 (`make screenshots`) the
pictures of the documentation are written; otherwise into a folder of the test's own. On the embedded broker alone: a
page does not know what it talks to.
"""

from __future__ import annotations

import os
import signal
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.broker import BrokerUnderTest, management_call
from tests.support.browser import DARK, LIGHT, NARROW, WIDE, Browsing, picture, sideways, violations
from tests.support.dashboards import (
    DEAD,
    QUEUE,
    DashboardUnderTest,
    Shop,
    dashboard_running,
    orders_arriving,
    shop_open,
)
from tests.support.embedded_node import EmbeddedNode
from tests.support.markdown import ROOT, links

PICTURES = ROOT / "docs" / "assets" / "dashboard"
VIEWS = (
    "overview",
    "queue",
    "dead-letters",
    "failures",
    "failure",
    "message",
    "message-binary",
    "message-gone",
    "replay",
    "replay-counted",
    "replaying",
    "replayed",
    "edit",
    "edit-refused",
    "discard",
    "audit",
    "types",
    "type",
    "keys",
    "loading",
    "overview-empty",
    "dead-letters-empty",
    "types-without-application",
    "read-only",
    "refused",
    "broker-down",
    "dashboard-gone",
    "not-found",
    "login",
    "login-refused",
)


@dataclass(frozen=True, slots=True)
class Album:
    """Where the pictures go."""

    folder: Path

    def look(self, page: Page, view: str) -> None:
        """Keep four pictures of a page as it stands, and hold it to what every page keeps."""
        assert view in VIEWS, "name it, so that the tour shows it"
        found = []
        for theme in (LIGHT, DARK):
            page.emulate_media(color_scheme="dark" if theme == DARK else "light")
            expect(page.locator("html")).to_have_attribute("data-theme", theme)
            for window in (WIDE, NARROW):
                page.set_viewport_size({"width": window.width, "height": window.height})
                place = f"{view}-{window.name}-{theme}"
                picture(page, self.folder / f"{place}.webp")
                found += [f"{place}: {one}" for one in sideways(page)]
                if (theme, window) in ((LIGHT, WIDE), (DARK, NARROW)):  # it takes as long as all the rest
                    found += [f"{place}: {one}" for one in violations(page)]
        assert not found, "\n".join(found)


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Album:
    if os.environ.get("WARREN_SCREENSHOTS") != "1":
        return Album(tmp_path_factory.mktemp("pictures"))
    PICTURES.mkdir(parents=True, exist_ok=True)
    return Album(PICTURES)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedNode]:
    node = EmbeddedNode(tmp_path_factory.mktemp("node"), statistics_interval=1.0)
    node.start()
    yield node
    node.kill()


@contextmanager
def virtual_host(node: EmbeddedNode) -> Iterator[str]:
    """A virtual host with nothing in it, as the URL of a broker."""
    name = f"empty-{uuid.uuid4().hex[:8]}"
    management_call(node.management_port, "PUT", f"vhosts/{name}")
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    management_call(node.management_port, "PUT", f"permissions/{name}/guest", everything)
    yield f"amqp://guest:guest@127.0.0.1:{node.port}/{name}?management={node.management_url}"
    management_call(node.management_port, "DELETE", f"vhosts/{name}")


@pytest.fixture(scope="module")
def broker(node: EmbeddedNode) -> BrokerUnderTest:
    return BrokerUnderTest(
        name="embedded",
        version=node.version,
        vhost="/",
        url=node.url,
        management_url=node.management_url,
        node=node,
    )


@pytest.fixture(scope="module")
def shop(broker: BrokerUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with shop_open(tmp_path_factory.mktemp("looks"), broker) as shop, orders_arriving(shop):
        yield shop


@pytest.fixture(scope="module")
def dashboard(shop: Shop) -> Iterator[DashboardUnderTest]:
    """A dashboard of a shop with dead letters of four failures; one order has HTML in it."""
    with dashboard_running(shop.folder, "--allow-changes", "--window", "10m", broker=shop.url) as running:
        for number in range(12):
            shop.order("XX" if number % 3 else "YY", note="as soon as you can")
        shop.order("DE", quantity=-2)
        shop.order("XX", note="<script>alert(1)</script><b>bold</b>")
        shop.publish(b"\x89PNG\r\n\x1a\nnot JSON", message_id="picture")
        shop.wait_dead(15)
        yield running


@pytest.fixture
def read_only(shop: Shop, dashboard: DashboardUnderTest) -> Iterator[DashboardUnderTest]:
    """It ends with its test: its watch would hold messages that others count."""
    with dashboard_running(shop.folder, broker=shop.url) as running:
        yield running


# -- pages --------------------------------------------------------------------------------


def test_the_overview(dashboard: DashboardUnderTest, browsing: Browsing, album: Album) -> None:
    page = browsing.open(dashboard.url())
    expect(page.get_by_role("row").filter(has_text=QUEUE)).to_contain_text("15")
    album.look(page, "overview")


def test_a_queue(dashboard: DashboardUnderTest, browsing: Browsing, album: Album) -> None:
    page = browsing.open(dashboard.url("queues", QUEUE))
    expect(page.get_by_role("heading", name="Topology")).to_be_visible()
    expect(page.get_by_role("rowheader", name=f"{QUEUE}.1")).to_be_visible()
    album.look(page, "queue")


def test_dead_letters(dashboard: DashboardUnderTest, browsing: Browsing, album: Album) -> None:
    page = browsing.open(dashboard.url("dead-letters"))
    page.get_by_role("main").get_by_role("link", name=DEAD, exact=True).wait_for()
    album.look(page, "dead-letters")

    page.get_by_role("main").get_by_role("link", name=DEAD, exact=True).click()
    expect(page.get_by_role("heading", name="4 failures")).to_be_visible()
    album.look(page, "failures")

    page.get_by_role("link", name="UnknownCountry").click()
    tick = page.get_by_role("row").filter(has_text="order-").get_by_role("checkbox")
    tick.nth(0).check()
    tick.nth(1).check()
    expect(page.get_by_role("region", name="Actions")).to_contain_text("2 messages")
    album.look(page, "failure")


def test_a_message(dashboard: DashboardUnderTest, browsing: Browsing, album: Album) -> None:
    page = message_opened(dashboard, browsing, "TimeoutError")
    album.look(page, "message")

    page.get_by_role("navigation", name="The way here").get_by_role("link", name=DEAD).click()
    page.get_by_role("link", name="Undecodable").click()
    page.get_by_role("link", name="picture").click()
    fold_stack(page)
    album.look(page, "message-binary")


def message_opened(dashboard: DashboardUnderTest, browsing: Browsing, failure: str) -> Page:
    """The first message of a failure."""
    page = browsing.open(dashboard.url("dead-letters", DEAD))
    page.get_by_role("link", name=failure).click()
    page.get_by_role("row").get_by_role("link", name="order-").first.click()
    fold_stack(page)
    return page


def fold_stack(page: Page) -> None:
    """Its paths are those of the machine that makes the pictures."""
    expect(page.get_by_role("region", name="The body")).to_be_visible()
    page.get_by_text("Stack", exact=True).click()
    expect(page.get_by_role("region", name="the stack")).to_have_count(0)


def test_what_may_be_done_with_a_message(dashboard: DashboardUnderTest, browsing: Browsing, album: Album) -> None:
    page = message_opened(dashboard, browsing, "InvalidPayload")
    page.get_by_role("button", name="Edit and replay").click()
    body = page.get_by_label("Body", exact=True)
    body.wait_for()
    album.look(page, "edit")

    body.fill(body.input_value().replace("-2", "0"))
    page.get_by_role("button", name="Send the edited message back").click()
    expect(page.get_by_role("alert")).to_contain_text("quantity")
    album.look(page, "edit-refused")

    page.get_by_role("button", name="Do nothing").click()
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_label("Why")).to_be_visible()
    album.look(page, "discard")


def test_what_may_be_done_in_a_dashboard_that_is_read_only(
    read_only: DashboardUnderTest, browsing: Browsing, album: Album
) -> None:
    page = message_opened(read_only, browsing, "UnknownCountry")
    expect(page.get_by_text("this dashboard is read-only")).to_be_visible()
    album.look(page, "read-only")


def test_message_types(dashboard: DashboardUnderTest, browsing: Browsing, album: Album) -> None:
    page = browsing.open(dashboard.url("types"))
    page.get_by_role("link", name="orders.created", exact=True).wait_for()
    album.look(page, "types")

    page.get_by_role("link", name="orders.created", exact=True).click()
    expect(
        page.get_by_role("cell", name="quantity").or_(page.get_by_role("rowheader", name="quantity"))
    ).to_be_visible()
    album.look(page, "type")


def test_an_address_that_leads_nowhere(dashboard: DashboardUnderTest, browsing: Browsing, album: Album) -> None:
    page = browsing.open(dashboard.url("no", "such", "page"))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    album.look(page, "not-found")
    browsing.complaints.clear()  # the browser's own note of the 404


def test_the_way_to_a_message_and_what_may_be_done_with_it_takes_no_mouse(
    dashboard: DashboardUnderTest, browsing: Browsing
) -> None:
    page = browsing.open(dashboard.url())
    expect(page.get_by_role("link", name=QUEUE, exact=True)).to_be_visible()
    tab_to(page, page.get_by_role("link", name="Skip to the content"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()

    page.keyboard.press("g")
    page.keyboard.press("d")
    title = page.get_by_role("heading", level=1)
    expect(title).to_have_text("Dead letters")
    enter_first_row(page, page.get_by_role("link", name=DEAD, exact=True))
    expect(title).to_have_text(DEAD)
    enter_first_row(page, page.get_by_role("link", name="UnknownCountry@"))
    expect(title).to_contain_text("UnknownCountry@")
    enter_first_row(page, page.get_by_role("link", name="order-").first)

    for button in ("Replay", "Edit and replay", "Discard"):
        pressed = page.get_by_role("button", name=button, exact=True)
        tab_to(page, pressed)
        page.keyboard.press("Enter")
        expect(page.get_by_role("form", name=button).get_by_role("heading")).to_be_focused()
        tab_to(page, page.get_by_label("Why"), most=5)
        page.keyboard.type("no order of ours")
        tab_to(page, page.get_by_role("button", name="Do nothing"), most=3)
        page.keyboard.press("Enter")
        expect(pressed).to_be_focused()


def enter_first_row(page: Page, link: Locator) -> None:
    expect(link).to_be_visible()
    page.keyboard.press("j")
    expect(link).to_be_focused()
    page.keyboard.press("Enter")


def tab_to(page: Page, wanted: Locator, *, most: int = 60) -> None:
    """Go there with the tab key, and see at every stop where one is."""
    expect(wanted).to_be_visible()
    for _ in range(most):
        page.keyboard.press("Tab")
        unseen = page.evaluate(_WITHOUT_SIGN_OF_FOCUS)
        assert not unseen, f"nobody sees that this has the focus: {unseen}"
        if wanted.evaluate("(one) => one === document.activeElement"):
            return
    pytest.fail(f"{most} tabs do not lead to {wanted}")


_WITHOUT_SIGN_OF_FOCUS = """() => {
  const one = document.activeElement, style = getComputedStyle(one);
  const isSeen = (style.outlineStyle !== "none" && style.outlineWidth !== "0px") || style.boxShadow !== "none";
  return one === document.body || isSeen ? "" : one.outerHTML.slice(0, 200);
}"""


def test_a_replay_while_it_runs_and_afterwards(
    dashboard: DashboardUnderTest, shop: Shop, browsing: Browsing, album: Album
) -> None:
    there = message_opened(dashboard, browsing, "UnknownCountry")
    page = browsing.open(dashboard.url("dead-letters", DEAD))
    page.get_by_role("link", name="UnknownCountry").click()
    shop.fix()
    page.get_by_role("button", name="Replay").click()
    page.get_by_label("Canary", exact=True).fill("1")
    page.get_by_label("Messages a second").fill("0.1")
    page.get_by_label("Why").fill("the rates are known again")
    album.look(page, "replay")

    page.get_by_role("button", name="Count them first").click()
    page.get_by_role("button", name="Send 9 messages back").wait_for()
    album.look(page, "replay-counted")

    expect(page.get_by_role("heading", name="Send 9 messages back?")).to_be_focused()
    page.get_by_role("button", name="Send 9 messages back").focus()
    page.keyboard.press("Enter")
    running = page.get_by_role("article", name="Replay by").first
    expect(running).to_be_focused()
    expect(running).to_contain_text("Running")
    expect(running).to_contain_text("1 of 9")
    expect(running).to_contain_text("1 message sent back")
    album.look(page, "replaying")

    running.get_by_role("button", name="Cancel").click()
    expect(running).to_contain_text("Cancelled")
    page.get_by_role("button", name="Replay").click()
    page.get_by_role("button", name="Count them first").click()
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("article", name="Replay by").first).to_contain_text("Done")
    expect(page.get_by_text("No such dead letters")).to_be_visible()
    album.look(page, "replayed")

    expect(there.get_by_text("gone meanwhile")).to_be_visible()
    album.look(there, "message-gone")

    page.get_by_role("link", name="Audit log").click()
    page.get_by_role("row").filter(has_text="the rates are known again").first.wait_for()
    album.look(page, "audit")


# -- states -------------------------------------------------------------------------------


def test_the_list_of_keys(dashboard: DashboardUnderTest, browsing: Browsing, album: Album) -> None:
    page = browsing.open(dashboard.url())
    expect(page.get_by_role("link", name=QUEUE).first).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    album.look(page, "keys")


def test_before_the_first_answer(browsing: Browsing, album: Album, tmp_path: Path) -> None:
    """Of a broker that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent_url = f"amqp://127.0.0.1:{silent.getsockname()[1]}"
        with dashboard_running(tmp_path, "--timeout", "60s", target=None, broker=silent_url) as dashboard:
            page = browsing.open(dashboard.url())
            expect(page.get_by_text("Waiting for")).to_be_visible()
            album.look(page, "loading")


def test_a_broker_without_queues(node: EmbeddedNode, browsing: Browsing, album: Album, tmp_path: Path) -> None:
    with virtual_host(node) as url, dashboard_running(tmp_path, target=None, broker=url) as dashboard:
        page = browsing.open(dashboard.url())
        expect(page.get_by_text("There are no queues here yet")).to_be_visible()
        album.look(page, "overview-empty")
        page.goto(dashboard.url("dead-letters"))
        expect(page.get_by_text("No dead letters")).to_be_visible()
        album.look(page, "dead-letters-empty")
        page.goto(dashboard.url("types"))
        expect(page.get_by_role("heading", name="Message types")).to_be_visible()
        album.look(page, "types-without-application")


def test_a_broker_that_refuses(node: EmbeddedNode, browsing: Browsing, album: Album, tmp_path: Path) -> None:
    """A login that may use the broker, and not its management API."""
    management_call(node.management_port, "PUT", "users/only-amqp", {"password": "only-amqp", "tags": ""})
    refused = f"amqp://only-amqp:only-amqp@127.0.0.1:{node.port}/%2F?management=http://127.0.0.1:{node.management_port}"
    with dashboard_running(tmp_path, target=None, broker=refused) as dashboard:
        page = browsing.open(dashboard.url())
        expect(page.get_by_role("alert").filter(has_text="refuses")).to_be_visible()
        album.look(page, "refused")


def test_a_broker_that_is_gone(browsing: Browsing, album: Album, tmp_path: Path) -> None:
    node = EmbeddedNode(tmp_path / "node", statistics_interval=1.0)
    node.start()
    try:
        url = f"{node.url}?management={node.management_url}"
        management_call(node.management_port, "PUT", "queues/%2F/orders", {"durable": True})
        with dashboard_running(tmp_path, target=None, broker=url) as dashboard:
            page = browsing.open(dashboard.url())
            expect(page.get_by_role("link", name="orders")).to_be_visible()
            node.kill()
            expect(page.get_by_role("alert").filter(has_text="does not answer")).to_be_visible()
            album.look(page, "broker-down")
    finally:
        node.kill()


def test_logging_in(node: EmbeddedNode, browsing: Browsing, album: Album, tmp_path: Path) -> None:
    with virtual_host(node) as url:
        secret = {"WARREN_DASHBOARD_PASSWORD": "carrots"}
        with dashboard_running(tmp_path, target=None, broker=url, **secret) as dashboard:
            page = browsing.open(dashboard.url("dead-letters"))
            expect(page.get_by_role("heading", name="Warren")).to_be_visible()
            album.look(page, "login")

            page.get_by_label("User").fill("warren")
            page.get_by_label("Password").fill("turnips")
            page.get_by_role("button", name="Log in").click()
            expect(page.get_by_role("alert")).to_be_visible()
            album.look(page, "login-refused")
            assert all("401" in one for one in browsing.complaints)  # as the browser notes
            browsing.complaints.clear()

            page.get_by_label("User").fill("warren")
            page.get_by_label("Password").fill("carrots")
            page.get_by_role("button", name="Log in").click()
            expect(page.get_by_role("heading", name="Dead letters")).to_be_visible()

            page.get_by_role("button", name="Log out").click()
            expect(page.get_by_role("button", name="Log in")).to_be_visible()


def test_a_dashboard_that_ends_is_not_held_up_by_a_page(
    node: EmbeddedNode, browsing: Browsing, album: Album, tmp_path: Path
) -> None:
    with virtual_host(node) as url, dashboard_running(tmp_path, target=None, broker=url) as dashboard:
        page = browsing.open(dashboard.url())
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()

        dashboard.running.signal(signal.SIGTERM)

        assert dashboard.running.finish(timeout=20.0) == 0
        expect(page.get_by_text("The dashboard does not answer")).to_be_visible()
        album.look(page, "dashboard-gone")


# -- the documentation --------------------------------------------------------------------


def test_the_tour_shows_every_picture_there_is() -> None:
    made = {
        f"{view}-{window.name}-{theme}.webp" for view in VIEWS for window in (WIDE, NARROW) for theme in (LIGHT, DARK)
    }
    assert {path.name for path in PICTURES.iterdir()} == made, "`make screenshots` makes them anew"
    tour = ROOT / "docs" / "dashboard-tour.md"
    assert {tour.parent / target for _, target in links(tour) if target.endswith(".webp")} == set(PICTURES.iterdir())


# -- the checks themselves ----------------------------------------------------------------


def test_the_checks_see_what_they_are_for(browsing: Browsing) -> None:
    page = browsing.open("about:blank", window=NARROW)
    page.set_content(
        "<html lang=en><title>t</title><main><h1 style='color:#ccc;background:#fff'>faint</h1><img src='data:,'>"
        "<p style='width:900px'>wide</p></main>"
    )
    assert [one.partition(" ")[0] for one in violations(page)] == ["color-contrast", "image-alt"]
    assert sideways(page)
