"""What gets too old: messages with a time to live, and queues that nobody uses.

Not here: what happens to expired messages (`dead_letter.py`).

Messages expire at the head only, as in RabbitMQ: one that is due behind another that is not waits until it is the next.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from warren.broker.model.argument_values import LONGEST_MS
from warren.broker.model.dead_letter import Reason
from warren.broker.model.message import NEVER, Message
from warren.broker.protocol import properties
from warren.broker.replies import precondition_failed

if TYPE_CHECKING:
    from warren.broker.model.queue import Queue
    from warren.broker.timers import Timer

__all__ = ["HAS_EXPIRATION", "Lease", "MessageExpiry", "check_expiration", "expires_at"]

HAS_EXPIRATION: Final = 0x01
"""In the first octet of a header: the property flag of expiration (AMQP 0-9-1, 4.2.6.1)."""

_LEADING_NUMBER: Final = re.compile(r"[+-]?\d+", re.ASCII)


def check_expiration(text: str) -> None:
    """Raise 406 unless a message's expiration is milliseconds."""
    number = _LEADING_NUMBER.match(text)
    if number is None:
        problem = "no_integer"
    elif number.end() < len(text):
        problem = f'{{leftover_string,"{text[number.end() :]}"}}'
    elif (value := int(number[0])) < 0:
        problem = f"{{value_negative,{value}}}"
    elif value > LONGEST_MS:
        problem = f"{{value_too_large,{value}}}"
    else:
        return
    raise precondition_failed(f"invalid expiration '{text}': {problem}")


def expires_at(queue: Queue, message: Message) -> float:
    """Return when a message that comes in now expires: the sooner of what the queue and the publisher say."""
    expiration: str | None = properties.scan(queue.header(message)).expiration
    ttl = NEVER if queue.settings.message_ttl is None else queue.settings.message_ttl
    if expiration is not None:
        ttl = min(ttl, int(expiration) / 1000)
    now: float = queue.node.clock.monotonic()
    return now + ttl


class MessageExpiry:
    """Drops the head of a queue once it is due."""

    __slots__ = ("_queue", "_timer", "is_needed")

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._timer: Timer | None = None  # at or before the time of the head
        self.is_needed = False  # once an entry that expires came in

    def drop_due(self) -> None:
        """Drop what is due at the head, and watch the next."""
        self.is_needed = True
        queue = self._queue
        now = queue.node.clock.monotonic()
        while queue.ready_count and queue.head().expires_at <= now:
            queue.drop_head(Reason.EXPIRED)
        self._watch()

    def _watch(self) -> None:
        """Make sure to be there when the head is due."""
        queue = self._queue
        due = queue.head().expires_at if queue.ready_count else NEVER
        if due == NEVER or (self._timer is not None and self._timer.when <= due):
            return
        self.stop()
        self._timer = queue.node.timers.at(due, self._fired)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fired(self) -> None:
        self._timer = None
        self.drop_due()


class Lease:
    """Deletes a queue (x-expires) that had no consumer, declare or get for its time."""

    __slots__ = ("_queue", "_timer", "_used_at")

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._timer: Timer | None = None  # at or before the end of the lease; only with x-expires
        self._used_at = 0.0

    def renew(self) -> None:
        """Begin the time again. The timer is left where it is: it looks when it fires."""
        expires = self._queue.settings.expires
        if expires is None:
            self.stop()
            return
        self._used_at = self._queue.node.clock.monotonic()
        end = self._used_at + expires
        if self._timer is None or self._timer.when > end:
            self.stop()
            self._timer = self._queue.node.timers.at(end, self._fired)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fired(self) -> None:
        self._timer = None
        queue = self._queue
        expires = queue.settings.expires
        if expires is None:
            return
        now = queue.node.clock.monotonic()
        if queue.consumer_count:
            self._used_at = now
        end = self._used_at + expires
        if now >= end:
            queue.remove()
        else:
            self._timer = queue.node.timers.at(end, self._fired)
