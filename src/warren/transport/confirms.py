"""The confirm ledger: which publish each ack, nack and return of the broker belongs to. Pure: no socket, no clock.

Not here: sending (`publisher.py`), or what a caller gets to see (an outcome becomes a receipt or an error there).

Theory of operation. In confirm mode the broker numbers the publishes of a channel from 1, and so does the ledger. An
`ack` or `nack` with `multiple` settles every open tag up to its own. A `return` carries no tag, but the broker sends
it before the confirm of the same publish and in the order of publishing, so it belongs to the oldest open, not yet
returned publish of that message. A returned publish is acked afterwards: only then is it settled, as `Returned`.

    open --return--> returned --ack--> Returned
    open --ack--> Confirmed        open --nack--> Nacked
    open --deadline--> Indeterminate (its tag is forgotten; a late answer is ignored)
    open --channel lost with the connection--> open, under a new tag of the next channel
    open --channel closed by the broker--> Indeterminate, or Returned for the publish the broker names
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar, final

__all__ = [
    "CONFIRMED",
    "BlockedOutcome",
    "Confirmed",
    "Indeterminate",
    "Ledger",
    "Nacked",
    "Outcome",
    "Returned",
]


@final
@dataclass(frozen=True, slots=True)
class Confirmed:
    """The broker has the message, on disk where it is persistent and its queue durable."""


@final
@dataclass(frozen=True, slots=True)
class Returned:
    """No queue received the message."""

    reason: str


@final
@dataclass(frozen=True, slots=True)
class Nacked:
    """The broker refused the message."""

    reason: str


@final
@dataclass(frozen=True, slots=True)
class BlockedOutcome:
    """The message was never sent."""

    reason: str


@final
@dataclass(frozen=True, slots=True)
class Indeterminate:
    """The message was sent; whether the broker has it is unknown."""

    reason: str


Outcome = Confirmed | Returned | Nacked | BlockedOutcome | Indeterminate
CONFIRMED: Final = Confirmed()

E = TypeVar("E")


class Ledger(Generic[E]):
    """Open publishes of one channel, in the order of their tags."""

    __slots__ = ("_next_tag", "_open", "_returned")

    def __init__(self) -> None:
        self._open: dict[int, tuple[E, str]] = {}
        self._returned: dict[int, str] = {}
        self._next_tag = 1

    def __len__(self) -> int:
        return len(self._open)

    def __repr__(self) -> str:
        return f"<Ledger {len(self._open)} open, next tag {self._next_tag}>"

    def open(self, entry: E, message_id: str) -> int:
        """Record a publish that is about to be sent, and return its tag."""
        tag = self._next_tag
        self._next_tag = tag + 1
        self._open[tag] = (entry, message_id)
        return tag

    def ack(self, tag: int, *, multiple: bool) -> list[tuple[E, Outcome]]:
        """Settle by a broker's `basic.ack`."""
        if not multiple:
            found = self._open.pop(tag, None)
            if found is None:
                return []
            if not self._returned:
                return [(found[0], CONFIRMED)]
            return [(found[0], self._acked(tag))]
        entries = self._take_up_to(tag)
        if not self._returned:
            return [(entry, CONFIRMED) for _, entry in entries]
        return [(entry, self._acked(each)) for each, entry in entries]

    def nack(self, tag: int, *, multiple: bool, reason: str) -> list[tuple[E, Outcome]]:
        """Settle by a broker's `basic.nack`."""
        outcome = Nacked(reason)
        if multiple:
            return [(entry, outcome) for _, entry in self._take_up_to(tag)]
        found = self._open.pop(tag, None)
        return [] if found is None else [(found[0], outcome)]

    def returned(self, message_id: str, reason: str) -> None:
        """Note a `basic.return`; the publish is settled by the ack that follows."""
        for tag, (_, open_id) in self._open.items():
            if open_id == message_id and tag not in self._returned:
                self._returned[tag] = reason
                return

    def forget(self, entries: Iterable[E]) -> None:
        """Drop entries whose deadline has passed; a late answer for them is ignored."""
        gone = set(map(id, entries))
        for tag in [tag for tag, (entry, _) in self._open.items() if id(entry) in gone]:
            del self._open[tag]
            self._returned.pop(tag, None)

    def entries(self) -> list[E]:
        """Return the open entries, oldest first."""
        return [entry for entry, _ in self._open.values()]

    def restart(self) -> list[E]:
        """Empty the ledger for a new channel, whose tags start from 1; return what was open, oldest first."""
        entries = self.entries()
        self._open.clear()
        self._returned.clear()
        self._next_tag = 1
        return entries

    def _take_up_to(self, tag: int) -> list[tuple[int, E]]:
        """Remove and return every open entry with a tag up to and including `tag`; tag 0 means all (AMQP section 1.8.3.13)."""
        taken = []
        for each in self._open:
            if each > tag and tag != 0:
                break
            taken.append(each)
        return [(each, self._open.pop(each)[0]) for each in taken]

    def _acked(self, tag: int) -> Outcome:
        reason = self._returned.pop(tag, None)
        return CONFIRMED if reason is None else Returned(reason)
