"""Time limits of handlers: what they count, and what becomes of a handler that ends late."""

from __future__ import annotations

import asyncio
import threading

import pytest
import sqlalchemy
import sqlalchemy.orm

from tests.support import wait_until
from tests.support.consuming import Consuming, InboxDouble, OrderCreated
from warren import Retry
from warren.errors import StoreUnavailable
from warren.observability import events
from warren.worker import pools


def test_waiting_for_the_store_is_not_counted_as_the_handlers_time() -> None:
    store = InboxDouble()
    store.errors = [StoreUnavailable("no route")] * 4
    handled: list[int] = []

    def handle(order: OrderCreated, connection: sqlalchemy.Connection) -> None:
        handled.append(order.order_id)

    consuming = Consuming(handle, store=store, time_limit="20ms", concurrency=1)
    consuming.deliver(1)

    consuming.wait_in_flight(0)
    assert store.tries == 5
    assert handled == [1]
    assert consuming.acked() == [(1, False)]
    assert not consuming.connection.of(events.TimeLimitExceeded)
    assert consuming.late == []
    consuming.close()


def test_a_handler_that_ends_after_its_time_was_up_settles_nothing_more() -> None:
    store, may_end = InboxDouble(), threading.Event()

    def handle(_order: OrderCreated, connection: sqlalchemy.Connection) -> None:
        may_end.wait(20.0)

    consuming = Consuming(handle, store=store, time_limit="50ms", retry=Retry("10s"))
    consuming.deliver(1)
    consuming.wait_copied(1)
    assert len(consuming.late) == 1

    may_end.set()
    wait_until(lambda: store.committed == ["m-1"], message="its own writes are committed all the same")
    consuming.broker.ack(consuming.copies, 1)

    consuming.wait_in_flight(0)
    assert consuming.acked() == [(1, False)]
    assert consuming.copied() == ["billing.invoices.retry.10s"]
    consuming.close()
    assert consuming.runtime.in_flight == 0


def test_a_late_handler_whose_commit_fails_is_not_run_once_more() -> None:
    store, may_end = InboxDouble(), threading.Event()
    store.commit_errors = [StoreUnavailable("lost")]
    runs: list[int] = []

    def handle(order: OrderCreated, connection: sqlalchemy.Connection) -> None:
        runs.append(order.order_id)
        may_end.wait(20.0)

    consuming = Consuming(handle, store=store, time_limit="50ms", retry=Retry("10s"), concurrency=1)
    consuming.deliver(1)
    consuming.wait_copied(1)
    may_end.set()
    wait_until(lambda: not store.commit_errors)
    consuming.broker.ack(consuming.copies, 1)
    consuming.deliver(2, first_tag=2)  # the thread is free again

    consuming.wait_in_flight(0)
    assert runs == [1, 2]
    consuming.close()


def test_an_async_handler_that_blocks_its_loop_has_the_process_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "CANCELLING", 0.05)
    may_end = threading.Event()

    async def handle(_order: OrderCreated) -> None:
        may_end.wait(20.0)  # as a call does that is not awaited: nothing on the loop can cancel it

    consuming = Consuming(handle, time_limit="50ms", retry=Retry("10s"))
    consuming.deliver(1)
    consuming.wait_copied(1)

    consuming.broker.ack(consuming.copies, 1)
    consuming.wait_in_flight(0)
    assert consuming.acked() == [(1, False)]
    assert len(consuming.late) == 1
    may_end.set()
    consuming.close()
    assert consuming.copied() == ["billing.invoices.retry.10s"]


def test_an_async_handler_that_ends_when_it_is_cancelled_is_not_late() -> None:
    async def handle(_order: OrderCreated) -> None:
        await asyncio.Event().wait()

    consuming = Consuming(handle, time_limit="50ms", retry=Retry("10s"))
    consuming.deliver(1)
    consuming.wait_copied(1)

    assert consuming.late == []
    assert len(consuming.connection.of(events.TimeLimitExceeded)) == 1
    consuming.close()
