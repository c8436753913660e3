"""The stage that fetches bodies: what waits for it, what does not, and what becomes of a message meanwhile.

Not here: the claim check itself (tests/unit/claim_check), real brokers (tests/contract/test_claim_check.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.consuming import Consuming, OrderCreated
from tests.support.waiting import wait_until
from warren import ClaimCheck, Delivery, Message, Retry, Warren
from warren.claim_check.reference import REFERENCE_TYPE
from warren.clock import ManualClock, SystemClock
from warren.contracts.envelope import Outgoing
from warren.contracts.incoming import Incoming
from warren.contracts.properties import Properties
from warren.errors import BodyMissing
from warren.reliability.stores.memory import MemoryStore
from warren.transport.wire import decode_properties, encode_properties
from warren.worker.bodies import BodyStage
from warren.worker.job import Job


class Bodies:
    """A store in memory whose `get` may be held, and may fail as told."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.asked = 0
        self.errors: list[Exception] = []
        self.go = threading.Event()
        self.go.set()

    def put(self, key: str, body: bytes) -> None:
        self.kept[key] = body

    def get(self, key: str, size: int) -> bytes:
        self.asked += 1
        self.go.wait(30.0)
        if self.errors:
            raise self.errors.pop(0)
        return self.kept[key]


def deliver(
    consuming: Consuming, check: ClaimCheck, *orders: int, large: Callable[[int], bool], first_tag: int = 1
) -> None:
    """Deliver orders at once; those that are `large` by reference."""
    parts = []
    for tag, order_id in enumerate(orders, start=first_tag):
        properties = Properties(message_id=f"m-{order_id}", content_type="application/json")
        outgoing = Outgoing("", "", properties, b'{"order_id": %d}' % order_id, f"m-{order_id}", "orders.created")
        if large(order_id):
            outgoing = check.check_in(outgoing, now=1_795_428_900.0)
        parts.append(
            consuming.broker.delivery(
                consuming.deliveries, tag, body=outgoing.body, properties=encode_properties(outgoing.properties)
            )
        )
    consuming.broker.feed(b"".join(parts))


@contextmanager
def running(handler: Callable[..., Any], check: ClaimCheck, **options: Any) -> Iterator[Consuming]:
    consuming = Consuming(handler, claim_check=check, **options)
    try:
        yield consuming
    finally:
        consuming.close()


def odd(number: int) -> bool:
    return number % 2 == 1


def test_small_messages_go_on_while_large_ones_wait() -> None:
    bodies, handled = Bodies(), list[int]()
    bodies.go.clear()
    check = ClaimCheck(bodies)

    def handle(order: Message, delivery: Delivery) -> None:
        handled.append(int(delivery.message_id.removeprefix("m-")))

    with running(handle, check) as consuming:
        deliver(consuming, check, 1, 2, 3, 4, large=odd)
        consuming.wait_in_flight(2)
        assert sorted(handled) == [2, 4]
        bodies.go.set()
        consuming.wait_in_flight(0)
        assert sorted(handled) == [1, 2, 3, 4]


@pytest.mark.parametrize("idempotent", [False, True], ids=["plain", "idempotent"])
def test_where_messages_are_handled_one_at_a_time_none_is_overtaken(idempotent: bool) -> None:
    bodies, handled = Bodies(), list[int]()
    bodies.go.clear()
    check = ClaimCheck(bodies)

    def handle(order: Message, delivery: Delivery) -> None:
        handled.append(int(delivery.message_id.removeprefix("m-")))

    options = {"idempotent": True, "store": MemoryStore()} if idempotent else {}
    with running(handle, check, concurrency=1, **options) as consuming:
        deliver(consuming, check, *range(20), large=lambda number: number == 3)
        wait_until(lambda: bodies.asked == 1, message="the large one is asked for")
        deliver(consuming, check, *range(20, 30), large=lambda _: False)
        assert handled == [0, 1, 2][: len(handled)]
        bodies.go.set()
        consuming.wait_in_flight(0)
        assert handled == list(range(30))


def test_an_outage_charges_nothing_and_settles_nothing() -> None:
    bodies, attempts = Bodies(), list[int]()
    bodies.errors = [ConnectionError("down"), TimeoutError("down"), RuntimeError("down")]
    check = ClaimCheck(bodies)

    def handle(order: Message, delivery: Delivery) -> None:
        attempts.append(delivery.attempt)

    with running(handle, check, retry=Retry()) as consuming:
        deliver(consuming, check, 1, large=odd)
        consuming.wait_in_flight(0)
        assert consuming.copied() == []
        assert attempts == [1]
        assert bodies.asked == 4


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_body_the_store_refuses_for_a_minute_is_retried_and_the_others_are_handled(concurrency: int) -> None:
    clock, handled = ManualClock(), list[int]()

    class Refusing(Bodies):
        def get(self, key: str, size: int) -> bytes:
            if key in refused:
                clock.advance(20.0)
                raise PermissionError(key)
            return super().get(key, size)

    bodies = Refusing()
    check = ClaimCheck(bodies)
    refused: list[str] = []

    def handle(order: Message, delivery: Delivery) -> None:
        handled.append(int(delivery.message_id.removeprefix("m-")))

    with running(handle, check, clock=clock, concurrency=concurrency, retry=Retry("5s")) as consuming:
        held = check.check_in(Outgoing("", "", Properties(message_id="m-0"), b"{}", "m-0", ""), now=1_795_428_900.0)
        refused += bodies.kept
        consuming.broker.feed(
            consuming.broker.delivery(
                consuming.deliveries, 1, body=held.body, properties=encode_properties(held.properties)
            )
        )
        deliver(consuming, check, 1, 2, 3, large=lambda _: True, first_tag=2)
        consuming.wait_copied(1)
        consuming.wait_in_flight(1)  # until the copy is confirmed
        (copy,) = consuming.broker.publishes
        assert copy.routing_key == "billing.invoices.retry.5s"
        assert b'"claim_check"' in copy.body
        assert sorted(handled) == [1, 2, 3]
        assert 60.0 <= clock.monotonic() - 1_700_000_000.0 < 90.0


def test_a_missing_body_goes_through_the_retry_tier_with_its_reference() -> None:
    bodies = Bodies()
    bodies.errors = [BodyMissing("not here")]
    check = ClaimCheck(bodies)
    with running(lambda order: None, check, retry=Retry("5s")) as consuming:
        deliver(consuming, check, 1, large=odd)
        consuming.wait_copied(1)
        (copy,) = consuming.broker.publishes
        assert copy.routing_key == "billing.invoices.retry.5s"
        assert b'"claim_check"' in copy.body
        assert decode_properties(copy.properties, 0).content_type == REFERENCE_TYPE
        assert consuming.acked() == []  # until the copy is confirmed


def test_an_event_loop_is_not_blocked_by_a_store_that_hangs() -> None:
    bodies, handled = Bodies(), list[str]()
    bodies.go.clear()
    check = ClaimCheck(bodies)

    async def handle(order: Message, delivery: Delivery) -> None:
        handled.append(delivery.message_id)

    with running(handle, check) as consuming:
        deliver(consuming, check, 1, 2, large=odd)
        wait_until(lambda: handled == ["m-2"], message="the small one is handled")
        bodies.go.set()
        consuming.wait_in_flight(0)


def test_where_no_thread_can_be_started_a_message_is_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    handled: list[str] = []
    check = ClaimCheck(Bodies())

    def handle(order: Message, delivery: Delivery) -> None:
        handled.append(delivery.message_id)

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with running(handle, check, concurrency=1, retry=Retry("5s")) as consuming:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            deliver(consuming, check, 1, 2, large=odd)
        consuming.wait_copied(1)
        consuming.wait_in_flight(1)  # until the copy is confirmed
        assert handled == ["m-2"]


def test_what_waits_when_a_worker_stops_is_neither_handled_nor_acknowledged() -> None:
    bodies, handled = Bodies(), list[str]()
    bodies.go.clear()
    check = ClaimCheck(bodies)

    def handle(order: Message, delivery: Delivery) -> None:
        handled.append(delivery.message_id)

    with running(handle, check) as consuming:
        deliver(consuming, check, 1, large=odd)
        wait_until(lambda: bodies.asked == 1, message="the body is asked for")
        consuming.runtime.drop_unstarted()
        consuming.wait_in_flight(0)  # while the store hangs
        bodies.go.set()
        wait_until(lambda: not any("-bodies" in each.name for each in threading.enumerate()), message="it has answered")
        assert handled == []
        assert consuming.acked() == []


def test_a_delivery_of_a_lost_connection_is_not_asked_for_again_and_again() -> None:
    bodies = Bodies()
    bodies.go.clear()
    check = ClaimCheck(bodies)
    with running(lambda order: None, check, concurrency=1) as consuming:
        deliver(consuming, check, 1, 3, 5, large=odd)
        wait_until(lambda: bodies.asked == 1, message="the first body is asked for")
        consuming.reconnect()
        bodies.go.set()
        consuming.wait_in_flight(0)
        assert bodies.asked == 1
        assert consuming.acked() == []


def test_after_a_stop_nothing_is_passed_on_whenever_it_is_ready() -> None:
    bodies = Bodies()
    bodies.go.clear()
    check = ClaimCheck(bodies)
    passed_on: list[Job] = []
    dropped: list[Job] = []
    app = Warren("billing")
    app.consumer("orders", OrderCreated)(lambda order: None)
    (spec,) = app.consumers
    stage = BodyStage(
        spec, check, clock=SystemClock(), is_current=lambda _: True, pass_on=passed_on.extend, drop=dropped.extend
    )
    outgoing = check.check_in(Outgoing("", "", Properties(), b"{}", "m-1", ""), now=1_795_428_900.0)
    before, after = (Job(Incoming(outgoing.body, outgoing.properties, "", "", False, tag, 1, "tag")) for tag in (1, 2))
    stage.submit([before])
    wait_until(lambda: bodies.asked == 1, message="the body is asked for")
    stage.stop()
    assert dropped == [before]
    stage.submit([after])  # it was on its way
    bodies.go.set()
    wait_until(lambda: after in dropped, message="it is dropped")
    assert passed_on == []
