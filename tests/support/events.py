"""Remembers the events of an application, for tests to wait on.

Not here: the events (`warren/observability/events.py`).
"""

from __future__ import annotations

from typing import TypeVar

from tests.support.waiting import wait_until
from warren import Warren
from warren.observability.events import Event

__all__ = ["Recorder"]

E = TypeVar("E", bound=Event)


class Recorder:
    """Every event of an application, in order."""

    def __init__(self, app: Warren) -> None:
        self.events: list[Event] = []
        app.events.subscribe(self.events.append)

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in list(self.events) if isinstance(event, kind)]

    def wait(self, kind: type[E], count: int = 1, *, timeout: float = 20.0) -> list[E]:
        """Wait until at least `count` events of a kind have been seen."""
        wait_until(
            lambda: len(self.of(kind)) >= count,
            timeout=timeout,
            message=lambda: f"{count} x {kind.__name__}; seen: {[type(e).__name__ for e in self.events]}",
        )
        return self.of(kind)
