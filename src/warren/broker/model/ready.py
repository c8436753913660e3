"""The entries of a queue that wait, in the order in which they are delivered.

Not here: what enters and leaves (`queue.py`), nor which entries are over the limit or expired.

Three orders behind one interface. A requeued entry returns to its place in a classic queue, and to the front in a
quorum queue, behind those that were requeued before it.

    Fifo              classic: by arrival
    Priorities        classic with x-max-priority: highest priority first, by arrival within one
    QuorumOrder       quorum: requeued entries first, then normal ones at most every third time before high ones
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable, Iterator
from heapq import heappop, heappush, merge
from itertools import chain
from typing import Final, Protocol

from warren.broker.model.message import Entry, Message

__all__ = ["Fifo", "Priorities", "QuorumOrder", "Ready"]

_HIGH_FROM: Final = 5
"""Quorum queues know two priorities: high from here on, and normal."""

_WEIGHT: Final = 2
"""Turns of high ones before each turn of the oldest."""


class Ready(Protocol):
    """An order of waiting entries. `pop` and `peek` need at least one."""

    append: Callable[[Entry], None]
    """Add a new entry. An attribute, since it may be the method of a deque."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Entry]:
        """In the order of delivery, without taking any."""
        ...

    def restore(self, entry: Entry) -> None:
        """Take back an entry that had been delivered."""
        ...

    def peek(self) -> Entry: ...

    def pop(self) -> Entry: ...

    def clear(self) -> None: ...


class Fifo:
    """By arrival; what is requeued returns to its place."""

    __slots__ = ("_fresh", "_returned", "append")

    def __init__(self) -> None:
        self._fresh: deque[Entry] = deque()  # ascending
        self._returned: list[tuple[int, Entry]] = []  # a heap: a deque has no cheap place in the middle
        self.append = self._fresh.append

    def __len__(self) -> int:
        return len(self._fresh) + len(self._returned)

    def __iter__(self) -> Iterator[Entry]:
        returned = (entry for _, entry in sorted(self._returned))
        return merge(returned, self._fresh, key=lambda entry: entry.order)

    def restore(self, entry: Entry) -> None:
        heappush(self._returned, (entry.order, entry))

    def peek(self) -> Entry:
        return self._returned[0][1] if self._is_returned_next() else self._fresh[0]

    def pop(self) -> Entry:
        if self._returned and self._is_returned_next():
            return heappop(self._returned)[1]
        return self._fresh.popleft()

    def clear(self) -> None:
        self._fresh.clear()
        self._returned.clear()

    def _is_returned_next(self) -> bool:
        return bool(self._returned) and (not self._fresh or self._returned[0][0] < self._fresh[0].order)


class Priorities:
    """One Fifo for each priority in use; the highest that is not empty is next."""

    __slots__ = ("_levels", "_occupied", "_priority_of", "append")

    def __init__(self, highest: int, priority_of: Callable[[Message], int]) -> None:
        self._levels: dict[int, Fifo] = {}
        self._occupied: list[int] = []  # priorities with entries, ascending
        self._priority_of: Callable[[Message], int] = lambda message: min(priority_of(message), highest)
        self.append: Callable[[Entry], None] = self._append

    def __len__(self) -> int:
        return sum(len(self._levels[priority]) for priority in self._occupied)

    def __iter__(self) -> Iterator[Entry]:
        return chain.from_iterable(self._levels[priority] for priority in reversed(self._occupied))

    def _append(self, entry: Entry) -> None:
        self._level_of(entry).append(entry)

    def restore(self, entry: Entry) -> None:
        self._level_of(entry).restore(entry)

    def peek(self) -> Entry:
        return self._levels[self._occupied[-1]].peek()

    def pop(self) -> Entry:
        level = self._levels[self._occupied[-1]]
        entry = level.pop()
        if not level:
            self._occupied.pop()
        return entry

    def clear(self) -> None:
        self._levels.clear()
        self._occupied.clear()

    def _level_of(self, entry: Entry) -> Fifo:
        """Return where the entry is about to be added."""
        priority = self._priority_of(entry.message)
        level = self._levels.get(priority)
        if level is None:
            level = self._levels[priority] = Fifo()
        if not level:
            insort(self._occupied, priority)
        return level


class QuorumOrder:
    """Requeued entries in the order of their return; then twice the next of high priority, once the oldest of all."""

    __slots__ = ("_high", "_normal", "_priority_of", "_returned", "_turn", "append")

    def __init__(self, priority_of: Callable[[Message], int]) -> None:
        self._returned: deque[Entry] = deque()
        self._high: deque[Entry] = deque()
        self._normal: deque[Entry] = deque()
        self._turn = 0  # counts what is taken from the two, from 0 to _WEIGHT and again
        self._priority_of = priority_of
        self.append: Callable[[Entry], None] = self._append

    def __len__(self) -> int:
        return len(self._returned) + len(self._high) + len(self._normal)

    def __iter__(self) -> Iterator[Entry]:
        copy = QuorumOrder(self._priority_of)
        copy._returned.extend(self._returned)
        copy._high.extend(self._high)
        copy._normal.extend(self._normal)
        copy._turn = self._turn
        while copy:
            yield copy.pop()

    def _append(self, entry: Entry) -> None:
        (self._high if self._priority_of(entry.message) >= _HIGH_FROM else self._normal).append(entry)

    def restore(self, entry: Entry) -> None:
        self._returned.append(entry)

    def peek(self) -> Entry:
        return self._next()[0]

    def pop(self) -> Entry:
        source = self._next()
        if source is not self._returned:
            self._turn = 0 if self._turn == _WEIGHT else self._turn + 1
        return source.popleft()

    def clear(self) -> None:
        self._returned.clear()
        self._high.clear()
        self._normal.clear()

    def _next(self) -> deque[Entry]:
        if self._returned:
            return self._returned
        high, normal = self._high, self._normal
        if not high or (normal and self._turn == _WEIGHT and normal[0].order < high[0].order):
            return normal
        return high
