"""What is to happen at a time: one heap of deadlines, fired by whoever owns the clock.

Not here: asyncio (`server.py` sleeps until `next_deadline`), nor what becomes due.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Final

from warren.broker.model.message import NEVER
from warren.clock import Clock

__all__ = ["Timer", "Timers"]

_COMPACT_FROM: Final = 64
"""Cancelled timers that are kept before it is worth while to drop them from the heap."""


class Timer:
    """One callback that waits for its time."""

    __slots__ = ("_owner", "callback", "when")

    def __init__(self, owner: Timers, when: float, callback: Callable[[], None]) -> None:
        self._owner = owner
        self.when = when
        self.callback: Callable[[], None] | None = callback  # None once fired or cancelled

    def __repr__(self) -> str:
        return f"<Timer at {self.when:.3f}{'' if self.callback else ' over'}>"

    @property
    def is_over(self) -> bool:
        """Whether it fired or was cancelled."""
        return self.callback is None

    def cancel(self) -> None:
        """Never fire. Does nothing when it is over already."""
        if self.callback is not None:
            self.callback = None
            self._owner.forget_one()


class Timers:
    """All deadlines of one broker, in clock.monotonic() seconds."""

    __slots__ = ("_cancelled", "_clock", "_heap", "_number")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Timer]] = []  # the number keeps equal times in order
        self._number = 0
        self._cancelled = 0  # of those in the heap

    def __len__(self) -> int:
        return len(self._heap) - self._cancelled

    def at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` from the first `fire` at or after `when`."""
        timer = Timer(self, when, callback)
        self._number += 1
        heappush(self._heap, (when, self._number, timer))
        return timer

    def after(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` that much later."""
        return self.at(self._clock.monotonic() + seconds, callback)

    def next_deadline(self) -> float:
        """Return when `fire` has something to do next, or NEVER."""
        heap = self._heap
        while heap and heap[0][2].callback is None:
            heappop(heap)
            self._cancelled -= 1
        return heap[0][0] if heap else NEVER

    def fire(self, now: float | None = None) -> int:
        """Call all that is due, in order of time; return how many. What they add waits for the next call."""
        now = self._clock.monotonic() if now is None else now
        last = self._number
        due = 0
        later = []
        while self.next_deadline() <= now:
            item = heappop(self._heap)
            if item[1] > last:
                later.append(item)
                continue
            timer = item[2]
            callback, timer.callback = timer.callback, None
            assert callback is not None  # next_deadline removed the cancelled ones
            callback()
            due += 1
        for item in later:
            heappush(self._heap, item)
        return due

    def forget_one(self) -> None:
        """Count a timer that was cancelled; drop them all from the heap once they are most of it."""
        self._cancelled += 1
        if self._cancelled > _COMPACT_FROM and self._cancelled * 2 > len(self._heap):
            self._heap = [item for item in self._heap if item[2].callback is not None]
            heapify(self._heap)
            self._cancelled = 0
