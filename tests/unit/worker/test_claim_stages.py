"""Idempotent consumers: what becomes of deliveries and claims when the store fails or the worker stops."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support import wait_until
from tests.support.consuming import Consuming, OrderCreated, StoreDouble
from warren.errors import ConfigurationError, StoreUnavailable
from warren.worker import claims

Consume = Callable[..., Consuming]


@pytest.fixture
def store() -> StoreDouble:
    return StoreDouble()


@pytest.fixture
def consume(store: StoreDouble) -> Iterator[Consume]:
    open_ones: list[Consuming] = []

    def start(handler: Callable[..., Any], **options: Any) -> Consuming:
        open_ones.append(Consuming(handler, store=store, idempotent=True, **options))
        return open_ones[-1]

    yield start
    for one in open_ones:
        one.close()


def ignore(_order: OrderCreated) -> None: ...


@pytest.mark.parametrize(
    "error",
    [StoreUnavailable("no route"), ConfigurationError("tables of a newer Warren"), ValueError("a fault of the store")],
    ids=lambda error: type(error).__name__,
)
def test_a_store_that_fails_holds_a_consumer_up_and_never_ends_it(
    consume: Consume, store: StoreDouble, error: Exception
) -> None:
    store.errors = [error, error]
    consuming = consume(ignore)

    consuming.deliver(1, 2)

    consuming.wait_in_flight(0)
    assert consuming.acked() == [(2, True)]


def test_what_waits_for_the_store_is_left_when_the_worker_stops(consume: Consume, store: StoreDouble) -> None:
    asked = threading.Event()
    store.before_claim = asked.set
    store.errors = [StoreUnavailable("no route")] * 1_000
    consuming = consume(ignore)
    consuming.deliver(1, 2, 3)
    assert asked.wait(10.0)
    consuming.deliver(4, first_tag=4)

    consuming.runtime.drop_unstarted()

    assert consuming.runtime.in_flight == 0
    assert consuming.acked() == []


def test_claims_that_come_after_the_worker_stopped_are_given_back(
    consume: Consume, store: StoreDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "PATIENCE", 0.05)
    asked, may_answer = threading.Event(), threading.Event()

    def answer_late() -> None:
        asked.set()
        may_answer.wait(20.0)

    store.before_claim = answer_late
    handled: list[int] = []
    consuming = consume(lambda order: handled.append(order.order_id))
    consuming.deliver(1, 2)
    assert asked.wait(10.0)

    consuming.runtime.drop_unstarted()
    may_answer.set()

    consuming.wait_in_flight(0)
    assert sorted(store.released) == ["m-1", "m-2"]
    assert handled == []
    assert consuming.acked() == []


def test_claims_of_what_no_handler_has_begun_are_given_back(consume: Consume, store: StoreDouble) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def handle(_order: OrderCreated) -> None:
        begun.set()
        may_end.wait(20.0)

    consuming = consume(handle, concurrency=1)
    consuming.deliver(1, 2, 3)
    assert begun.wait(10.0)
    wait_until(lambda: "3 keys" in repr(store), message="all are claimed")

    consuming.runtime.drop_unstarted()

    assert store.released == ["m-2", "m-3"]
    assert consuming.runtime.in_flight == 1
    may_end.set()
    consuming.wait_in_flight(0)
    assert consuming.acked() == [(1, False)]
