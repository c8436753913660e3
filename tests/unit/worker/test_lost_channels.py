"""Deliveries whose channel is gone: the broker redelivers them, so what is not begun is not begun any more."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tests.support.consuming import Consuming, OrderCreated
from warren import Retry
from warren.reliability.stores.memory import MemoryStore


@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async def"])
def test_what_was_not_begun_when_the_connection_was_lost_runs_once_and_not_twice(is_async: bool) -> None:
    handled: list[int] = []
    begun, may_end = threading.Semaphore(0), threading.Event()

    def handle(order: OrderCreated) -> None:
        handled.append(order.order_id)
        begun.release()
        may_end.wait(20.0)

    async def handle_async(order: OrderCreated) -> None:
        handled.append(order.order_id)
        begun.release()
        await asyncio.to_thread(may_end.wait, 20.0)

    handler: Any = handle_async if is_async else handle
    consuming = Consuming(handler, concurrency=1)
    consuming.deliver(1, 2, 3)
    assert begun.acquire(timeout=10.0)
    for _ in range(3):
        consuming.reconnect()
        consuming.deliver(1, 2, 3)
    assert consuming.runtime.in_flight == 12

    may_end.set()

    consuming.wait_in_flight(0)
    # The first was running when its channel was lost.
    assert handled == [1, 1, 2, 3]
    assert max(consuming.acked())[0] == 3
    consuming.close()


def test_claims_of_what_was_not_begun_are_given_back_when_the_connection_was_lost() -> None:
    store = MemoryStore()
    handled: list[int] = []
    begun, may_end = threading.Event(), threading.Event()

    def handle(order: OrderCreated) -> None:
        handled.append(order.order_id)
        begun.set()
        may_end.wait(20.0)

    consuming = Consuming(handle, concurrency=1, idempotent=True, store=store, retry=Retry("10s"))
    consuming.deliver(1, 2)
    assert begun.wait(10.0)
    consuming.reconnect()
    may_end.set()
    consuming.wait_in_flight(0)

    consuming.deliver(1, 2)

    consuming.wait_in_flight(0)
    assert handled == [1, 2]
    assert consuming.copied() == []
    consuming.close()
