"""The dashboard on 500 queues with 100,000 dead letters: pages stay small, the broker is asked once, memory is bounded.

Not here: how fast that is (`python -m bench.dashboard`).
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pika
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support import wait_until
from tests.support.broker import BrokerUnderTest
from tests.support.counting import counting_proxy
from tests.support.dashboards import DashboardUnderTest, dashboard_running
from tests.support.plain import PlainPika

QUEUES, DEAD = 500, 100_000
BUSY = "team0.orders0"  # half of the dead letters are its
INTERVAL, SAMPLES = 1.0, 6
LISTED = "/api/queues/%2F"  # for each sample, and for the topology every second interval
LARGEST_PAGE = 1_000_000  # bytes
MEMORY = 40  # MiB


@dataclass
class Crowded:
    """A broker with many queues, a dashboard of it, and what that has asked the management API for, by path."""

    dashboard: DashboardUnderTest
    asked: Counter[str]

    def memory(self) -> float:
        """Return the resident set of the dashboard in MiB."""
        pages = int(Path(f"/proc/{self.dashboard.running.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def samples(self) -> int:
        return self.asked["/api/overview"]


@pytest.fixture
def crowded(private_broker: Callable[..., BrokerUnderTest], tmp_path: Path) -> Iterator[Crowded]:
    broker, asked = private_broker(), Counter[str]()
    _fill(broker)
    with counting_proxy(broker.management_url, asked) as management:
        url = f"{broker.url}?management={quote(management, safe='')}"
        with dashboard_running(
            tmp_path, "--interval", f"{INTERVAL:g}s", "--window", "10s", broker=url, target=None
        ) as dashboard:
            yield Crowded(dashboard, asked)


def _fill(broker: BrokerUnderTest) -> None:
    names = [f"team{number % 20}.orders{number}" for number in range(QUEUES)]
    few = names[: QUEUES // 5]
    with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:  # without confirms: these are many
        channel = connection.channel()
        for name in names:
            target = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": f"{name}.dead"}
            channel.queue_declare(name, durable=True, arguments=target)
            channel.queue_declare(f"{name}.dead", durable=True)
        for number in range(DEAD):
            name = BUSY if number % 2 else few[number // 2 % len(few)]
            channel.basic_publish("", f"{name}.dead", b'{"id":%d}' % number)
    with PlainPika(broker.url) as plain:
        wait_until(lambda: sum(plain.depth(f"{name}.dead") for name in few) == DEAD, timeout=60.0, interval=0.5)


@contextmanager
def looking(browser: Browser, dashboard: DashboardUnderTest, *paths: str) -> Iterator[list[Page]]:
    """Open pages and look at them until the block ends. To the dashboard each is a browser of its own."""
    with browser.new_context() as context:
        pages = []
        for path in paths:
            pages.append(context.new_page())
            pages[-1].goto(dashboard.base + path, timeout=60_000)
            expect(pages[-1].get_by_role("heading", level=1)).to_be_visible()
        yield pages


@pytest.mark.timeout(400)
@pytest.mark.parametrize("broker_version", ["rabbitmq-4.0", "embedded"], indirect=True)
def test_ten_browsers_on_five_hundred_queues_cost_the_broker_no_more_than_one(
    crowded: Crowded, browser: Browser
) -> None:
    dashboard = crowded.dashboard
    with looking(browser, dashboard, "/") as (page,):
        expect(page.get_by_text("1–50 of 500 queues")).to_be_visible()
        expect(page.locator(".tile").filter(has_text="Dead letters")).to_contain_text("100,000")
        expect(page.get_by_role("row")).to_have_count(51)

    html = httpx.get(f"{dashboard.base}/", trust_env=False, headers={"accept-encoding": "identity"}, timeout=30.0)
    assert len(html.content) < LARGEST_PAGE

    overview, queue = ["/", "/?sort=dead", "/?filter=team1", "/?page=3", "/?only=findings"], f"/queues/{BUSY}"
    others = [queue, queue, "/dead-letters", f"/dead-letters/{BUSY}.dead", f"/dead-letters/{BUSY}.dead"]
    settled = []
    for _ in range(2):
        with looking(browser, dashboard, *overview, *others):
            began, before = time.monotonic(), Counter(crowded.asked)
            samples = crowded.samples()
            wait_until(lambda samples=samples: crowded.samples() >= samples + SAMPLES, timeout=60.0)
            asked = crowded.asked - before
            intervals = (time.monotonic() - began) / INTERVAL
            for path, count in asked.items():
                most = intervals * (1.5 if path == LISTED else 1) + 2  # one at either end
                assert count <= most, f"{path} was asked for {count} times in {intervals:.1f} intervals"
        settled.append(crowded.memory())
    assert settled[1] <= settled[0] + MEMORY, settled
