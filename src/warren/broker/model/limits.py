"""How much may wait in a queue: x-max-length, x-max-length-bytes, and what x-overflow does then.

Not here: where dropped and refused messages go (`dead_letter.py`).

A classic queue rejects a publish that would not fit. A quorum queue learns too late: it takes the one that goes over
the limit, and rejects from then on until it is at or below 80 % of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from warren.broker.model.dead_letter import Reason, bury_refused
from warren.broker.model.queue_settings import Kind, Overflow

if TYPE_CHECKING:
    from warren.broker.model.message import Message
    from warren.broker.model.queue import Queue

__all__ = ["enforce", "has_room", "refuse", "relieve"]

_LOW_MARK: Final = 0.8


def has_room(queue: Queue, message: Message) -> bool:
    """Whether a queue that may reject takes a message now."""
    settings = queue.settings
    if settings.overflow is Overflow.DROP_HEAD:
        return True
    if queue.kind is Kind.QUORUM:
        return not queue.is_rejecting
    return not _is_over(queue, queue.ready_count + 1, queue.ready_bytes + message.size)


def refuse(queue: Queue, message: Message) -> None:
    """Count a message that was not accepted, and bury it if the queue is told to."""
    queue.dropped += 1
    if queue.settings.overflow is Overflow.REJECT_PUBLISH_DLX:
        bury_refused(queue, message)


def enforce(queue: Queue) -> None:
    """Bring a queue that has grown back to its limits, or let it reject what comes."""
    if queue.settings.overflow is Overflow.DROP_HEAD:
        if _is_over(queue, queue.ready_count, queue.ready_bytes):
            _drop_heads(queue)
    elif queue.kind is Kind.QUORUM:
        queue.is_rejecting = queue.is_rejecting or _is_over(queue, *_held(queue))


def _drop_heads(queue: Queue) -> None:
    while queue.ready_count and _is_over(queue, queue.ready_count, queue.ready_bytes):
        queue.drop_head(Reason.MAXLEN)
    queue.head_changed()


def relieve(queue: Queue) -> None:
    """Let a rejecting quorum queue accept again, once it is well below its limits."""
    settings = queue.settings
    count, size = _held(queue)
    queue.is_rejecting = not (
        (settings.max_length is None or count <= int(settings.max_length * _LOW_MARK))
        and (settings.max_length_bytes is None or size <= int(settings.max_length_bytes * _LOW_MARK))
    )


def _held(queue: Queue) -> tuple[int, int]:
    """Return what a quorum queue counts: what waits, and what waits for its dead-letter targets."""
    return queue.ready_count + queue.undelivered.count, queue.ready_bytes + queue.undelivered.size


def _is_over(queue: Queue, count: int, size: int) -> bool:
    settings = queue.settings
    return (settings.max_length is not None and count > settings.max_length) or (
        settings.max_length_bytes is not None and size > settings.max_length_bytes
    )
