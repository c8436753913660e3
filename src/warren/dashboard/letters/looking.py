"""Takes messages of a queue to look at them, with care for what that does to them, and gives them back in their order.

Not here: what is made of them (`counting.py`, `letter.py`), and when it is done (`dead_letters.py`).

Theory of operation. A look goes ahead by itself only where it costs nothing: into a dead-letter queue whose messages no
number of looks brings to their delivery limit. Anywhere else somebody has to agree, and it stops at a message that has
used half of its limit. Before anybody else has the queue, all is back in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Self, final

from warren.errors import BrokerRefused
from warren.operations.caution import Caution
from warren.operations.knowledge import find_caution
from warren.operations.lease import Held, Lease, Rounds
from warren.operations.message import delivery_count_of
from warren.operations.sweep import await_return
from warren.transport.connection import Connection

__all__ = ["Looking"]

_ROUNDS: Final = Rounds(size=16 * 1024 * 1024)  # a look is no reason to fill the memory
_DEAD: Final = ".dead"


@final
class Looking:
    """A look at the first `most` messages of a queue. Use it as a context manager; not for the event loop.

    Where `question` is not empty nothing is taken, and `agreed` says that it was answered. `check` is called before
    each batch; what it raises ends the look.
    """

    def __init__(
        self, connection: Connection, queue: str, *, most: int, agreed: bool, check: Callable[[], None]
    ) -> None:
        self.total = 0
        self.looked = 0
        self.remarks: tuple[str, ...] = ()
        self.question = ""
        self.stopped = ""
        self.connection = connection
        self._queue = queue
        self._most = most
        self._agreed = agreed
        self._check = check
        self._caution = Caution()
        self._lease = Lease.open(connection, queue, rounds=_ROUNDS)

    def __repr__(self) -> str:
        return f"<Looking into {self._queue}, {self.looked} of {self.total}>"

    def __enter__(self) -> Self:
        try:
            self.total = self._lease.depth()
            if self.total:
                self._take_care()
        except BaseException:
            self._lease.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        taken = self._lease.taken
        self._lease.close()
        if taken:
            await_return(self.connection, self._queue, self.total)

    def batches(self) -> Iterator[list[Held]]:
        """Yield the messages in their order."""
        if self.question:
            return
        for batch in self._lease.take(min(self._most, self.total)):
            self._check()
            fresh = self._before_the_limit(batch)
            self.looked += len(fresh)
            if fresh:
                yield fresh
            if self.stopped:
                return

    def _take_care(self) -> None:
        caution = self._caution = find_caution(self.connection, self._queue, consumers=self._lease.consumers)
        if caution.impossible is not None:
            raise BrokerRefused(caution.impossible)
        if caution.refusal is not None:
            raise BrokerRefused(caution.refusal.replace("--force", f"`warren inspect {self._queue} --force`"))
        self.remarks = caution.beside if caution.is_free else caution.remarks
        self._lease.wary_of = caution.stop_at
        if not self._agreed:
            self.question = _question(self._queue, caution)

    def _before_the_limit(self, batch: list[Held]) -> list[Held]:
        stop_at = self._caution.stop_at
        for index, held in enumerate(batch if stop_at is not None else ()):
            count = delivery_count_of(held.properties.headers)
            if count is not None and stop_at is not None and count >= stop_at:
                self.stopped = _why_stopped(self._queue, self.looked + index + 1, count, self._caution.limit)
                self._lease.wary_of = 0  # no more is to be delivered only to keep the order
                return batch[:index]
        return batch


def _question(queue: str, caution: Caution) -> str:
    """Return what somebody must agree to; nothing where a look costs nothing."""
    if not caution.is_free:
        return caution.remarks[0]
    if not queue.endswith(_DEAD):
        return f"{queue} is no dead-letter queue of Warren's: what is looked at is held meanwhile, and redelivered then"
    return ""


def _why_stopped(queue: str, number: int, count: int, limit: int | None) -> str:
    known = "its delivery limit is not known" if limit is None else f"its delivery limit is {limit:,}"
    return (
        f"The look stopped at message {number:,}: it has been delivered {count:,} times in vain, and {known}. "
        f"`warren inspect {queue} --force` looks on."
    )
