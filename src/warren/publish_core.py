"""What publishers have in common: encoding, a place in the window, tracing, and outcomes as receipts or errors.

Not here: waiting for them, on threads (`publishing.py`) and on event loops (`async_publishing.py`).
"""

from __future__ import annotations

import os
import time
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypedDict

from warren.claim_check.check import ClaimCheck
from warren.claim_check.threads import ThreadsOnDemand
from warren.clock import Clock
from warren.contracts.envelope import Outgoing, encode
from warren.contracts.message import Message
from warren.contracts.properties import Headers
from warren.errors import (
    Blocked,
    BrokerRefused,
    ConfigurationError,
    Indeterminate,
    Nacked,
    PublishError,
    Unroutable,
    WarrenError,
)
from warren.observability.tracing import UNTRACED, Sending, Tracing
from warren.publish_window import Window
from warren.transport import confirms
from warren.transport.connection import Connection
from warren.transport.publisher import Entry, PublishChannel, Settled

__all__ = ["DRAIN_TIMEOUT", "PublishOptions", "PublishingCore", "Receipt", "name_of"]

DRAIN_TIMEOUT: Final = 30.0
MAX_TIMEOUT: Final = 365 * 86_400.0


@dataclass(frozen=True, slots=True)
class Receipt:
    """The broker has the message, and at least one queue received it. `seconds` from the call to the confirm."""

    message_id: str
    exchange: str
    routing_key: str
    seconds: float


class PublishOptions(TypedDict, total=False):
    """What may be said of one publish; all may be left out."""

    message_id: str
    correlation_id: str
    reply_to: str
    headers: Headers
    priority: int
    ttl: float  # seconds
    persistent: bool  # False lets a restart of the broker lose the message
    routing_key: str  # instead of the message class's own


_forks = 0  # counted in the child; asking for the process id would be a system call for each message


def _count_fork() -> None:
    global _forks  # noqa: PLW0603
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)


class PublishingCore:
    """What both publishers share: encoding, the window, and outcomes as receipts or errors. Of no use to others."""

    def __init__(
        self,
        connection: Connection,
        *,
        app_id: str,
        clock: Clock,
        window: int,
        timeout: float,
        max_body: int,
        tracing: Tracing = UNTRACED,
        claim_check: ClaimCheck | None = None,
    ) -> None:
        if window < 1 or not 0 < timeout <= MAX_TIMEOUT:
            raise ConfigurationError(f"window={window!r}, timeout={timeout!r}: both must be more than 0, and finite")
        self.connection = connection
        self.channel = PublishChannel(connection, max_body=max_body)
        self.window = Window(window)
        self.timeout = timeout
        self._app_id = app_id
        self._clock = clock
        self._tracer = tracing.publisher(lambda: connection.host)
        self._forks = _forks
        self._claim_check = claim_check
        self._keeping = ThreadsOnDemand("publish-bodies")

    def encode(self, message: Message, options: PublishOptions) -> Outgoing:
        if not hasattr(type(message), "__warren__"):
            raise ConfigurationError(
                f"{message!r:.80} is no message; publish takes an instance of a class derived from warren.Message, and "
                f"publish_many several"
            )
        return encode(message, now=self._clock.now(), app_id=self._app_id, **options)

    def seconds(self, timeout: float | None) -> float:
        """Return how long a publish may take. Raises `ConfigurationError` where that would be for ever, or no time."""
        if timeout is None:
            return self.timeout
        if not 0 < timeout <= MAX_TIMEOUT:
            raise ConfigurationError(f"timeout={timeout!r}: give seconds, more than 0 and finite")
        return timeout

    def entry(
        self,
        message: Message,
        options: PublishOptions,
        timeout: float,
        settled: Any,
        context: Any,
        outgoing: Outgoing | None = None,
    ) -> Entry:
        """Make of a message what the channel takes. A large body is kept first, unless `outgoing` is given already."""
        if outgoing is None:
            outgoing = self.outgoing(message, options)
            if self.is_large(outgoing):
                began = time.monotonic()
                outgoing = self._kept(outgoing, timeout)
                timeout = max(0.001, timeout - time.monotonic() + began)
        tracer = self._tracer
        sending = None if tracer is None else tracer.send(outgoing, has_own_key=options.get("routing_key") is not None)
        if sending is None:
            return self.channel.entry(outgoing, timeout=timeout, settled=settled, context=context)
        return self._traced_entry(sending, outgoing, timeout, settled, context)

    def outgoing(self, message: Message, options: PublishOptions) -> Outgoing:
        """Encode a message, in the process this publisher belongs to."""
        if self._forks != _forks:
            raise ConfigurationError(
                "this publisher belongs to the process that was forked, and its I/O thread is there; after a fork make "
                "another one, or use app.publish()"
            )
        return self.encode(message, options)

    # -- large bodies: in the store before anything is sent -----------------------------------

    def is_large(self, outgoing: Outgoing) -> bool:
        """Whether a message's body goes to the store of bodies."""
        return self._claim_check is not None and self._claim_check.takes(outgoing)

    def keep(self, outgoing: Outgoing) -> Future[Outgoing]:
        """Begin to keep a large body; the future has the message that refers to it. Never blocks.

        Raises `MessageTooLarge`, and `ConfigurationError` on the I/O thread, which cannot wait for a store.
        """
        assert self._claim_check is not None  # noqa: S101 - it is large only beside one
        self.channel.check_size(outgoing)
        if self.connection.io.is_current:
            raise ConfigurationError(
                "an event subscriber or the callback of a publish runs on the thread that receives the confirms, which "
                "must not wait for the store of bodies: publish large messages from a thread of your own"
            )
        return self._keeping.submit(partial(self._claim_check.check_in, outgoing, now=self._clock.now()))

    def _kept(self, outgoing: Outgoing, seconds: float) -> Outgoing:
        future = self.keep(outgoing)
        try:
            return future.result(seconds)
        except TimeoutError:
            future.cancel()
            raise self.not_kept(outgoing) from None

    def not_kept(self, outgoing: Outgoing) -> Blocked:
        """Say that the store of bodies was too slow."""
        return Blocked(f"not sent: the store did not take the body of message {outgoing.message_id} in time")

    def _traced_entry(self, sending: Sending, outgoing: Outgoing, timeout: float, settled: Any, context: Any) -> Entry:
        carrying = outgoing._replace(properties=outgoing.properties._replace(headers=sending.headers))
        try:
            return self.channel.entry(
                carrying, timeout=timeout, settled=_Traced(sending, self, settled), context=context
            )
        except BaseException as error:
            sending.end(error)
            raise

    def check_may_wait(self) -> None:
        """Refuse to wait on the I/O thread for what that thread does: it would wait for ever."""
        if self.connection.io.is_current:
            raise ConfigurationError(
                "an event subscriber or the callback of a publish runs on the thread that receives the confirms, so it "
                "cannot wait for one: use submit(), or publish from a thread of your own"
            )

    def take_place(self, entry: Entry, seconds: float) -> None:
        """Take a place in the window for an entry; raises `Blocked` where none comes free in time."""
        try:
            if not self.window.take(0.0 if self.connection.io.is_current else seconds):
                raise self.full()
        except BaseException as error:
            self.not_sent(entry, error)
            raise

    def not_sent(self, entry: Entry, error: BaseException) -> None:
        """Say of an entry that it will not be submitted."""
        if isinstance(entry.settled, _Traced):
            entry.settled.sending.end(error)

    def full(self) -> PublishError | WarrenError:
        """Say why no place in the window came free."""
        if isinstance(self.connection.error, BrokerRefused):
            return self.connection.error
        return Blocked(
            f"not sent: {self.window.size} messages are unconfirmed and none was confirmed in time "
            f"({self.connection.error or self.connection.blocked_reason or 'the broker is slow'})"
        )

    def error(self, entry: Entry, outcome: confirms.Outcome) -> PublishError | WarrenError | None:
        """Return the error of an outcome, None for a confirmed one."""
        match outcome:
            case confirms.Confirmed():
                return None
            case confirms.Returned(reason):
                return Unroutable(f"{name_of(entry)} reached no queue: {reason}")
            case confirms.Nacked(reason):
                return Nacked(f"{name_of(entry)} was refused: {reason}")
            case confirms.BlockedOutcome(reason):
                if isinstance(self.connection.error, BrokerRefused):
                    return self.connection.error
                return Blocked(f"{name_of(entry)} was not sent: {reason}")
            case confirms.Indeterminate(reason):
                return Indeterminate(f"{name_of(entry)} may or may not have been stored: {reason}")

    def receipt(self, entry: Entry) -> Receipt:
        outgoing = entry.outgoing
        return Receipt(outgoing.message_id, outgoing.exchange, outgoing.routing_key, time.monotonic() - entry.started)


class _Traced:
    """The callback of a publish that is traced: ends its span first, so that whoever waits finds it ended."""

    __slots__ = ("_core", "_settled", "sending")

    def __init__(self, sending: Sending, core: PublishingCore, settled: Settled) -> None:
        self.sending = sending
        self._core = core
        self._settled = settled

    def __call__(self, entry: Entry, outcome: confirms.Outcome) -> None:
        self.sending.end(self._core.error(entry, outcome))
        self._settled(entry, outcome)


def name_of(entry: Entry) -> str:
    return f"message {entry.outgoing.message_id} ({entry.outgoing.message_type})"
