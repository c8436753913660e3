"""Storage of a broker without a data folder: keeps nothing, so everything is at once as safe as it will be.

Not here: storage that outlives the process (`journal.py`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from warren.broker.model.message import Entry, Message
from warren.broker.storage.port import Recovered

if TYPE_CHECKING:
    from warren.broker.model.receiver import Receiver

__all__ = ["MemoryStorage"]


class MemoryStorage:
    """Implements Storage; messages live and end with the process."""

    def __init__(self) -> None:
        self.flushed = 0
        self.latest = 0
        self.backlog = 0
        self.on_flushed: Callable[[], None] = lambda: None
        self.on_alarm: Callable[[str | None], None] = lambda reason: None
        self._ids = itertools.count(1)

    def publish(self, message: Message, queues: Sequence[Receiver]) -> int:
        return 0

    def acknowledge(self, entry: Entry) -> None:
        pass

    def requeued(self, entry: Entry) -> None:
        pass

    def load(self, message: Message) -> None:
        raise RuntimeError(f"{message} was never taken out of memory")

    def define(self, kind: str, key: tuple[str, ...], value: Mapping[str, Any] | None) -> int:
        return 0

    def queue_deleted(self, queue: Receiver) -> None:
        pass

    def next_queue_id(self) -> int:
        return next(self._ids)

    def recover(self) -> Recovered:
        return Recovered()

    def end_turn(self) -> None:
        pass

    def close(self, delivered: Iterable[Entry]) -> None:
        pass
