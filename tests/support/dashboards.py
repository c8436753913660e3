"""A dashboard in a process of its own, as a user starts it, and the shop it looks at: its orders, its worker.

Not here: the browser (`browser.py`).
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from tests.support.broker import BrokerUnderTest
from tests.support.cli import RunningCli, cli, running_cli, url_with_management
from tests.support.markdown import ROOT
from tests.support.plain import PlainPika
from tests.support.waiting import wait_until
from warren.integrations.loopback_ports import free_port

__all__ = ["DEAD", "QUEUE", "SECRET", "DashboardUnderTest", "Shop", "dashboard_running", "orders_arriving", "shop_open"]

SHOP = ROOT / "tests" / "acceptance" / "dashboard_shop.py"
QUEUE, DEAD = "billing.invoices", "billing.invoices.dead"
SECRET = "4111-1111"  # of each order; its contract hides it
OFTEN = ("--interval", "500ms", "--window", "4s")


@dataclass(frozen=True, slots=True)
class DashboardUnderTest:
    """A dashboard that answers."""

    running: RunningCli
    base: str

    def url(self, *steps: str, **query: str) -> str:
        """Return the address of a page."""
        asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        return "/".join([self.base, *(quote(step, safe="") for step in steps)]) + (f"?{asked}" if asked else "")


@contextmanager
def dashboard_running(
    folder: Path, *options: str, broker: str, target: str | None = "shop:app", **variables: str
) -> Iterator[DashboardUnderTest]:
    """Run `warren dashboard` until the block ends."""
    port = free_port()
    given = [*([target] if target else []), "--port", str(port), *OFTEN, *options]
    with running_cli("dashboard", *given, cwd=folder, broker=broker, env=variables) as running:
        base = f"http://127.0.0.1:{port}"

        def answers() -> bool:
            assert running.process.poll() is None, "".join(running.stderr)
            try:
                return httpx.get(f"{base}/healthz", trust_env=False).is_success
            except httpx.TransportError:
                return False

        running.wait(answers, "the dashboard answers")
        try:
            yield DashboardUnderTest(running, base)
        except Exception as failed:
            failed.add_note(f"the dashboard wrote:\n{''.join(running.stderr)[-5_000:]}")
            raise


@dataclass(slots=True)
class Shop:
    """The shop on a broker: orders go in, a worker handles them, and what it cannot handle is dead."""

    folder: Path
    broker: BrokerUnderTest
    plain: PlainPika
    _numbers: Iterator[int] = field(default_factory=lambda: count(4821))

    @property
    def url(self) -> str:
        return url_with_management(self.broker)

    def order(self, country: str = "DE", **fields: Any) -> int:
        """Publish an order as somebody does who knows nothing of Warren; return its number."""
        number = next(self._numbers)
        body = {"order_id": number, "country": country, "card": SECRET, **fields}
        self.publish(json.dumps(body).encode(), message_id=f"order-{number}")
        return number

    def publish(self, body: bytes, **properties: Any) -> None:
        """Publish any body as an order."""
        properties = {"content_type": "application/json", "type": "orders.created", "delivery_mode": 2, **properties}
        self.plain.publish("orders", "orders.created", body, **properties)

    def fix(self) -> None:
        """What the handler failed of is put right."""
        (self.folder / "fixed").touch()

    def connect_again(self) -> None:
        """Open the shop's own connection anew; the broker was away."""
        self.plain = _connected(self.broker)

    def wait_dead(self, number: int) -> None:
        self.plain.wait_depth(DEAD, number, timeout=30.0)

    def wait_handled(self) -> None:
        """Wait until nothing is dead and nothing waits to be handled."""
        self.wait_dead(0)
        self.plain.wait_depth(QUEUE, 0)


@contextmanager
def shop_open(folder: Path, broker: BrokerUnderTest, *, works: bool = True) -> Iterator[Shop]:
    """Open the shop in a folder called `shop`, which is in fingerprints, with a worker where it `works`."""
    folder /= "shop"
    folder.mkdir()
    shutil.copy(SHOP, folder / "shop.py")
    applied = cli("topology", "apply", "shop:app", cwd=folder, broker=url_with_management(broker))
    assert applied.returncode == 0, applied.stderr
    with ExitStack() as ends:
        shop = Shop(folder, broker, _connected(broker))
        ends.callback(lambda: shop.plain.__exit__())
        if works:
            worker = ends.enter_context(running_cli("run", "shop:app", cwd=folder, broker=shop.url))
            wait_until(
                lambda: shop.plain.channel.queue_declare(QUEUE, passive=True).method.consumer_count,
                message=lambda: f"the shop's worker consumes; it wrote {''.join(worker.stderr)}",
            )
        yield shop


def _connected(broker: BrokerUnderTest) -> PlainPika:
    return PlainPika(f"{broker.url}?heartbeat=0").__enter__()  # it is idle while a person looks


@contextmanager
def orders_arriving(shop: Shop) -> Iterator[None]:
    """Let people order all the time, so that rates are not 0."""
    ending = threading.Event()

    def order() -> None:
        with PlainPika(shop.broker.url) as plain:
            customer = Shop(shop.folder, shop.broker, plain, count(10_000))
            while not ending.wait(0.1):
                customer.order()

    thread = threading.Thread(target=order)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
