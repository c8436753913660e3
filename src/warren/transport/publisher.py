"""A channel in confirm mode that survives its connection: sends, keeps the ledger, re-sends after recovery.

Not here: waiting callers and messages (`warren/publishing.py`), or which confirm belongs to which publish
(`confirms.py`).

Theory of operation. An entry is pending until it is written, open until the broker answers, then settled once, by its
`settled` callback on the I/O thread. Pending entries wait while there is no channel or while the broker has an alarm.
When the connection is lost, open entries stay open and are sent again, in order, on the next channel, under the same
message id; what is refused then is `Indeterminate`, because the broker may have stored it the first time. When the
broker closes the channel, what it said is the answer to all open entries. At its deadline a pending entry is
`BlockedOutcome` (it never left), an open one `Indeterminate`.
"""

from __future__ import annotations

import logging
import random
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

import pika.exceptions
from pika.spec import Basic

from warren.contracts.envelope import Outgoing
from warren.errors import MessageTooLarge, WarrenError
from warren.observability import events
from warren.reliability.backoff import Backoff
from warren.transport.confirms import CONFIRMED, BlockedOutcome, Indeterminate, Ledger, Nacked, Outcome, Returned
from warren.transport.connection import Connection
from warren.transport.stream import RawReturn, Stream
from warren.transport.wire import decode_properties, encode_properties, encode_publish, header_frame_size

__all__ = ["Entry", "PublishChannel", "Settled"]

TICK: Final = 0.1  # seconds between two looks at deadlines
_REOPEN: Final = Backoff(base=0.05, cap=5.0)
_rng: Final = random.Random()

_TOO_LARGE: Final = re.compile(r"message size \d+ is larger than (?:configured )?max size (?P<limit>\d+)")
_FOREIGN_USER: Final = re.compile(r"user_id property set to '(?P<user>.*)' but authenticated user")

_log = logging.getLogger("warren.transport")

Settled = Callable[["Entry", Outcome], None]


class Entry:
    """One publish on its way; `deadline` on the monotonic clock."""

    __slots__ = (
        "announced",
        "context",
        "deadline",
        "encoded",
        "frame_max",
        "outgoing",
        "sent",
        "settled",
        "started",
    )

    def __init__(
        self,
        outgoing: Outgoing,
        encoded: bytes,
        frame_max: int,
        *,
        started: float,
        deadline: float,
        settled: Settled,
        context: Any,
        announced: bool,
    ) -> None:
        self.outgoing = outgoing
        self.encoded = encoded
        self.frame_max = frame_max
        self.started = started
        self.deadline = deadline
        self.settled = settled
        self.context = context  # the caller's own
        self.announced = announced  # whether events tell what became of it
        self.sent = 0  # how often


class PublishChannel:
    """Publishes on one channel, every message mandatory and confirmed."""

    def __init__(self, connection: Connection, *, max_body: int) -> None:
        self._connection = connection
        self._io = connection.io
        self._bus = connection.bus
        self._number = connection.reserve_channel()
        self._max_body = max_body
        self._arrived: deque[Entry] = deque()  # handed over by other threads
        self._drain_scheduled = False
        self._after_the_end = threading.RLock()  # a callback may publish again
        # Below: I/O thread only.
        self._pending: deque[Entry] = deque()
        self._ledger: Ledger[Entry] = Ledger()
        self._stream: Stream | None = None
        self._channel: Any = None  # pika's, from its opening to its end
        self._ready = False  # the channel is open and in confirm mode
        self._blocked: str | None = None
        self._closed: WarrenError | None = None
        self._reopens = 0  # since the last confirm
        self._tick_armed = False
        connection.attach(self)

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open" if self._ready else "waiting"
        return f"<PublishChannel {state}, {len(self._ledger)} unconfirmed, {len(self._pending)} pending>"

    # -- from any thread --------------------------------------------------------------------

    def entry(
        self, outgoing: Outgoing, *, timeout: float, settled: Settled, context: Any = None, announced: bool = True
    ) -> Entry:
        """Encode a message for `submit`. Raises `MessageTooLarge`, or `ValueError` for a header no field can hold."""
        self.check_size(outgoing)
        frame_max = self._connection.frame_max
        encoded = self._encode(outgoing, frame_max)
        now = time.monotonic()
        return Entry(
            outgoing,
            encoded,
            frame_max,
            started=now,
            deadline=now + timeout,
            settled=settled,
            context=context,
            announced=announced,
        )

    def check_size(self, outgoing: Outgoing) -> None:
        """Raise `MessageTooLarge` where the body is."""
        if len(outgoing.body) > self._max_body:
            raise MessageTooLarge(
                f"message {outgoing.message_id} has a body of {len(outgoing.body):,} bytes; "
                f"the limit is {self._max_body:,}"
            )

    def submit(self, entries: Sequence[Entry]) -> None:
        """Send entries in order. Returns at once; each is settled exactly once, on the I/O thread."""
        self._arrived.extend(entries)
        if not self._drain_scheduled:
            self._drain_scheduled = True
            accepted = False
            try:
                accepted = self._io.post(self._drain)
            finally:
                if not accepted:  # also where Ctrl-C came between: the next one must not rely on it
                    self._drain_scheduled = False
            if not accepted:
                self._settle_here()

    def close(self) -> None:
        """Close the channel. Open entries end as indeterminate, pending ones as blocked."""
        self._io.post(self._close)

    # -- I/O thread only --------------------------------------------------------------------

    def _encode(self, outgoing: Outgoing, frame_max: int) -> bytes:
        properties = encode_properties(outgoing.properties)
        if header_frame_size(properties) > frame_max:
            raise MessageTooLarge(
                f"message {outgoing.message_id} has {len(properties):,} bytes of properties and headers; "
                f"they must fit one frame of {frame_max:,}"
            )
        return encode_publish(
            channel=self._number,
            exchange=outgoing.exchange,
            routing_key=outgoing.routing_key,
            properties=properties,
            body=outgoing.body,
            frame_max=frame_max,
        )

    def _drain(self) -> None:
        self._drain_scheduled = False
        arrived = self._arrived
        while arrived:
            self._pending.append(arrived.popleft())
        if self._closed is not None:
            self._fail_pending(str(self._closed))
        elif self._ready and self._blocked is None:
            self._send_pending()
        self._arm_tick()

    def _send_pending(self) -> None:
        stream = self._stream
        if stream is None or not stream.is_open:
            return
        pending, ledger, frame_max = self._pending, self._ledger, stream.frame_max
        announce = self._bus.wants(events.Published)
        parts: list[bytes] = []
        while pending:
            entry = pending.popleft()
            if entry.frame_max > frame_max:
                try:
                    entry.encoded = self._encode(entry.outgoing, frame_max)
                except MessageTooLarge as error:
                    self._settle([(entry, Indeterminate(str(error)) if entry.sent else Nacked(str(error)))])
                    continue
                entry.frame_max = frame_max
            ledger.open(entry, entry.outgoing.message_id)
            entry.sent += 1
            parts.append(entry.encoded)
            if announce:
                self._bus.emit(events.Published(*_identity(entry)))
        if parts:
            stream.write(parts[0] if len(parts) == 1 else b"".join(parts))

    def _on_ack(self, tag: int, multiple: bool) -> None:
        self._reopens = 0
        self._settle(self._ledger.ack(tag, multiple=multiple))

    def _on_nack(self, frame: Any) -> None:
        method = frame.method
        if isinstance(method, Basic.Nack):
            reason = "the broker refused it: its queue is full (reject-publish), or not available"
            self._settle(self._ledger.nack(method.delivery_tag, multiple=method.multiple, reason=reason))

    def _on_return(self, returned: RawReturn) -> None:
        message_id = decode_properties(returned.properties, 0).message_id or ""
        where = f"exchange {returned.exchange!r} with routing key {returned.routing_key!r}"
        if not returned.exchange:
            where = f"queue {returned.routing_key!r}"
        self._ledger.returned(message_id, f"{returned.reply_code} {returned.reply_text}: no queue receives {where}")

    def _settle(self, settled: list[tuple[Entry, Outcome]]) -> None:
        announce = self._bus.wants(events.Confirmed)
        for entry, answer in settled:
            outcome = answer
            if outcome is not CONFIRMED:
                outcome = _as_known(entry, answer)
                if entry.announced:
                    self._announce_failure(entry, outcome)
            elif announce and entry.announced:
                seconds = time.monotonic() - entry.started
                self._bus.emit(events.Confirmed(*_identity(entry), seconds))
            try:
                entry.settled(entry, outcome)
            except (Exception, SystemExit):  # a caller's error costs the others no outcome, and us no thread
                _log.exception("the callback of message %s failed", entry.outgoing.message_id)

    def _announce_failure(self, entry: Entry, outcome: Outcome) -> None:
        match outcome:
            case Returned(reason):
                self._bus.emit(events.Returned(*_identity(entry), reason))
            case Nacked(reason) | BlockedOutcome(reason) | Indeterminate(reason):
                name = "blocked" if isinstance(outcome, BlockedOutcome) else type(outcome).__name__.lower()
                self._bus.emit(events.ConfirmFailed(*_identity(entry), name, reason))
            case _:
                pass

    # -- deadlines --------------------------------------------------------------------------

    def _arm_tick(self) -> None:
        if not self._tick_armed and (self._pending or len(self._ledger)):
            self._tick_armed = True
            self._io.loop.call_later(TICK, self._tick)

    def _tick(self) -> None:
        self._tick_armed = False
        self.expire(time.monotonic())
        self._arm_tick()

    def expire(self, now: float) -> None:
        """Settle what is past its deadline."""
        late = [entry for entry in self._ledger.entries() if entry.deadline <= now]
        if late:
            self._ledger.forget(late)
            reason = f"no answer from the broker before the deadline ({self._state_text()})"
            self._settle([(entry, Indeterminate(reason)) for entry in late])
        if any(entry.deadline <= now for entry in self._pending):
            reason = f"its deadline passed ({self._state_text()})"
            expired = [entry for entry in self._pending if entry.deadline <= now]
            self._pending = deque(entry for entry in self._pending if entry.deadline > now)
            self._settle([(entry, _unanswered(entry, reason)) for entry in expired])

    def _state_text(self) -> str:
        if self._blocked is not None:
            return f"the broker blocks publishers: {self._blocked}"
        if self._stream is None:
            return f"no connection: {self._connection.error or 'still connecting'}"
        return "connected"

    # -- the connection ---------------------------------------------------------------------

    def connection_opened(self, stream: Stream) -> None:
        """Open the channel; what was open is sent again on it."""
        self._stream = stream
        self._open_channel()

    def _open_channel(self) -> None:
        stream = self._stream
        if stream is None or not stream.is_open or self._closed is not None or self._channel is not None:
            return

        def opened(channel: Any) -> None:
            stream.route_confirms(self._number, acks=self._on_ack, returns=self._on_return)
            channel.confirm_delivery(self._on_nack, callback=lambda _frame: self._on_confirm_mode(channel))

        self._channel = stream.channel(channel_number=self._number, on_open_callback=opened)
        self._channel.add_on_close_callback(self._on_channel_closed)

    def _on_confirm_mode(self, channel: Any) -> None:
        if channel is not self._channel:
            return
        # Sent before, unanswered: again, ahead of what never left.
        self._pending.extendleft(reversed(self._ledger.restart()))
        self._ready = True
        if self._blocked is None:
            self._send_pending()

    def _on_channel_closed(self, channel: Any, error: BaseException) -> None:
        if channel is not self._channel:
            return
        self._forget_channel()
        if self._closed is not None:
            self._connection.release_channel(self._number)
        elif isinstance(error, pika.exceptions.ChannelClosedByBroker):
            self._settle([(entry, _channel_outcome(entry, error)) for entry in self._ledger.restart()])
            self._reopens += 1
            # Never at once: pika forgets the channel only after it has told us.
            delay = 0.0 if self._reopens == 1 else _REOPEN.delay(self._reopens, _rng)
            self._io.loop.call_later(delay, self._open_channel)

    def _forget_channel(self) -> None:
        self._ready = False
        self._channel = None
        if self._stream is not None:
            self._stream.unroute(self._number)

    def connection_lost(self, reason: str) -> None:
        """Keep everything for the next channel."""
        self._forget_channel()
        self._stream = None
        self._blocked = None

    def connection_blocked(self, reason: str) -> None:
        """Hold back what has not been sent."""
        self._blocked = reason

    def connection_unblocked(self) -> None:
        """Send what was held back."""
        self._blocked = None
        if self._ready:
            self._send_pending()

    def connection_closed(self, error: WarrenError) -> None:
        """Settle everything: nothing will be sent any more."""
        self._forget_channel()
        self._stream = None
        self._end(error)

    def _close(self) -> None:
        if self._closed is not None:
            return
        self._connection.detach(self)
        self._ready = False
        self._end(WarrenError("the publisher has been closed"))
        channel = self._channel
        if channel is None:
            self._connection.release_channel(self._number)
        elif not channel.is_closing:
            channel.close()

    def _end(self, error: WarrenError) -> None:
        self._closed = error
        self._settle([(entry, Indeterminate(str(error))) for entry in self._ledger.restart()])
        self._drain()

    def _fail_pending(self, reason: str) -> None:
        failed = [(entry, _unanswered(entry, reason)) for entry in self._pending]
        self._pending.clear()
        self._settle(failed)

    def _settle_here(self) -> None:
        """Settle on the caller's thread, one caller at a time: the I/O thread has ended."""
        with self._after_the_end:
            while self._arrived:
                self._settle([(self._arrived.popleft(), BlockedOutcome("the connection has been closed"))])


def _identity(entry: Entry) -> tuple[str, str, str, str]:
    outgoing = entry.outgoing
    return outgoing.message_id, outgoing.message_type, outgoing.exchange, outgoing.routing_key


def _as_known(entry: Entry, answer: Outcome) -> Outcome:
    """Refused this time, but sent on a former connection too: the broker may have it from then."""
    if entry.sent > 1 and isinstance(answer, Returned | Nacked):
        return Indeterminate(f"sent before the connection was lost, and again after: {answer.reason}")
    return answer


def _unanswered(entry: Entry, reason: str) -> Outcome:
    """A pending entry may have been sent on a former connection."""
    return Indeterminate(reason) if entry.sent else BlockedOutcome(reason)


def _channel_outcome(entry: Entry, error: pika.exceptions.ChannelClosedByBroker) -> Outcome:
    """Tell the publish the broker complained about from those that only shared its channel."""
    outgoing, text = entry.outgoing, f"{error.reply_code} {error.reply_text}"
    too_large, foreign = _TOO_LARGE.search(text), _FOREIGN_USER.search(text)
    is_named = f"exchange '{outgoing.exchange}'" in text
    if is_named and error.reply_code == 404:
        return Returned(f"{text}; declare it: start a worker, or run `warren topology apply`")
    if (
        (is_named and error.reply_code == 403)
        or (too_large is not None and len(outgoing.body) > int(too_large["limit"]))
        or (foreign is not None and outgoing.properties.user_id == foreign["user"])
    ):
        return Nacked(text)
    return Indeterminate(f"the broker closed the channel: {text}")
