"""The publisher for event loops: the same messages, receipts and window as for threads.

Not here: encoding, and outcomes as errors (`publish_core.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable
from types import TracebackType
from typing import Any, Unpack

from warren.contracts.envelope import Outgoing
from warren.contracts.message import Message
from warren.errors import PublishError, PublishManyError, WarrenError
from warren.publish_core import DRAIN_TIMEOUT, PublishingCore, PublishOptions, Receipt
from warren.transport import confirms
from warren.transport.connection import State
from warren.transport.publisher import Entry

__all__ = ["AsyncPublisher"]


def _call_on(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *arguments: Any) -> None:
    try:
        loop.call_soon_threadsafe(function, *arguments)
    except RuntimeError:
        pass  # the loop has ended: nobody waits


class AsyncPublisher:
    """Publishes from an event loop; otherwise as `Publisher`. A blocked loop costs no heartbeat."""

    def __init__(self, core: PublishingCore) -> None:
        self._core = core
        self._closed = False

    def __repr__(self) -> str:
        return f"<AsyncPublisher {'closed' if self._closed else 'open'}, {self._core.window.in_flight} unconfirmed>"

    @property
    def is_usable(self) -> bool:
        """Whether it can publish, now or once the broker is back: its connection has not been given up."""
        return not self._closed and self._core.connection.state is not State.CLOSED

    @property
    def is_connected(self) -> bool:
        """Whether the broker is connected now."""
        return self._core.connection.is_open

    @property
    def not_ready_because(self) -> str:
        """Why a publish would not be confirmed now; empty where it would."""
        connection = self._core.connection
        if not connection.is_open:
            return f"not connected: {connection.error or 'still connecting'}"
        return "" if connection.blocked_reason is None else f"the broker blocks publishers: {connection.blocked_reason}"

    async def __aenter__(self) -> AsyncPublisher:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def publish(
        self, message: Message, *, timeout: float | None = None, **options: Unpack[PublishOptions]
    ) -> Receipt:
        """Publish one message and wait until the broker confirmed and routed it. Raises as `Publisher.publish`."""
        return await (await self.submit(message, timeout=timeout, **options))

    async def submit(
        self, message: Message, *, timeout: float | None = None, **options: Unpack[PublishOptions]
    ) -> asyncio.Future[Receipt]:
        """Publish without waiting for the confirm; the future has the receipt or the error."""
        core = self._core
        loop = asyncio.get_running_loop()
        seconds = core.seconds(timeout)
        future: asyncio.Future[Receipt] = loop.create_future()

        def resolve(entry: Entry, outcome: confirms.Outcome) -> None:
            if not future.done():
                failure = core.error(entry, outcome)
                if failure is None:
                    future.set_result(core.receipt(entry))
                else:
                    future.set_exception(failure)

        def settled(entry: Entry, outcome: confirms.Outcome) -> None:
            core.window.give_back()
            _call_on(loop, resolve, entry, outcome)

        outgoing = core.outgoing(message, options)
        if core.is_large(outgoing):
            began = loop.time()
            outgoing = await self._kept(outgoing, seconds)
            seconds = max(0.001, seconds - loop.time() + began)
        entry = core.entry(message, options, seconds, settled, None, outgoing)
        if not core.window.take(0.0):
            try:
                await self._take_place(seconds)
            except BaseException as error:
                core.not_sent(entry, error)
                raise
        core.channel.submit([entry])
        return future

    async def _kept(self, outgoing: Outgoing, seconds: float) -> Outgoing:
        """Wait on the loop until a large body is in its store."""
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(self._core.keep(outgoing))
        except TimeoutError:
            raise self._core.not_kept(outgoing) from None

    async def _take_place(self, seconds: float) -> None:
        """Wait for a place on the loop itself: many may wait, and threads are few."""
        core, loop, freed = self._core, asyncio.get_running_loop(), asyncio.Event()
        try:
            async with asyncio.timeout(seconds):
                while not core.window.take_or_call(lambda: _call_on(loop, freed.set)):
                    await freed.wait()
                    freed.clear()
        except TimeoutError:
            raise core.full() from None

    async def publish_many(
        self, messages: Iterable[Message] | AsyncIterable[Message], *, timeout: float | None = None
    ) -> int:
        """Publish all messages, pipelined; return how many. Raises `PublishManyError` as `Publisher.publish_many`."""
        failures: list[tuple[Message, PublishError]] = []
        waiting: list[tuple[Message, asyncio.Future[Receipt]]] = []
        confirmed = 0

        async def reap() -> None:
            nonlocal confirmed
            await asyncio.wait([future for _, future in waiting])
            for message, future in waiting:
                error = future.exception()
                if error is None:
                    confirmed += 1
                else:
                    failures.append((message, error if isinstance(error, PublishError) else PublishError(str(error))))
            waiting.clear()

        async def one(message: Message) -> None:
            try:
                waiting.append((message, await self.submit(message, timeout=timeout)))
            except (WarrenError, ValueError) as error:
                failures.append((message, error if isinstance(error, PublishError) else PublishError(str(error))))
            if len(waiting) >= self._core.window.size:
                await reap()

        if isinstance(messages, AsyncIterable):
            async for message in messages:
                await one(message)
        else:
            for message in messages:
                await one(message)
        if waiting:
            await reap()
        if failures:
            raise PublishManyError(failures, confirmed)
        return confirmed

    async def close(self) -> None:
        """Wait for what is unconfirmed, then close."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._core.window.wait_empty, DRAIN_TIMEOUT)
            self._core.channel.close()
