"""Who looks into a queue, or changes it: one at a time, because what one holds another does not see.

Not here: the looks (`letters/`) and the changes (`changes/`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, final

from warren.errors import WarrenError
from warren.operations.halt import Halt

__all__ = ["Turns"]

_PATIENCE: Final = 60.0  # seconds


@final
class Turns:
    """Locks by the names of queues. A lock is there only while somebody has or waits for it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._taken: dict[str, str] = {}  # what is being done, by queue
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Whether nobody waits any more, since the dashboard ends."""
        return self._is_over

    def stop(self) -> None:
        """Let nobody wait any more: a process does not end before its threads."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    @contextmanager
    def take(self, queue: str, what: str, *, timeout: float = _PATIENCE, halt: Halt | None = None) -> Iterator[None]:
        """Have a queue for oneself: `take(queue, "the look at its messages")`.

        Give back what was taken, and wait until it is back (`wait_until_back`), before leaving. Not for the event loop.
        Raises `WarrenError` where it is not free within `timeout` seconds, which says what holds it, and once `halt` is
        asked for or the dashboard ends.
        """
        asked = halt or Halt()
        asked.on_ask(self._wake)
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_over or asked.reason is not None or queue not in self._taken, timeout
            )
            if asked.reason is not None:
                raise WarrenError(asked.reason)
            if self._is_over:
                raise WarrenError("the dashboard is ending")
            if queue in self._taken:
                raise WarrenError(f"{self._taken[queue]} holds {queue}; try again once that has ended")
            self._taken[queue] = what
        try:
            yield
        finally:
            self._leave(queue)

    @contextmanager
    def take_if_free(self, queue: str, what: str) -> Iterator[bool]:
        """Have a queue for oneself without waiting for it; yields whether that is so."""
        with self._changed:
            is_free = queue not in self._taken
            if is_free:
                self._taken[queue] = what
        try:
            yield is_free
        finally:
            if is_free:
                self._leave(queue)

    def _leave(self, queue: str) -> None:
        with self._changed:
            del self._taken[queue]
            self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
