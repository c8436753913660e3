"""What a handler does besides returning: nothing it returns or raises loses a message, or a place to run the next."""

from __future__ import annotations

import asyncio
import functools
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from tests.support.consuming import Consuming, OrderCreated
from warren import HandlerSignatureError, Retry, Warren
from warren.observability import events
from warren.reliability.outcome import Outcome
from warren.reliability.stores.memory import MemoryStore
from warren.worker.job import Job
from warren.worker.settle import Settler

Consume = Callable[..., Consuming]
RETRIED = "billing.invoices.retry.10s"


@pytest.fixture
def consume() -> Iterator[Consume]:
    open_ones: list[Consuming] = []

    def start(handler: Callable[..., Any], **options: Any) -> Consuming:
        open_ones.append(Consuming(handler, retry=Retry("10s"), **options))
        return open_ones[-1]

    yield start
    for one in open_ones:
        one.close()


def confirm_copies(consuming: Consuming, count: int) -> None:
    consuming.wait_copied(count)
    consuming.broker.ack(consuming.copies, count, multiple=True)


# -- a handler that only returns what should have run -----------------------------------------------


async def later(_order: OrderCreated) -> None:
    raise AssertionError("never awaited")


def generate(_order: OrderCreated) -> Iterator[None]:
    yield


async def generate_later(_order: OrderCreated) -> AsyncIterator[None]:
    yield


def wrapped(function: Callable[..., Any]) -> Callable[[OrderCreated], Any]:
    """Hide what kind of function it is, as many decorators do."""

    def call(order: OrderCreated) -> Any:
        return function(order)

    return call


@pytest.mark.parametrize("function", [later, generate, generate_later], ids=lambda function: function.__name__)
def test_what_a_handler_returns_without_having_run_it_is_not_acknowledged(
    consume: Consume, function: Callable[..., Any]
) -> None:
    consuming = consume(wrapped(function))
    consuming.deliver(1)

    confirm_copies(consuming, 1)

    (retried,) = consuming.connection.of(events.Retried)
    assert "async def" in retried.error
    assert consuming.copied() == [RETRIED]


@pytest.mark.parametrize("function", [generate, generate_later], ids=lambda function: function.__name__)
def test_a_generator_is_no_handler(function: Callable[..., Any]) -> None:
    with pytest.raises(HandlerSignatureError, match="is a generator: calling it runs nothing"):
        Warren("billing").consumer("billing.invoices", OrderCreated)(function)


def test_an_object_with_an_async_call_is_an_async_handler(consume: Consume) -> None:
    handled: list[int] = []

    class Handler:
        async def __call__(self, order: OrderCreated) -> None:
            await asyncio.sleep(0)
            handled.append(order.order_id)

    for handler in (Handler(), functools.partial(Handler.__call__, Handler())):
        consuming = consume(handler)
        consuming.deliver(1)
        consuming.wait_in_flight(0)
        assert consuming.acked() == [(1, False)]
    assert handled == [1, 1]


# -- errors that are no `Exception` -----------------------------------------------------------------


async def raise_cancelled(_order: OrderCreated) -> None:
    task = asyncio.get_running_loop().create_task(asyncio.Event().wait())
    asyncio.get_running_loop().call_soon(task.cancel)
    await task


async def cancel_itself(_order: OrderCreated) -> None:
    for task in asyncio.all_tasks():
        task.cancel()
    await asyncio.Event().wait()


async def exit_in_a_task(_order: OrderCreated) -> None:
    async def leave() -> None:
        sys.exit(1)

    await asyncio.create_task(leave())


def raise_exit(_order: OrderCreated) -> None:
    sys.exit(1)


@pytest.mark.parametrize(
    "handler", [raise_cancelled, cancel_itself, exit_in_a_task, raise_exit], ids=lambda handler: handler.__name__
)
def test_a_handler_that_ends_itself_is_retried_and_the_next_ones_run(
    consume: Consume, handler: Callable[..., Any]
) -> None:
    consuming = consume(handler, concurrency=2)

    consuming.deliver(1, 2, 3)

    confirm_copies(consuming, 3)
    consuming.wait_in_flight(0)
    assert consuming.copied() == [RETRIED] * 3


def test_a_handler_that_cancels_itself_leaves_nothing_cancelled_behind(consume: Consume) -> None:
    left: list[int] = []

    async def handle(order: OrderCreated) -> None:
        task = asyncio.current_task()
        assert task is not None
        left.append(task.cancelling())
        if order.order_id == 1:
            await cancel_itself(order)

    consuming = consume(handle, concurrency=1)
    consuming.deliver(1)
    confirm_copies(consuming, 1)
    consuming.deliver(2, first_tag=2)

    consuming.wait_in_flight(0)
    assert left == [0, 0]


@pytest.mark.parametrize("is_stored", [False, True], ids=["", "stored"])
@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async"])
def test_an_idempotency_key_that_ends_the_thread_ends_nothing(
    consume: Consume, is_async: bool, is_stored: bool
) -> None:
    def leave(_order: OrderCreated) -> str:
        sys.exit(1)

    async def handle_async(_order: OrderCreated) -> None: ...

    def handle(_order: OrderCreated) -> None: ...

    consuming = consume(
        handle_async if is_async else handle,
        idempotent=leave,
        store=MemoryStore() if is_stored else None,
        concurrency=1,
    )

    consuming.deliver(1, 2, 3)

    confirm_copies(consuming, 3)
    consuming.wait_in_flight(0)


# -- a fault of ours ----------------------------------------------------------------------------------


@pytest.mark.parametrize("is_idempotent", [False, True], ids=["plain", "idempotent"])
@pytest.mark.parametrize("is_late", [False, True], ids=["in time", "late"])
def test_a_message_that_cannot_be_settled_costs_no_other_message_anything(
    consume: Consume, monkeypatch: pytest.MonkeyPatch, is_idempotent: bool, is_late: bool
) -> None:
    may_end = threading.Event()

    def handle(order: OrderCreated) -> None:
        if is_late and order.order_id in (1, 2):
            may_end.wait(20.0)

    consuming = consume(handle, idempotent=is_idempotent, store=MemoryStore(), concurrency=4, time_limit="50ms")
    settle = Settler.settle

    def settle_some(settler: Settler, job: Job, outcome: Outcome) -> None:
        if job.message_id in ("m-1", "m-2"):
            raise TypeError("a fault of Warren's")
        settle(settler, job, outcome)

    monkeypatch.setattr(Settler, "settle", settle_some)
    consuming.deliver(1)
    consuming.wait_in_flight(0)
    consuming.deliver(2, 3, first_tag=2)
    consuming.wait_in_flight(0)

    assert consuming.acked() == [(3, False)]
    may_end.set()
