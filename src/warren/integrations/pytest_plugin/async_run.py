"""A run for tests that are coroutines: what waits is awaited, and the event loop goes on meanwhile.

Not here: the run (`run.py`).
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar, Unpack, overload

from warren.contracts.message import Message
from warren.integrations.pytest_plugin.plain import PlainProperties
from warren.integrations.pytest_plugin.records import DeadLetter, Handled, HandlerError, Published
from warren.integrations.pytest_plugin.run import PATIENCE, Run, text_of
from warren.integrations.pytest_plugin.stage import Faults, QueueDepth
from warren.topology.duration import Duration

__all__ = ["AsyncRun"]

M = TypeVar("M", bound=Message)
T = TypeVar("T")

_LOOK: Final = 0.002


class AsyncRun:
    """As `Run`. Made by `async with warren_test.running(app)`, under asyncio."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __repr__(self) -> str:
        return repr(self._run)

    @overload
    def published(self) -> list[Published[Message]]: ...
    @overload
    def published(self, message: type[M]) -> list[Published[M]]: ...
    def published(self, message: type[Any] = Message) -> list[Published[Any]]:
        """Return what the application published and the broker confirmed; see `Run.published`."""
        return self._run.published(message)

    def handled(self, queue: str | None = None) -> list[Handled]:
        """Return the messages whose handler returned and that are acknowledged."""
        return self._run.handled(queue)

    def errors(self, queue: str | None = None) -> list[HandlerError]:
        """Return what handlers raised."""
        return self._run.errors(queue)

    def dead_letters(self, queue: str | None = None) -> list[DeadLetter]:
        """Return what is in a dead-letter queue, or in all of them."""
        return self._run.dead_letters(queue)

    def queues(self) -> dict[str, QueueDepth]:
        """Return how much is in each queue now."""
        return self._run.queues()

    async def send(self, queue: str, body: object, **properties: Unpack[PlainProperties]) -> None:
        """Put a message into a queue as a producer does that has never heard of Warren; see `Run.send`."""
        await asyncio.to_thread(self._run.send, queue, body, **properties)

    @property
    def faults(self) -> Faults:
        """What is to go wrong next."""
        return self._run.faults

    def report(self) -> str:
        """Return what a reader of a failed test wants to know."""
        return self._run.report()

    async def wait_until(self, condition: Callable[[], T | Awaitable[T]], *, timeout: float = PATIENCE) -> T:
        """Call `condition`, on this event loop, until it returns something true, and return that.

        It may be a coroutine function. Raises AssertionError after `timeout` seconds of real time.
        """
        __tracebackhide__ = True
        deadline = time.monotonic() + timeout
        while True:
            told = condition()
            result = await told if inspect.isawaitable(told) else told
            if result:
                return result
            if time.monotonic() > deadline:
                raise self._run.failure(f"not within {timeout:g} s: {text_of(condition)} (last: {result!r})")
            await asyncio.sleep(_LOOK)

    async def wait_idle(self, *, timeout: float = PATIENCE) -> None:
        """Return once every message that is due has been dealt with."""
        await asyncio.to_thread(self._run.wait_idle, timeout=timeout)

    async def advance(self, duration: Duration, *, timeout: float = PATIENCE) -> None:
        """Let virtual time pass; see `Run.advance`."""
        await asyncio.to_thread(self._run.advance, duration, timeout=timeout)
