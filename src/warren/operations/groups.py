"""Messages counted by what they failed of, with an example of each failure.

Not here: what names a failure (`message.py`), and how groups are shown (`cli/`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, final

from warren.operations.lease import Held
from warren.operations.message import Described, describe, fingerprint_of, iso_time
from warren.reliability.dead_letter import FIRST_FAILED_AT, LAST_FAILED_AT

__all__ = ["OTHERS", "Group", "Groups", "failed_at"]

MOST: Final = 1_000  # messages name their failures themselves, so there might be one for each
OTHERS: Final = "(other failures)"


@final
@dataclass(slots=True)
class Group:
    """Messages that failed of the same: how many, when the first and the last of them failed, and the first found.

    Times are in seconds since the epoch: of the failure, or where nobody noted that, of when the message was sent.
    """

    fingerprint: str
    example: Described
    count: int = 0
    first_seen: float | None = None
    last_seen: float | None = None

    def add(self, first: float | None, last: float | None) -> None:
        """Count one more message."""
        self.count += 1
        if first is not None and (self.first_seen is None or first < self.first_seen):
            self.first_seen = first
        if last is not None and (self.last_seen is None or last > self.last_seen):
            self.last_seen = last

    def as_json(self, *, now: float, full: bool = False) -> dict[str, Any]:
        """Return it as JSON would have it, with the example."""
        dead = self.example.dead
        return {
            "fingerprint": self.fingerprint,
            "count": self.count,
            "first_seen": iso_time(self.first_seen),
            "last_seen": iso_time(self.last_seen),
            "reason": None if dead is None else dead.reason,
            "type": self.example.type or None,
            "example": self.example.as_json(now=now, full=full),
        }


@final
class Groups:
    """Counts messages by fingerprint. Memory is bounded: beyond 1,000 failures the others are one group."""

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {}

    def __len__(self) -> int:
        return len(self._groups)

    def add(self, held: Held) -> Group:
        """Count a message, and return its group. Only the first of a group is looked at closely."""
        fingerprint = fingerprint_of(held.properties)
        group = self._groups.get(fingerprint)
        if group is None:
            if len(self._groups) >= MOST:
                fingerprint = OTHERS
            group = self._groups.setdefault(fingerprint, Group(fingerprint, describe(held)))
        group.add(*failed_at(held))
        return group

    def by_count(self) -> tuple[Group, ...]:
        """Return the groups, the largest first."""
        return tuple(sorted(self._groups.values(), key=lambda group: (-group.count, group.fingerprint)))


def failed_at(held: Held) -> tuple[float | None, float | None]:
    """Return when a message failed first and last; where nobody noted that, when it was sent."""
    headers = held.properties.headers
    first, last = headers.get(FIRST_FAILED_AT), headers.get(LAST_FAILED_AT)
    if type(first) is int and type(last) is int:  # every dead letter of a worker, without another look
        return first / 1000, last / 1000
    message = describe(held)
    if message.dead is not None and message.dead.first_failed_at is not None:
        return message.dead.first_failed_at, message.dead.last_failed_at
    return message.sent_at, message.sent_at
