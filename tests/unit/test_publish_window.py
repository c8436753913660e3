"""The window of unconfirmed messages: who waits for a place gets it in time, or gets none and leaves none behind."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support import wait_until
from tests.support.scripted_broker import ScriptedBroker, ScriptedConnection
from warren import Blocked, ConfigurationError, Indeterminate, Message, PublishManyError, Warren
from warren.async_publishing import AsyncPublisher
from warren.clock import SystemClock
from warren.publish_core import PublishingCore
from warren.publishing import Publisher


class Parcel(Message, routing_key="parcels"):
    number: int


class Publishing:
    """A core with a small window on a scripted broker that confirms when told to."""

    def __init__(self, *, window: int = 1, timeout: float = 60.0) -> None:
        self.connection = ScriptedConnection()
        self.core = PublishingCore(
            self.connection,
            app_id="shop",
            clock=SystemClock(),
            window=window,
            timeout=timeout,
            max_body=1_000_000,
        )
        self.connection.attach(self.core.channel)
        self.broker: ScriptedBroker = self.connection.up()

    def sent(self) -> int:
        self.broker.run()
        return len(self.broker.publishes)

    async def until_sent(self, count: int) -> None:
        async with asyncio.timeout(10.0):
            while self.sent() < count:
                await asyncio.sleep(0.001)


def on_a_loop(body: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        await body()

    asyncio.run(run())


# -- from an event loop ---------------------------------------------------------------------------


def test_a_publish_that_waits_for_a_place_gets_the_one_that_comes_free() -> None:
    publishing = Publishing()
    publisher = AsyncPublisher(publishing.core)

    async def body() -> None:
        first = await publisher.submit(Parcel(number=1))
        assert publishing.sent() == 1
        others = [asyncio.create_task(publisher.publish(Parcel(number=n))) for n in (2, 3)]
        await asyncio.sleep(0)
        for tag in (1, 2, 3):
            await publishing.until_sent(tag)
            publishing.broker.ack(1, tag)
        assert len({receipt.message_id for receipt in [await first, *await asyncio.gather(*others)]}) == 3

    on_a_loop(body)


def test_a_publish_that_is_cancelled_while_it_waits_leaves_no_place_taken() -> None:
    publishing = Publishing()
    publisher = AsyncPublisher(publishing.core)

    async def body() -> None:
        first = await publisher.submit(Parcel(number=1))
        assert publishing.sent() == 1
        waiting = asyncio.create_task(publisher.submit(Parcel(number=2)))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        publishing.broker.ack(1, 1)
        await first
        async with asyncio.timeout(5.0):
            await publisher.submit(Parcel(number=3))
        assert publishing.sent() == 2

    on_a_loop(body)


def test_publishes_that_wait_for_a_place_hold_no_thread() -> None:
    publishing = Publishing()
    publisher = AsyncPublisher(publishing.core)

    async def body() -> None:
        first = await publisher.submit(Parcel(number=1))
        assert publishing.sent() == 1
        waiting = [asyncio.create_task(publisher.publish(Parcel(number=n), timeout=0.2)) for n in range(50)]
        await asyncio.sleep(0)
        async with asyncio.timeout(5.0):
            assert await asyncio.to_thread(threading.active_count)
            outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {Blocked}
        publishing.broker.ack(1, 1)
        await first

    on_a_loop(body)


def test_the_wait_for_a_place_is_part_of_the_timeout() -> None:
    publishing = Publishing()
    publisher = AsyncPublisher(publishing.core)

    async def body() -> None:
        await publisher.submit(Parcel(number=1))
        assert publishing.sent() == 1
        waiting = asyncio.create_task(publisher.publish(Parcel(number=2), timeout=50.0))
        await asyncio.sleep(0)
        waits_since = time.monotonic()
        publishing.broker.ack(1, 1)
        await publishing.until_sent(2)
        publishing.core.channel.expire(waits_since + 50.0)
        with pytest.raises(Indeterminate):
            await waiting

    on_a_loop(body)


# -- from threads ---------------------------------------------------------------------------------


def test_a_batch_leaves_most_of_the_window_to_others() -> None:
    publishing = Publishing(window=40)
    publisher = Publisher(publishing.core)
    given = threading.Event()

    def source() -> Iterator[Parcel]:
        yield Parcel(number=1)
        for number in range(2, 32):
            publisher.submit(Parcel(number=number), timeout=0.1)
        given.set()

    thread = threading.Thread(target=lambda: publisher.publish_many(source()))
    thread.start()
    assert given.wait(10.0), "the source gets places of its own"
    wait_until(lambda: publishing.sent() == 31)
    publishing.broker.ack(1, 31, multiple=True)
    thread.join(5.0)
    assert not thread.is_alive()


def test_an_interrupted_publish_does_not_stop_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    publishing = Publishing(window=10)
    publisher = Publisher(publishing.core)

    def interrupted(_function: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publishing.connection.io, "post", interrupted)
        with pytest.raises(KeyboardInterrupt):
            publisher.submit(Parcel(number=1))

    publisher.submit(Parcel(number=2))
    assert publishing.sent() == 2
    publishing.broker.ack(1, 2, multiple=True)
    assert "0 unconfirmed" in repr(publisher)


# -- on the I/O thread itself, where event subscribers and callbacks run ----------------------------


def test_what_would_wait_for_the_io_thread_on_that_thread_is_refused() -> None:
    publishing = Publishing()
    publisher = Publisher(publishing.core)
    publishing.connection.io.is_current = True

    with pytest.raises(ConfigurationError, match="use submit"):
        publisher.publish(Parcel(number=1))
    with pytest.raises(ConfigurationError, match="use submit"):
        publisher.publish_many([Parcel(number=1)])

    future = publisher.submit(Parcel(number=1))
    with pytest.raises(Blocked, match="1 messages are unconfirmed"):
        publisher.submit(Parcel(number=2))
    assert publishing.sent() == 1
    publishing.broker.ack(1, 1)
    assert future.result(0.0).message_id


def test_a_publisher_is_refused_in_a_process_forked_from_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    publisher = Publisher(Publishing().core)
    monkeypatch.setattr("warren.publish_core._forks", 1)

    for publish in (publisher.publish, publisher.submit):
        with pytest.raises(ConfigurationError, match="after a fork make another one"):
            publish(Parcel(number=1))
    with pytest.raises(PublishManyError, match="after a fork make another one"):
        publisher.publish_many([Parcel(number=1)])
    assert "0 unconfirmed" in repr(publisher)


# -- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{"window": 0}, {"window": -1}, {"timeout": 0}, {"timeout": -1.0}, {"timeout": float("inf")}], ids=str
)
def test_a_publisher_without_a_window_or_a_deadline_is_refused(options: dict[str, float]) -> None:
    with Warren("shop", broker="amqp://127.0.0.1:1/") as app:
        for publisher in (app.publisher, app.async_publisher):
            with pytest.raises(ConfigurationError, match=r"window.*timeout"):
                publisher(**options)


@pytest.mark.parametrize("timeout", [0, -11.0, float("inf"), float("nan")])
def test_a_publish_without_a_deadline_is_refused(timeout: float) -> None:
    publisher = Publisher(Publishing().core)
    with pytest.raises(ConfigurationError, match="timeout="):
        publisher.publish(Parcel(number=1), timeout=timeout)
    with pytest.raises(ConfigurationError, match="timeout="):
        publisher.publish_many([Parcel(number=1)], timeout=timeout)


@pytest.mark.parametrize("message", [{"number": 1}, Parcel, None], ids=["dict", "class", "None"])
def test_what_is_no_message_is_refused(message: Any) -> None:
    publisher = Publisher(Publishing().core)
    with pytest.raises(ConfigurationError, match=r"is no message; publish takes an instance"):
        publisher.publish(message)


def test_a_single_message_is_no_batch() -> None:
    publisher = Publisher(Publishing().core)
    with pytest.raises(PublishManyError, match=r"\('number', 1\) is no message"):
        publisher.publish_many(Parcel(number=1))
