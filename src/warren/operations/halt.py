"""Asks work on messages to stop, from any thread: what was done is done, and the rest is given back.

Not here: the work (`drain.py`, `replay.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import final

__all__ = ["Halt"]


@final
class Halt:
    """Asked for once; the first reason counts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reason: str | None = None  # Below: under the lock.
        self._wakes: list[Callable[[], None]] = []

    def __repr__(self) -> str:
        return f"<Halt {self._reason!r}>"

    @property
    def reason(self) -> str | None:
        """Why to stop; None while nobody asked for it."""
        return self._reason

    def ask(self, reason: str) -> None:
        """Ask for it, and wake whoever waits."""
        with self._lock:
            if self._reason is not None:
                return
            self._reason = reason
            wakes = list(self._wakes)
        for wake in wakes:
            wake()

    def forget(self) -> None:
        """Wake nobody any more: the work has ended."""
        with self._lock:
            self._wakes.clear()

    def on_ask(self, wake: Callable[[], None]) -> None:
        """Call `wake` on the thread that asks; at once where somebody has asked already."""
        with self._lock:
            self._wakes.append(wake)
            is_asked = self._reason is not None
        if is_asked:
            wake()
