"""What the model asks of storage, and what storage gives back at a start.

Not here: the two that do it, `memory.py` and `journal.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from warren.broker.model.message import Entry, Message

if TYPE_CHECKING:
    from warren.broker.model.receiver import Receiver

__all__ = ["Definition", "Recovered", "RecoveredEntry", "Storage"]


class Definition(NamedTuple):
    """Something durable that is no message: a queue, a binding, a user."""

    kind: str
    key: tuple[str, ...]
    value: Mapping[str, Any]


class RecoveredEntry(NamedTuple):
    """A message that was in a queue when the broker ended."""

    queue_id: int
    message: Message
    age: float  # seconds since it was published
    redelivered: bool
    deliveries: int  # failed ones: x-delivery-count


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a start found. `messages` must be used up before anything else is asked of storage.

    Messages come in the order of their publishing, one entry for each queue that had them; the bytes of a message are
    only sure to be in memory until the next is taken.
    """

    definitions: Sequence[Definition] = ()
    messages: Iterable[RecoveredEntry] = ()
    is_clean: bool = True  # the last end was a `close`: what was not delivered then is not marked redelivered
    notes: tuple[str, ...] = ()  # one line for each thing an operator should know, such as a cut tail


class Storage(Protocol):
    """Keeps what must outlive the process. Everything is called on the loop thread, and nothing waits for a disk.

    What is asked for in one turn of the loop is kept as a whole or not at all: a publish and the acknowledgement of
    the message it replaces, the publishes and acknowledgements of a transaction.
    """

    flushed: int
    """Everything up to this point is safe."""

    on_flushed: Callable[[], None]
    """Called when `flushed` has moved."""

    on_alarm: Callable[[str | None], None]
    """Called with a line when the disk is full, nearly full or failing, and with None when it is well again."""

    @property
    def latest(self) -> int:
        """The point at which everything that was asked for so far is safe."""
        ...

    @property
    def backlog(self) -> int:
        """Bytes of bodies that are published and not yet safe."""
        ...

    def publish(self, message: Message, queues: Sequence[Receiver]) -> int:
        """Keep a persistent message for the durable ones of `queues`; return the point at which it is safe.

        A Message is published once, before it is pushed to the queues.
        """
        ...

    def acknowledge(self, entry: Entry) -> None:
        """Forget a message for a queue it left for good: acknowledged, dropped, expired, purged or moved."""
        ...

    def requeued(self, entry: Entry) -> None:
        """Keep the count of failed deliveries of an entry of a quorum queue."""
        ...

    def load(self, message: Message) -> None:
        """Read header and body of a message again that storage took out of memory. OSError if the disk fails."""
        ...

    def define(self, kind: str, key: tuple[str, ...], value: Mapping[str, Any] | None) -> int:
        """Keep a definition, or forget it with None; return the point at which that is safe.

        The value of what holds messages has its `id`: messages of what is not defined are forgotten at the next start.
        """
        ...

    def queue_deleted(self, queue: Receiver) -> None:
        """Forget all messages of a queue, whether or not each was acknowledged."""
        ...

    def next_queue_id(self) -> int:
        """Return an id that no queue ever had."""
        ...

    def recover(self) -> Recovered:
        """Open, and return what the last process left. Called once, before all else."""
        ...

    def end_turn(self) -> None:
        """Start to write what was asked for since the last writing began, unless a writing is under way."""
        ...

    def close(self, delivered: Iterable[Entry]) -> None:
        """Make everything safe and end. `delivered`: all entries that are unacknowledged or marked redelivered.

        Where `messages` was not used up nothing is written, and the next start finds what this one found.
        """
        ...
