"""From what has gathered to what is written: messages to records, settled entries to gone and facts.

Not here: the layout of a record (`records.py`), or when a batch begins (`journal.py`).

This runs once for every message and every acknowledgement, so it works in runs: what follows another to the same queue,
or from the same queue in the same segment, is not looked up again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from warren.broker.model.message import Entry, Message
from warren.broker.storage.records import GONE, IS_DEAD_LETTERED, IS_PERSISTENT, OFFSET, PUBLISH, Fact, record_bytes
from warren.broker.storage.segment import OVERHEAD, Segment

if TYPE_CHECKING:
    from warren.broker.model.queue import Queue
    from warren.broker.model.receiver import Receiver

__all__ = ["Placed", "Settled", "place_messages", "settle_entries"]

_FORGOTTEN: Final = -1
"""The holders of a message after its end was noted."""


class Placed(NamedTuple):
    """Messages that got a position."""

    parts: list[bytes]  # of their records
    size: int  # bytes of all records
    messages: list[Message]
    weight: int


class Settled(NamedTuple):
    """What is to be written of the entries that left their queues."""

    gone: list[int]
    facts: list[Fact]
    released: int  # weight of the messages that are gone and were in memory


def place_messages(
    messages: Iterable[Message],
    queue_lists: Iterable[Sequence[Receiver]],
    deleted: set[int],
    segment: Segment,
    offset: int,
) -> Placed:
    """Give messages their positions in a segment, from an offset on, and count them there."""
    parts: list[bytes] = []
    kept: list[Message] = []
    start = position = segment.number << 32 | offset
    weight = 0  # of all but the present run
    run = 0  # weight of the present run: messages for one and the same queue
    queue = 0  # of the present run; 0: there is none
    last_queues: Sequence[Receiver] | None = None
    last_layout = (0, 0, 0, 0)
    pack, fixed_size = PUBLISH.pack, PUBLISH.size
    fixed = b""
    for message, queues in zip(messages, queue_lists, strict=True):
        if not message.holders:
            message.position = 0  # every queue got rid of it already
            continue
        wire = message.address.wire
        header: bytes = message.header  # type: ignore[assignment]  # in memory until it is written
        body: bytes = message.body  # type: ignore[assignment]
        flags = IS_PERSISTENT | IS_DEAD_LETTERED if message.dead_lettered else IS_PERSISTENT
        if queues is not last_queues:
            last_queues = queues
            if queue:
                segment.add((queue,), run)
                weight += run
                run = 0
            queue = queues[0].id if len(queues) == 1 and not deleted else 0
        if queue:
            size = fixed_size + len(wire) + len(header) + message.size
            if last_layout != (layout := (size, len(header), queue, flags)):
                last_layout = layout
                fixed = pack(size, flags, len(header), queue)
            parts += (fixed, wire, header, body)
            run += message.size + OVERHEAD
        else:
            ids = [one.id for one in queues if one.durable and one.id not in deleted]
            if not ids:
                message.position = 0
                continue
            parts.append(record_bytes(flags, ids, wire, header, body))
            size = len(parts[-1])
            segment.add(ids, message.size + OVERHEAD)
            weight += message.size + OVERHEAD
        message.position = position
        position += size
        kept.append(message)
    if run:
        segment.add((queue,), run)
    return Placed(parts, position - start, kept, weight + run)


def settle_entries(
    acknowledged: Iterable[Entry], requeued: Iterable[Entry], segments: Mapping[int, Segment], current: Segment
) -> Settled:
    """Account for entries that left their queues, or failed once more."""
    gone: list[int] = []
    facts: list[Fact] = []
    released = 0
    number = -1
    queue: Queue | None = None
    home: Segment | None = None
    run = 0  # weight of entries of the same queue and segment
    run_start = 0  # in gone
    for entry in acknowledged:
        message = entry.message
        position = message.position
        if position >> 32 != number or entry.queue is not queue:
            if home is not None:
                _end_run(home, queue, run, gone[run_start:])
            run, run_start = 0, len(gone)
            number = position >> 32
            queue = entry.queue
            home = segments.get(number)
            if home is not None:
                current.about.add(number)
        if home is None:
            continue  # never written; or the queue is deleted, and the segment is gone as well
        run += message.size + OVERHEAD
        holders = message.holders
        if not holders:
            message.holders = _FORGOTTEN
            gone.append(position)
            if message.header is not None:
                released += message.size + OVERHEAD
        elif holders > 0:
            facts.append((position, entry.queue.id, GONE))
            home.facts.extend(facts[-1])
    if home is not None:
        _end_run(home, queue, run, gone[run_start:])
    for entry in requeued:
        message = entry.message
        home = segments.get(message.position >> 32)
        if home is not None and message.holders > 0:
            facts.append((message.position, entry.queue.id, entry.deliveries))
            home.facts.extend(facts[-1])
            current.about.add(home.number)
    return Settled(gone, facts, released)


def _end_run(home: Segment, queue: Queue | None, weight: int, gone: list[int]) -> None:
    if queue is not None:
        home.host.settle(queue.id, weight)
    home.gone.extend([position & OFFSET for position in gone])
