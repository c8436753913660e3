"""The confirm ledger: which publish each ack, nack and return of the broker belongs to. Pure: no socket, no clock.

Not here: sending (`publisher.py`), or what a caller gets to see (an outcome becomes a receipt or an error there).

Theory of operation. In confirm mode the broker numbers the publishes of a channel from 1, and so does the ledger. An
`ack` or `nack` with `multiple` settles every open tag up to its own. A `return` carries no tag, but the broker sends
it before the confirm of the same publish and in the order of publishing, so it belongs to the oldest open, not yet
returned publish of that message. A returned publish is acked afterwards: only then is it settled, as `Returned`.

    open --return--> returned --ack--> Returned
    open --ack--> Confirmed        open --nack--> Nacked
    open --deadline--> Indeterminate (a late answer settles nothing; its tag is known until then, for a late return)
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

    __slots__ = ("_late", "_next_tag", "_open", "_returned")

    def __init__(self) -> None:
        self._open: dict[int, tuple[E, str]] = {}  # by tag: entry and message id; in the order of the tags
        self._late: dict[int, str] = {}  # by tag: message ids of what was forgotten and not answered since
        self._returned: dict[int, str] = {}  # by tag: reasons of what was returned and not acked since
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
        taken = self._take(tag, multiple=multiple)
        if not self._returned:
            return [(entry, CONFIRMED) for _, entry in taken]
        returned = self._take_returned(tag, multiple=multiple)
        return [(entry, Returned(returned[each]) if each in returned else CONFIRMED) for each, entry in taken]

    def nack(self, tag: int, *, multiple: bool, reason: str) -> list[tuple[E, Outcome]]:
        """Settle by a broker's `basic.nack`."""
        outcome = Nacked(reason)
        self._take_returned(tag, multiple=multiple)
        return [(entry, outcome) for _, entry in self._take(tag, multiple=multiple)]

    def returned(self, message_id: str, reason: str) -> None:
        """Note a `basic.return`; the publish is settled by the ack that follows."""
        known, returned = self._open, self._returned
        oldest = next((tag for tag, (_, each) in known.items() if each == message_id and tag not in returned), None)
        if self._late:
            late = [tag for tag, each in self._late.items() if each == message_id and tag not in returned]
            oldest = min(late if oldest is None else (oldest, *late), default=None)
        if oldest is not None:
            returned[oldest] = reason

    def forget(self, entries: Iterable[E]) -> None:
        """Drop entries whose deadline has passed."""
        gone = set(map(id, entries))
        for tag in [tag for tag, (entry, _) in self._open.items() if id(entry) in gone]:
            self._late[tag] = self._open.pop(tag)[1]

    def entries(self) -> list[E]:
        """Return the open entries, oldest first."""
        return [entry for entry, _ in self._open.values()]

    def restart(self) -> list[E]:
        """Empty the ledger for a new channel, whose tags start from 1; return what was open, oldest first."""
        entries = self.entries()
        self._open.clear()
        self._late.clear()
        self._returned.clear()
        self._next_tag = 1
        return entries

    def _take(self, tag: int, *, multiple: bool) -> list[tuple[int, E]]:
        """Remove and return what an answer is for: up to `tag` if `multiple`, all for 0 (AMQP section 1.8.3.13)."""
        if self._late:
            _remove(self._late, tag, multiple=multiple)
        if not multiple:
            found = self._open.pop(tag, None)
            return [] if found is None else [(tag, found[0])]
        taken = []
        for each in self._open:
            if each > tag and tag != 0:
                break
            taken.append(each)
        return [(each, self._open.pop(each)[0]) for each in taken]

    def _take_returned(self, tag: int, *, multiple: bool) -> dict[int, str]:
        return _remove(self._returned, tag, multiple=multiple)


def _remove(noted: dict[int, str], tag: int, *, multiple: bool) -> dict[int, str]:
    """Remove and return the notes an answer is for. They are few, and in no order."""
    tags = [each for each in noted if (each <= tag or tag == 0 if multiple else each == tag)]
    return {each: noted.pop(each) for each in tags}
