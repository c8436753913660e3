"""What happens while the demo runs, counted from events: for the live view, and to know when all is settled.

Not here: the numbers at the end, which are read from the broker and the databases (`evidence.py`).
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

from warren.cli.demo.script import EXCHANGE
from warren.observability import events
from warren.observability.events import Event, EventBus
from warren.observability.logs import text_of

__all__ = ["Counts", "Tally"]

_TOLD: Final = (events.Retried, events.DeadLettered, events.DuplicateAbsorbed, events.InProgressDeferred)


@dataclass(slots=True)
class Counts:
    """One consumer so far. `dead` is by reason."""

    processed: int = 0
    retried: int = 0
    absorbed: int = 0
    deferred: int = 0
    dead: Counter[str] = field(default_factory=Counter)

    @property
    def settled(self) -> int:
        """Deliveries that are over with."""
        return self.processed + self.absorbed + self.dead.total()


class Tally:
    """Counts the events of an application; safe to read from any thread."""

    def __init__(self, bus: EventBus, consumers: tuple[str, ...]) -> None:
        self.published = 0
        self.consumers = {name: Counts() for name in consumers}
        self.recent: deque[tuple[float, Event]] = deque(maxlen=8)
        self._lock = threading.Lock()
        self._last = time.monotonic()
        bus.subscribe(
            self._count,
            events.Confirmed,
            events.Processed,
            events.Retried,
            events.DuplicateAbsorbed,
            events.InProgressDeferred,
            events.DeadLettered,
        )

    def _count(self, event: Event) -> None:
        with self._lock:
            self._last = time.monotonic()
            match event:
                case events.Confirmed(exchange=exchange):
                    self.published += exchange == EXCHANGE  # copies for a retry go through the default exchange
                case events.Processed(consumer=name):
                    self.consumers[name].processed += 1
                case events.Retried(consumer=name):
                    self.consumers[name].retried += 1
                case events.DuplicateAbsorbed(consumer=name):
                    self.consumers[name].absorbed += 1
                case events.InProgressDeferred(consumer=name):
                    self.consumers[name].deferred += 1
                case events.DeadLettered(consumer=name, reason=reason):
                    self.consumers[name].dead[reason] += 1
                case _:
                    pass
            if isinstance(event, _TOLD):
                self.recent.append((time.monotonic(), event))

    def is_settled(self, published: int) -> bool:
        """Whether each consumer is done with so many messages."""
        return all(counts.settled >= published for counts in self.consumers.values())

    def is_quiet(self, seconds: float) -> bool:
        """Whether nothing has happened for so long."""
        return time.monotonic() - self._last >= seconds

    def lines(self) -> list[str]:
        """Return the last events as lines."""
        with self._lock:
            return [text_of(event) for _, event in self.recent]
