"""The publisher for threads: messages in, receipts out. One at a time, or pipelined within a window.

Not here: the one for event loops (`async_publishing.py`), what both share (`publish_core.py`), the wire
(`transport/publisher.py`).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from types import TracebackType
from typing import Final, Unpack

from warren.contracts.message import Message
from warren.errors import Indeterminate, PublishError, PublishManyError, WarrenError
from warren.publish_core import DRAIN_TIMEOUT, PublishingCore, PublishOptions, Receipt, name_of
from warren.transport import confirms
from warren.transport.publisher import Entry

__all__ = ["PublishOptions", "Publisher", "Receipt"]

CHUNK: Final = 256  # messages handed to the I/O thread at once by publish_many
HOLD: Final = 0.005  # seconds a slow source may hold back a chunk that is not full
MARGIN: Final = 10.0  # seconds the I/O thread may be late with an answer

_PLAIN: Final[PublishOptions] = {}


class Publisher:
    """Publishes from threads. Every message is mandatory and confirmed; at most `window` are unconfirmed at a time.

    Thread-safe. A full window makes callers wait, up to their timeout, and drops nothing.
    """

    def __init__(self, core: PublishingCore) -> None:
        self._core = core
        self._closed = False

    def __repr__(self) -> str:
        return f"<Publisher {'closed' if self._closed else 'open'}, {self._core.window.in_flight} unconfirmed>"

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def publish(self, message: Message, *, timeout: float | None = None, **options: Unpack[PublishOptions]) -> Receipt:
        """Publish one message and wait until the broker confirmed and routed it.

        `timeout` is in seconds (default: the publisher's). Raises `Unroutable`, `Nacked`, `Blocked`, `Indeterminate`
        or `MessageTooLarge`.
        """
        core = self._core
        core.check_may_wait()
        seconds = core.seconds(timeout)
        done = threading.Lock()
        done.acquire()
        result: list[confirms.Outcome] = []

        def settled(entry: Entry, outcome: confirms.Outcome) -> None:
            result.append(outcome)
            core.window.give_back()
            done.release()

        entry = core.entry(message, options, seconds, settled, None)
        core.take_place(entry, seconds)
        core.channel.submit([entry])
        # The channel settles every entry at its deadline; the margin covers a stalled machine.
        if not done.acquire(timeout=seconds + MARGIN):
            raise Indeterminate(f"{name_of(entry)}: the I/O thread did not answer")
        failure = core.error(entry, result[0])
        if failure is not None:
            raise failure
        return core.receipt(entry)

    def submit(
        self, message: Message, *, timeout: float | None = None, **options: Unpack[PublishOptions]
    ) -> Future[Receipt]:
        """Publish without waiting for the confirm; the future has the receipt, or the error `publish` would raise.

        Waits for a place in the window, and raises `Blocked` where none comes free in time.
        """
        core = self._core
        seconds = core.seconds(timeout)
        future: Future[Receipt] = Future()

        def settled(entry: Entry, outcome: confirms.Outcome) -> None:
            core.window.give_back()
            failure = core.error(entry, outcome)
            if failure is None:
                future.set_result(core.receipt(entry))
            else:
                future.set_exception(failure)

        entry = core.entry(message, options, seconds, settled, None)
        core.take_place(entry, seconds)
        future.set_running_or_notify_cancel()
        core.channel.submit([entry])
        return future

    def publish_many(
        self,
        messages: Iterable[Message],
        *,
        timeout: float | None = None,
        on_confirmed: Callable[[Receipt], None] | None = None,
    ) -> int:
        """Publish all messages, pipelined, and wait until each is confirmed; return how many.

        `timeout` is in seconds for each message. Where some fail the others are published all the same, and
        `PublishManyError` names the failed ones. `on_confirmed` runs on the I/O thread and must not block.
        """
        self._core.check_may_wait()
        return _Batch(self._core, self._core.seconds(timeout), on_confirmed).publish(messages)

    def close(self) -> None:
        """Wait for what is unconfirmed, then close."""
        self._core.check_may_wait()
        if not self._closed:
            self._closed = True
            self._core.window.wait_empty(DRAIN_TIMEOUT)
            self._core.channel.close()


class _Batch:
    """One `publish_many`: fills chunks, keeps the window, counts."""

    def __init__(self, core: PublishingCore, timeout: float, on_confirmed: Callable[[Receipt], None] | None) -> None:
        self._core = core
        self._timeout = timeout
        self._on_confirmed = on_confirmed
        self._failures: list[tuple[Message, PublishError]] = []
        self._chunk: deque[Entry] = deque()
        self._sending = threading.Lock()  # keeps chunks in order
        self._confirmed = 0
        self._submitted = 0
        self._settled = 0
        self._all_settled = threading.Condition()
        self._complete = False  # the source is exhausted

    def publish(self, messages: Iterable[Message]) -> int:
        places = 0
        try:
            for message in messages:
                if places == 0:
                    self._send()
                    places = self._core.window.take_many(CHUNK, self._timeout)
                if places == 0:
                    self._failed(message, self._core.full())
                    continue
                try:
                    entry = self._core.entry(message, _PLAIN, self._timeout, self._on_settled, message)
                except (PublishError, WarrenError, ValueError) as error:
                    self._failed(message, error)
                    continue
                places -= 1
                self._chunk.append(entry)
                if len(self._chunk) == 1:
                    # Whatever the source does next: it may wait for long, even for this message to arrive.
                    self._core.connection.io.post_later(HOLD, self._send)
        finally:
            # Also when the source raises: what it gave before is published.
            self._send()
            if places:
                self._core.window.untake(places)
            self._wait()
        if self._failures:
            raise PublishManyError(self._failures, self._confirmed)
        return self._confirmed

    def _send(self) -> None:
        """Send the chunk as it is; from the caller's thread or the I/O thread."""
        with self._sending:
            entries = []
            while self._chunk:
                entries.append(self._chunk.popleft())
            if entries:
                self._submitted += len(entries)
                self._core.channel.submit(entries)

    def _failed(self, message: Message, error: Exception) -> None:
        failure = error if isinstance(error, PublishError) else PublishError(str(error))
        self._failures.append((message, failure))

    def _on_settled(self, entry: Entry, outcome: confirms.Outcome) -> None:
        try:
            self._note(entry, outcome)
        finally:  # an error of the caller's callback costs no message its place
            self._settled += 1
            self._core.window.give_back()
            if self._complete and self._settled == self._submitted:
                with self._all_settled:
                    self._all_settled.notify_all()

    def _note(self, entry: Entry, outcome: confirms.Outcome) -> None:
        if outcome is confirms.CONFIRMED:
            self._confirmed += 1
            if self._on_confirmed is not None:
                self._on_confirmed(self._core.receipt(entry))
        else:
            failure = self._core.error(entry, outcome)
            if failure is not None:
                self._failed(entry.context, failure)

    def _wait(self) -> None:
        """Wait for the last answer, which comes at its deadline at the latest."""
        with self._all_settled:
            self._complete = True
            if not self._all_settled.wait_for(lambda: self._settled == self._submitted, self._timeout + MARGIN):
                unknown = self._submitted - self._settled
                raise Indeterminate(f"{unknown} of {self._submitted} messages: the I/O thread did not answer")
