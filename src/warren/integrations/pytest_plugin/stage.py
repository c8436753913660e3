"""What a run needs of the broker it happens on, whichever that is.

Not here: the two there are (`embedded_stage.py`, `rabbitmq_stage.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from warren.clock import Clock
from warren.config import BrokerSettings
from warren.observability.events import Event
from warren.operations.lease import Held
from warren.reliability.retry import Retry

__all__ = ["Faults", "QueueDepth", "Stage"]


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """What is in a queue. `unacked` is None where the broker does not say at once."""

    name: str
    ready: int
    unacked: int | None
    consumers: int


class Faults(Protocol):
    """What goes wrong next, on demand. Everything ends with the run."""

    def drop_connection(self) -> None:
        """Cut the connections of the application under test, as a network does. They come back by themselves."""

    def block(self) -> None:
        """Block publishers, as a memory alarm does, until `unblock`."""

    def unblock(self) -> None:
        """End what `block` began."""

    def nack(self, times: int = 1) -> None:
        """Refuse the next publishes: none of them reaches a queue."""

    def lose_confirm(self, times: int = 1) -> None:
        """Take the next publishes and cut the connection instead of confirming: the publisher cannot know."""


class Stage(Protocol):
    """A virtual host of a run's own. Made by `WarrenTest.running`; `close` removes it."""

    @property
    def settings(self) -> BrokerSettings:
        """Where it is."""
        ...

    @property
    def clock(self) -> Clock:
        """The clock of everything on it."""
        ...

    @property
    def faults(self) -> Faults:
        """What is to go wrong next."""
        ...

    @property
    def linger(self) -> float:
        """How long the broker may take with acks before their channel closes, in seconds."""
        ...

    @property
    def certain_after(self) -> float:
        """For how long all has to look quiet until it is, in seconds."""
        ...

    def note(self, event: Event) -> None:
        """Hear what the application does."""

    def retry(self, policy: Retry) -> Retry:
        """Return the policy as it is to be carried out here."""
        ...

    def depths(self) -> list[QueueDepth]:
        """Return all queues of the virtual host that can be seen, by name."""
        ...

    def is_quiet(self, queues: tuple[str, ...] | None) -> bool:
        """Whether these queues, or all that have consumers, have nothing to deliver and nothing delivered."""
        ...

    def held(self, queue: str) -> list[Held]:
        """Return the messages of a queue, oldest first, which stay there."""
        ...

    def advance(self, seconds: float, queues: tuple[str, ...] | None, wait_idle: Callable[[], None]) -> None:
        """Let time pass. What comes to these queues at a moment is done, as `wait_idle` tells, before the next."""
        ...

    def close(self) -> None:
        """End all faults, and remove the virtual host."""
        ...
