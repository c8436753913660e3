"""Copies on their way to a queue: a few at a time, in order, and nothing is acknowledged before its copy is confirmed.

Not here: what a copy carries (`replaying.py`), or who acknowledges (`drain.py`, `replay.py`).

Theory of operation. At most `window` copies are unconfirmed: they are what a kill can double. The first that is not
confirmed ends it: no more is sent, what is under way is waited for, and the error says why. A lost connection ends it
too. The messages that were taken are back in their queue then, and to send their copies again would double them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

from warren.contracts.envelope import Outgoing
from warren.errors import Blocked, BrokerUnavailable, Indeterminate, Nacked, PublishError, Unroutable, WarrenError
from warren.transport.confirms import CONFIRMED, BlockedOutcome, Outcome, Returned
from warren.transport.confirms import Indeterminate as IndeterminateOutcome
from warren.transport.connection import Connection
from warren.transport.publisher import Entry, PublishChannel
from warren.transport.stream import Stream

__all__ = ["Sender"]

WINDOW: Final = 256
TIMEOUT: Final = 30.0  # seconds until a copy that is not confirmed counts as indeterminate
_AT_THE_END: Final = 5.0  # seconds for the answers to what is under way when it ends early
_TOGETHER: Final = 64  # acknowledged at once, where there is no reason not to wait
_MAX_BODY: Final = 2**31


class Sender:
    """Publishes copies, and hands back in order of their confirms what belongs to each. Use it as a context manager.

    `on_confirmed` is called on the thread of `send` and `finish`. Not thread-safe, and not for the I/O thread.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        on_confirmed: Callable[[list[Any]], None],
        window: int = WINDOW,
        timeout: float = TIMEOUT,
    ) -> None:
        self.confirmed = 0
        self._connection = connection
        self._on_confirmed = on_confirmed
        self._window = window
        self._timeout = timeout
        self._changed = threading.Condition()
        # Below: under the condition.
        self._open = 0
        self._answered: deque[Any] = deque()  # confirmed, and not yet handed back
        self._failure: WarrenError | None = None
        self._channel = PublishChannel(connection, max_body=_MAX_BODY)
        connection.attach(self)

    def __repr__(self) -> str:
        return f"<Sender, {self._open} unconfirmed, {self.confirmed} confirmed>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._settle()
        finally:
            self._connection.io.post(lambda: self._connection.detach(self))
            self._channel.close()

    def send(self, outgoing: Outgoing, belonging: Any) -> None:
        """Send a copy, once there is room for it. Raises `WarrenError` where a former one was not confirmed."""
        if len(self._answered) >= _TOGETHER:
            self.hand_back()
        while not self._has_room():
            self.hand_back()
        try:
            entry = self._channel.entry(outgoing, timeout=self._timeout, settled=self._settled, context=belonging)
        except ValueError as error:
            raise PublishError(f"message {outgoing.message_id} cannot be published: {error}") from error
        with self._changed:
            self._open += 1
        self._channel.submit([entry])

    def finish(self) -> None:
        """Wait until all that was sent is answered. Raises where one was not confirmed."""
        with self._changed:
            self._changed.wait_for(lambda: self._open == 0)
        self.hand_back()
        if self._failure is not None:
            raise self._failure

    def _settle(self) -> None:
        """Hand back what is confirmed, also after an error, Ctrl-C or a stop: less is doubled the next time."""
        with self._changed:
            self._changed.wait_for(lambda: self._open == 0, timeout=_AT_THE_END)
        try:
            self.hand_back()
        except WarrenError:
            pass  # the connection is lost: what is not acknowledged is back in its queue

    def _has_room(self) -> bool:
        """Wait for room, for answers to hand back, or for a failure, which is raised."""
        with self._changed:
            self._changed.wait_for(lambda: self._open < self._window or self._answered or self._failure is not None)
            if self._failure is not None:
                self._changed.wait_for(lambda: self._open == 0)
                raise self._failure
            return self._open < self._window

    def hand_back(self) -> None:
        """Hand back what is confirmed by now."""
        with self._changed:
            answered = list(self._answered)
            self._answered.clear()
        if answered:
            self.confirmed += len(answered)
            self._on_confirmed(answered)

    # -- I/O thread only --------------------------------------------------------------------

    def _settled(self, entry: Entry, outcome: Outcome) -> None:
        with self._changed:
            self._open -= 1
            if outcome is CONFIRMED:
                self._answered.append(entry.context)
            elif self._failure is None:
                self._failure = _error_of(entry, outcome)
            self._changed.notify_all()

    def _fail(self, failure: WarrenError) -> None:
        with self._changed:
            if self._failure is None:
                self._failure = failure
            self._changed.notify_all()
        self._channel.close()  # settles what is open

    def connection_opened(self, stream: Stream) -> None:
        """The first one; after a loss nothing is sent any more."""

    def connection_lost(self, reason: str) -> None:
        """End it."""
        self._fail(BrokerUnavailable(f"the connection was lost: {reason}; run it again once the broker is back"))

    def connection_closed(self, error: WarrenError) -> None:
        """End it."""
        self._fail(error)

    def connection_blocked(self, reason: str) -> None:
        """Copies wait, up to their deadline."""

    def connection_unblocked(self) -> None:
        """They go on."""


def _error_of(entry: Entry, outcome: Outcome) -> WarrenError:
    queue, message_id = entry.outgoing.routing_key, entry.outgoing.message_id
    what = f"message {message_id} was" if message_id else "a message was"
    reason = getattr(outcome, "reason", "")
    match outcome:
        case Returned():
            return Unroutable(f"there is no queue {queue!r} to send to; declare it, and run this again")
        case BlockedOutcome():
            return Blocked(f"{what} not sent to queue {queue!r} within {TIMEOUT:g} s: {reason}")
        case IndeterminateOutcome():
            return Indeterminate(f"{what} sent to queue {queue!r}, and whether it has it is unknown: {reason}")
        case _:
            return Nacked(f"queue {queue!r} refused message {message_id or 'without an id'}: {reason}")
