"""Counts the messages of a look by what they died of, with when they did and a line for the first of each.

Not here: taking them (`looking.py`). Memory is bounded: by the messages a look may take, 8 bytes for each, by 1,000
failures, and by the lines that are kept.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, final

from warren.contracts.headers import replays_of
from warren.dashboard.changes.choice import key_of
from warren.dashboard.letters.masking import Masking
from warren.dashboard.letters.seen import GroupSeen, Summary
from warren.operations.groups import Group, Groups, failed_at
from warren.operations.lease import Held
from warren.operations.message import describe
from warren.operations.select import Selection

__all__ = ["A_GROUP", "BUCKETS", "Counting", "histogram"]

A_GROUP: Final = 200
"""How many messages of a group are kept a line of."""

BUCKETS: Final = 24

_MOST: Final = 20_000  # lines of a look
_LONGEST: Final = 300  # characters of an error


@dataclass(slots=True)
class _Counted:
    """A group while it grows. `times` are those of its deaths."""

    group: Group
    times: array[float] = field(default_factory=lambda: array("d"))
    summaries: dict[str, Summary] = field(default_factory=dict)


@final
class Counting:
    """Counts what it is given of what the filters let through. Not thread-safe."""

    def __init__(self, masking: Masking, selection: Selection) -> None:
        self.matched = 0
        self._masking = masking
        self._selection = selection
        self._groups = Groups()
        self._counted: dict[str, _Counted] = {}
        self._kept = 0

    def add(self, batch: Iterable[Held]) -> None:
        """Count messages."""
        for held in batch:
            if not self._selection or self._selection.matches(self._masking.mask(held)):
                self._count(held)

    def span(self) -> tuple[float, float] | None:
        """Return when the first and the last of all died; None where no message says when."""
        ends = [(min(one.times), max(one.times)) for one in self._counted.values() if one.times]
        return (min(start for start, _ in ends), max(end for _, end in ends)) if ends else None

    def groups(self) -> tuple[GroupSeen, ...]:
        """Return the groups as they are now, the largest first."""
        span = self.span() or (0.0, 0.0)
        return tuple(_seen(self._counted[group.fingerprint], span) for group in self._groups.by_count())

    def _count(self, held: Held) -> None:
        self.matched += 1
        group = self._groups.add(held._replace(body=b""))  # examples are kept, and bodies may be large
        counted = self._counted.get(group.fingerprint)
        if counted is None:
            counted = self._counted[group.fingerprint] = _Counted(group)
        _, last = failed_at(held)
        if last is not None:
            counted.times.append(last)
        if len(counted.summaries) < A_GROUP and self._kept < _MOST:
            self._keep(counted, held, last)

    def _keep(self, counted: _Counted, held: Held, last: float | None) -> None:
        key = key_of(held)
        known = counted.summaries.get(key)
        if known is None:
            self._kept += 1
            counted.summaries[key] = _summary(key, held, last)
        else:
            counted.summaries[key] = replace(known, copies=known.copies + 1)


def histogram(times: Sequence[float], start: float, end: float, buckets: int = BUCKETS) -> tuple[int, ...]:
    """Count times by equal parts of the span from `start` to `end`, which both belong to it."""
    counts = [0] * buckets
    width = (end - start) / buckets
    for time in times:
        counts[min(buckets - 1, int((time - start) / width)) if width > 0 else buckets - 1] += 1
    return tuple(counts)


def _seen(counted: _Counted, span: tuple[float, float]) -> GroupSeen:
    group, dead = counted.group, counted.group.example.dead
    return GroupSeen(
        fingerprint=group.fingerprint,
        count=group.count,
        reason="" if dead is None else dead.reason,
        error_type="" if dead is None else dead.error_type,
        error="" if dead is None else _short(dead.error),
        type=group.example.type,
        first_seen=group.first_seen,
        last_seen=group.last_seen,
        trend=histogram(counted.times, *span),
        summaries=tuple(counted.summaries.values()),
    )


def _summary(key: str, held: Held, last: float | None) -> Summary:
    message = describe(held)
    dead = message.dead
    return Summary(
        key=key,
        message_id=message.message_id,
        type=message.type,
        failed_at=last,
        error="" if dead is None else _short(dead.error or dead.reason),
        attempts=message.attempts,
        replays=replays_of(held.properties.headers),
    )


def _short(error: str) -> str:
    """The first line of an error."""
    line = error.strip().partition("\n")[0]
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
