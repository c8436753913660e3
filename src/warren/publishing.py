"""Publishers: messages in, receipts out. One at a time, or pipelined within a window.

Not here: the wire (`transport/publisher.py`).
"""

from __future__ import annotations

import asyncio
import math
import os
import threading
import time
from collections import deque
from collections.abc import AsyncIterable, Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, TypedDict, Unpack

from warren.clock import Clock
from warren.contracts.envelope import Outgoing, encode
from warren.contracts.message import Message
from warren.contracts.properties import Headers
from warren.errors import (
    Blocked,
    BrokerRefused,
    ConfigurationError,
    Indeterminate,
    Nacked,
    PublishError,
    PublishManyError,
    Unroutable,
    WarrenError,
)
from warren.transport import confirms
from warren.transport.connection import Connection
from warren.transport.publisher import Entry, PublishChannel

__all__ = ["AsyncPublisher", "PublishOptions", "Publisher", "Receipt"]

CHUNK: Final = 256  # messages handed to the I/O thread at once by publish_many
HOLD: Final = 0.005  # seconds a slow source may hold back a chunk that is not full
DRAIN_TIMEOUT: Final = 30.0
MAX_TIMEOUT: Final = 365 * 86_400.0
MARGIN: Final = 10.0  # seconds the I/O thread may be late with an answer


@dataclass(frozen=True, slots=True)
class Receipt:
    """The broker has the message, and at least one queue received it. `seconds` from the call to the confirm."""

    message_id: str
    exchange: str
    routing_key: str
    seconds: float


class PublishOptions(TypedDict, total=False):
    """What may be said of one publish; all may be left out."""

    message_id: str
    correlation_id: str
    reply_to: str
    headers: Headers
    priority: int
    ttl: float  # seconds
    persistent: bool  # False lets a restart of the broker lose the message
    routing_key: str  # instead of the message class's own


_PLAIN: Final[PublishOptions] = {}


class _Window:
    """How many messages may be on their way. Waiting is the caller's, never the I/O thread's.

    Places are taken under a lock, and given back without one: only the I/O thread does that, once a message, so it just
    counts, and takes the lock when the count reaches what a waiter waits for.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._taken = 0
        self._given = 0  # written by the I/O thread only
        self._wake_at = math.inf  # the count at which the most modest waiter is served
        self._changed = threading.Condition()
        self._callers: list[Callable[[], None]] = []  # of those who wait without a thread

    @property
    def in_flight(self) -> int:
        return self._taken - self._given

    def take(self, timeout: float) -> bool:
        """Take one place; False if none came free in `timeout` seconds."""
        with self._changed:
            free = self._wait_free(1, timeout)
            self._taken += 1 if free else 0
            return free > 0

    def take_or_call(self, try_again: Callable[[], None]) -> bool:
        """Take one place; if there is none, call `try_again` once there may be, on any thread."""
        with self._changed:
            is_free = self._wait_free(1, 0.0) > 0
            if is_free:
                self._taken += 1
            else:
                self._callers.append(try_again)
            return is_free

    def take_many(self, count: int, timeout: float) -> int:
        """Take up to `count` places, at least one; 0 if none came free.

        Waits for a fair share of the window, so that batches stay large, and leaves most of it to others.
        """
        with self._changed:
            free = self._wait_free(min(count, max(1, self.size // 8)), timeout)
            taken = min(count, max(1, self.size // 4), free)
            self._taken += taken
            return taken

    def untake(self, count: int = 1) -> None:
        """Take fewer after all; from any thread."""
        with self._changed:
            self._taken -= count
            self._wake()

    def give_back(self) -> None:
        """Free the place of a settled message; I/O thread only."""
        self._given += 1
        if self._given >= self._wake_at:
            with self._changed:
                self._wake_at = math.inf
                self._wake()

    def _wake(self) -> None:
        self._changed.notify_all()
        callers, self._callers = self._callers, []
        for call in callers:
            call()

    def wait_empty(self, timeout: float) -> bool:
        """Wait until nothing is on its way."""
        with self._changed:
            return self._wait_free(self.size, timeout) == self.size

    def _wait_free(self, wanted: int, timeout: float) -> int:
        """Wait until so many places are free; return how many are."""
        deadline = time.monotonic() + timeout
        while True:
            # First say when to be woken, then look: a place given back in between is seen by one of both.
            self._wake_at = min(self._wake_at, self._taken + wanted - self.size)
            free = self.size - self._taken + self._given
            remaining = deadline - time.monotonic()
            if free >= wanted or remaining <= 0:
                return max(0, free)
            self._changed.wait(remaining)


_forks = 0  # counted in the child; asking for the process id would be a system call for each message


def _count_fork() -> None:
    global _forks  # noqa: PLW0603
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)


class _Core:
    """What both publishers share: encoding, the window, and outcomes as receipts or errors."""

    def __init__(
        self, connection: Connection, *, app_id: str, clock: Clock, window: int, timeout: float, max_body: int
    ) -> None:
        if window < 1 or not 0 < timeout <= MAX_TIMEOUT:
            raise ConfigurationError(f"window={window!r}, timeout={timeout!r}: both must be more than 0, and finite")
        self.connection = connection
        self.channel = PublishChannel(connection, max_body=max_body)
        self.window = _Window(window)
        self.timeout = timeout
        self._app_id = app_id
        self._clock = clock
        self._forks = _forks

    def encode(self, message: Message, options: PublishOptions) -> Outgoing:
        if not hasattr(type(message), "__warren__"):
            raise ConfigurationError(
                f"{message!r:.80} is no message; publish takes an instance of a class derived from warren.Message, and "
                f"publish_many several"
            )
        return encode(message, now=self._clock.now(), app_id=self._app_id, **options)

    def seconds(self, timeout: float | None) -> float:
        """Return how long a publish may take. Raises `ConfigurationError` where that would be for ever, or no time."""
        if timeout is None:
            return self.timeout
        if not 0 < timeout <= MAX_TIMEOUT:
            raise ConfigurationError(f"timeout={timeout!r}: give seconds, more than 0 and finite")
        return timeout

    def entry(self, message: Message, options: PublishOptions, timeout: float, settled: Any, context: Any) -> Entry:
        if self._forks != _forks:
            raise ConfigurationError(
                "this publisher belongs to the process that was forked, and its I/O thread is there; after a fork make "
                "another one, or use app.publish()"
            )
        return self.channel.entry(self.encode(message, options), timeout=timeout, settled=settled, context=context)

    def check_may_wait(self) -> None:
        """Refuse to wait on the I/O thread for what that thread does: it would wait for ever."""
        if self.connection.io.is_current:
            raise ConfigurationError(
                "an event subscriber or the callback of a publish runs on the thread that receives the confirms, so it "
                "cannot wait for one: use submit(), or publish from a thread of your own"
            )

    def take_place(self, seconds: float) -> None:
        """Take a place in the window; raises `Blocked` where none comes free in time."""
        if not self.window.take(0.0 if self.connection.io.is_current else seconds):
            raise self.full()

    def full(self) -> PublishError | WarrenError:
        """Say why no place in the window came free."""
        if isinstance(self.connection.error, BrokerRefused):
            return self.connection.error
        return Blocked(
            f"not sent: {self.window.size} messages are unconfirmed and none was confirmed in time "
            f"({self.connection.error or self.connection.blocked_reason or 'the broker is slow'})"
        )

    def error(self, entry: Entry, outcome: confirms.Outcome) -> PublishError | WarrenError | None:
        """Return the error of an outcome, None for a confirmed one."""
        match outcome:
            case confirms.Confirmed():
                return None
            case confirms.Returned(reason):
                return Unroutable(f"{_name(entry)} reached no queue: {reason}")
            case confirms.Nacked(reason):
                return Nacked(f"{_name(entry)} was refused: {reason}")
            case confirms.BlockedOutcome(reason):
                if isinstance(self.connection.error, BrokerRefused):
                    return self.connection.error
                return Blocked(f"{_name(entry)} was {reason}")
            case confirms.Indeterminate(reason):
                return Indeterminate(f"{_name(entry)} may or may not have been stored: {reason}")

    def receipt(self, entry: Entry) -> Receipt:
        outgoing = entry.outgoing
        return Receipt(outgoing.message_id, outgoing.exchange, outgoing.routing_key, time.monotonic() - entry.started)


def _name(entry: Entry) -> str:
    return f"message {entry.outgoing.message_id} ({entry.outgoing.message_type})"


class Publisher:
    """Publishes from threads. Every message is mandatory and confirmed; at most `window` are unconfirmed at a time.

    Thread-safe. A full window makes callers wait, up to their timeout, and drops nothing.
    """

    def __init__(self, core: _Core) -> None:
        self._core = core
        self._closed = False

    def __repr__(self) -> str:
        return f"<Publisher {'closed' if self._closed else 'open'}, {self._core.window.in_flight} unconfirmed>"

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def publish(self, message: Message, *, timeout: float | None = None, **options: Unpack[PublishOptions]) -> Receipt:
        """Publish one message and wait until the broker confirmed and routed it.

        `timeout` is in seconds (default: the publisher's). Raises `Unroutable`, `Nacked`, `Blocked`, `Indeterminate`
        or `MessageTooLarge`.
        """
        core = self._core
        core.check_may_wait()
        seconds = core.seconds(timeout)
        done = threading.Lock()
        done.acquire()
        result: list[confirms.Outcome] = []

        def settled(entry: Entry, outcome: confirms.Outcome) -> None:
            result.append(outcome)
            core.window.give_back()
            done.release()

        entry = core.entry(message, options, seconds, settled, None)
        core.take_place(seconds)
        core.channel.submit([entry])
        # The channel settles every entry at its deadline; the margin covers a stalled machine.
        if not done.acquire(timeout=seconds + MARGIN):
            raise Indeterminate(f"{_name(entry)}: the I/O thread did not answer")
        failure = core.error(entry, result[0])
        if failure is not None:
            raise failure
        return core.receipt(entry)

    def submit(
        self, message: Message, *, timeout: float | None = None, **options: Unpack[PublishOptions]
    ) -> Future[Receipt]:
        """Publish without waiting for the confirm; the future has the receipt, or the error `publish` would raise.

        Waits for a place in the window, and raises `Blocked` where none comes free in time.
        """
        core = self._core
        seconds = core.seconds(timeout)
        future: Future[Receipt] = Future()

        def settled(entry: Entry, outcome: confirms.Outcome) -> None:
            core.window.give_back()
            failure = core.error(entry, outcome)
            if failure is None:
                future.set_result(core.receipt(entry))
            else:
                future.set_exception(failure)

        entry = core.entry(message, options, seconds, settled, None)
        core.take_place(seconds)
        future.set_running_or_notify_cancel()
        core.channel.submit([entry])
        return future

    def publish_many(
        self,
        messages: Iterable[Message],
        *,
        timeout: float | None = None,
        on_confirmed: Callable[[Receipt], None] | None = None,
    ) -> int:
        """Publish all messages, pipelined, and wait until each is confirmed; return how many.

        `timeout` is in seconds for each message. Where some fail the others are published all the same, and
        `PublishManyError` names the failed ones. `on_confirmed` runs on the I/O thread and must not block.
        """
        self._core.check_may_wait()
        return _Batch(self._core, self._core.seconds(timeout), on_confirmed).publish(messages)

    def close(self) -> None:
        """Wait for what is unconfirmed, then close."""
        self._core.check_may_wait()
        if not self._closed:
            self._closed = True
            self._core.window.wait_empty(DRAIN_TIMEOUT)
            self._core.channel.close()


class _Batch:
    """One `publish_many`: fills chunks, keeps the window, counts."""

    def __init__(self, core: _Core, timeout: float, on_confirmed: Callable[[Receipt], None] | None) -> None:
        self._core = core
        self._timeout = timeout
        self._on_confirmed = on_confirmed
        self._failures: list[tuple[Message, PublishError]] = []
        self._chunk: deque[Entry] = deque()
        self._sending = threading.Lock()  # keeps chunks in order
        self._confirmed = 0
        self._submitted = 0
        self._settled = 0
        self._all_settled = threading.Condition()
        self._complete = False  # the source is exhausted

    def publish(self, messages: Iterable[Message]) -> int:
        places = 0
        try:
            for message in messages:
                if places == 0:
                    self._send()
                    places = self._core.window.take_many(CHUNK, self._timeout)
                if places == 0:
                    self._failed(message, self._core.full())
                    continue
                try:
                    entry = self._core.entry(message, _PLAIN, self._timeout, self._on_settled, message)
                except (PublishError, WarrenError, ValueError) as error:
                    self._failed(message, error)
                    continue
                places -= 1
                self._chunk.append(entry)
                if len(self._chunk) == 1:
                    # Whatever the source does next: it may wait for long, even for this message to arrive.
                    self._core.connection.io.post_later(HOLD, self._send)
        finally:
            # Also when the source raises: what it gave before is published.
            self._send()
            if places:
                self._core.window.untake(places)
            self._wait()
        if self._failures:
            raise PublishManyError(self._failures, self._confirmed)
        return self._confirmed

    def _send(self) -> None:
        """Send the chunk as it is; from the caller's thread or the I/O thread."""
        with self._sending:
            entries = []
            while self._chunk:
                entries.append(self._chunk.popleft())
            if entries:
                self._submitted += len(entries)
                self._core.channel.submit(entries)

    def _failed(self, message: Message, error: Exception) -> None:
        failure = error if isinstance(error, PublishError) else PublishError(str(error))
        self._failures.append((message, failure))

    def _on_settled(self, entry: Entry, outcome: confirms.Outcome) -> None:
        try:
            self._note(entry, outcome)
        finally:  # an error of the caller's callback costs no message its place
            self._settled += 1
            self._core.window.give_back()
            if self._complete and self._settled == self._submitted:
                with self._all_settled:
                    self._all_settled.notify_all()

    def _note(self, entry: Entry, outcome: confirms.Outcome) -> None:
        if outcome is confirms.CONFIRMED:
            self._confirmed += 1
            if self._on_confirmed is not None:
                self._on_confirmed(self._core.receipt(entry))
        else:
            failure = self._core.error(entry, outcome)
            if failure is not None:
                self._failed(entry.context, failure)

    def _wait(self) -> None:
        """Wait for the last answer, which comes at its deadline at the latest."""
        with self._all_settled:
            self._complete = True
            if not self._all_settled.wait_for(lambda: self._settled == self._submitted, self._timeout + MARGIN):
                unknown = self._submitted - self._settled
                raise Indeterminate(f"{unknown} of {self._submitted} messages: the I/O thread did not answer")


def _call_on(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *arguments: Any) -> None:
    try:
        loop.call_soon_threadsafe(function, *arguments)
    except RuntimeError:
        pass  # the loop has ended: nobody waits


class AsyncPublisher:
    """Publishes from an event loop; otherwise as `Publisher`. A blocked loop costs no heartbeat."""

    def __init__(self, core: _Core) -> None:
        self._core = core
        self._closed = False

    def __repr__(self) -> str:
        return f"<AsyncPublisher {'closed' if self._closed else 'open'}, {self._core.window.in_flight} unconfirmed>"

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

        entry = core.entry(message, options, seconds, settled, None)
        if not core.window.take(0.0):
            await self._take_place(seconds)
        core.channel.submit([entry])
        return future

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
