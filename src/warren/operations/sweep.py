"""The messages a queue has when a command begins, each seen once: a selection that is frozen.

Not here: which of them are wanted (`select.py`), or what is done with those (`drain.py`, `replay.py`, `purge.py`).

Theory of operation. How many there are is counted at the start; what comes later stands behind them, so counting is
enough to leave it alone. What takes long must not hold messages for long, or the broker takes them back
(consumer_timeout): after some minutes all is given back, and taken again in another pass. What was seen before and was
left where it is stands at the head of the queue again, in its old order, and is passed over by counting too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from types import TracebackType
from typing import Final, Self

from warren.errors import BrokerUnavailable, WarrenError
from warren.operations.lease import Held, Lease, Rounds
from warren.transport.connection import Connection

__all__ = ["Sweep", "await_return", "wait_until_back"]

LONGEST: Final = 300.0  # seconds that messages are held for
_A_CHANNEL: Final = 2_000  # messages
_CHANNELS: Final = 1_000  # of the 2,047 that RabbitMQ allows
_BACK_WITHIN: Final = 5.0
_LOOK_AGAIN: Final = 0.02


class Sweep:
    """One go over a queue, or its first `at_most` messages. Use it as a context manager.

    What is not acknowledged is given back in its order. The block's end raises `BrokerUnavailable` where the broker may
    not have noted what is acknowledged.
    """

    def __init__(
        self,
        connection: Connection,
        queue: str,
        *,
        at_most: int | None = None,
        longest: float = LONGEST,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.queue = queue
        self.seen = 0
        self.acked = 0
        self.is_settled = True  # at its end: whether the broker has noted all that was acknowledged
        self._connection = connection
        self._longest = longest
        self._monotonic = monotonic
        self._lease = Lease.open(connection, queue)
        self._others = self._lease.consumers  # a later pass counts its former one too, while that has messages
        self._depth = self._lease.depth()
        self.total = self._depth if at_most is None else min(self._depth, at_most)
        self._lease.close()
        self._lease = self._open()

    def __repr__(self) -> str:
        return f"<Sweep of {self.queue}, {self.seen} of {self.total} seen>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if kind is None and not self.is_settled:
            raise BrokerUnavailable(
                f"the broker has not confirmed that messages are out of {self.queue}: the connection or the queue was "
                f"lost, and some may be in it still as well as where they went; look, and run it again"
            )
        if self.is_settled and self._lease.kept_order and not self._others:
            await_return(self._connection, self.queue, self._depth - self.acked)

    def close(self) -> None:
        """Give back what is not acknowledged; the block's end does too, and waits until the queue has it."""
        try:
            self._lease.close()
        finally:
            self.is_settled = self.is_settled and self._lease.is_settled

    def _open(self) -> Lease:
        a_channel = max(_A_CHANNEL, self.total // _CHANNELS)
        return Lease.open(self._connection, self.queue, rounds=Rounds(most=min(a_channel, 65_535), a_channel=a_channel))

    def pieces(self, most: int, *, settle: Callable[[], None] | None = None) -> Iterator[list[Held]]:
        """Yield the messages in their order, at most `most` at a time.

        `settle` is called before messages are given back: it is the last chance to acknowledge those yielded so far.
        """
        while not (yield from self._pass(most)):
            if settle is not None:
                settle()
            self.close()
            self._lease = self._open()
            wait_until_back(self._lease, self.total - self.acked)

    def ack(self, tags: Iterable[int]) -> None:
        """Acknowledge messages of this pass."""
        settled = list(tags)
        self._lease.ack(settled)
        self.acked += len(settled)

    def _pass(self, most: int) -> Generator[list[Held], None, bool]:
        """Yield what was not seen before; return whether there is no more."""
        give_back_at = self._monotonic() + self._longest
        again = self.seen - self.acked
        is_new = True  # each pass gets at least one piece further
        for batch in self._lease.take(self.total - self.acked):
            fresh = batch[again:]
            again -= len(batch) - len(fresh)
            for start in range(0, len(fresh), most):
                if self._monotonic() >= give_back_at and not is_new:
                    return False
                is_new = False
                piece = fresh[start : start + most]
                self.seen += len(piece)
                yield piece
        return True


def await_return(connection: Connection, queue: str, count: int) -> None:
    """Wait until whoever counts the queue next finds all that was given back: `count` messages or more."""
    try:
        with Lease.open(connection, queue) as lease:
            wait_until_back(lease, count)
    except WarrenError:
        pass  # the connection or the queue is gone, and so nothing is held


def wait_until_back(lease: Lease, count: int, *, timeout: float = _BACK_WITHIN) -> int:
    """Wait until messages that were given back are ready again, and return how many are.

    RabbitMQ says that a channel is closed before its quorum queues have taken back what it held.
    """
    give_up_at = time.monotonic() + timeout
    while (ready := lease.depth()) < count and time.monotonic() < give_up_at:
        time.sleep(_LOOK_AGAIN)
    return ready
