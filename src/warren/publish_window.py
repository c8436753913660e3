"""The window: how many messages may be on their way at once, and who waits for a place.

Not here: what is sent in it (`publish_core.py`), or which confirm frees which place (`transport/confirms.py`).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

__all__ = ["Window"]


class Window:
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
