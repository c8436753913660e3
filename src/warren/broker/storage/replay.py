"""The messages that a start finds, in the order in which they were published.

Not here: what is known of them (`recovery.py`), which comes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from warren.broker.model.message import Address, Message
from warren.broker.storage.paging import Paging
from warren.broker.storage.port import RecoveredEntry
from warren.broker.storage.reading import BUFFER, batches
from warren.broker.storage.records import GONE, HEAD, OFFSET, Batch, Record, parse_record
from warren.broker.storage.segment import OVERHEAD, Segment

__all__ = ["Messages"]


class Messages:
    """The messages that are left, in the order in which they were published; counts them where they live."""

    def __init__(
        self,
        ends: Mapping[Path, int],
        segments: Mapping[int, Segment],
        paging: Paging,
        *,
        queues: frozenset[int],
        delivered: frozenset[tuple[int, int]] | None,  # None: unknown, so it may be any
        now: float,
    ) -> None:
        self._ends = ends
        self._segments = segments
        self._paging = paging
        self._queues = queues
        self._delivered = delivered
        self._now = now
        self._addresses: dict[bytes, Address] = {}

    def __iter__(self) -> Iterator[RecoveredEntry]:
        for home in [self._segments[number] for number in sorted(self._segments)]:
            yield from self._of(home)

    def _of(self, home: Segment) -> Iterator[RecoveredEntry]:
        known: dict[tuple[int, int], int] = {}
        flat = iter(home.facts)
        for position, queue, count in zip(flat, flat, flat, strict=True):
            known[position, queue] = max(count, known.get((position, queue), 0))
        for record in self._records(home):
            position = record.position
            queues = [
                queue for queue in record.queues if queue in self._queues and known.get((position, queue), 0) != GONE
            ]
            if not queues:
                continue
            message = self._message(home, record, queues)
            age = max(0.0, self._now - record.time)
            for queue in queues:
                deliveries = known.get((position, queue), 0)
                redelivered = deliveries > 0 or self._delivered is None or (position, queue) in self._delivered
                yield RecoveredEntry(queue, message, age, redelivered, deliveries)
            self._paging.page_out((message,))

    def _message(self, home: Segment, record: Record, queues: list[int]) -> Message:
        wire = record.wire
        address = self._addresses.get(wire)
        if address is None:
            address = self._addresses[wire] = _address(wire)
        message = Message(address, record.header, record.body, persistent=record.is_persistent)
        message.dead_lettered = record.is_dead_lettered
        message.position = record.position
        message.holders = len(queues)
        weight = message.size + OVERHEAD
        home.host.add(queues, weight)
        self._paging.resident += weight
        return message

    def _records(self, home: Segment) -> Iterator[Record]:
        gone = frozenset(home.gone)
        if home.host is not home:
            for origin in home.origins:
                if origin not in gone:
                    yield self._paging.read(home.number << 32 | origin, 0)
            return
        for extent in home.extents:
            with extent.path.open("rb", buffering=BUFFER) as file:
                for batch in batches(file, home.number, extent.start, self._ends.get(extent.path, 0)):
                    yield from self._records_of(home, batch, gone)

    def _records_of(self, home: Segment, batch: Batch, gone: frozenset[int]) -> Iterator[Record]:
        section = batch.publishes
        at = 0
        offset = (batch.position & OFFSET) + HEAD
        while at < len(section):
            size = int.from_bytes(section[at : at + 4], "little")
            if offset + at not in gone:
                yield parse_record(section, at, home.number << 32 | (offset + at), batch.time)
            else:
                home.weight += size
            at += size


def _address(wire: bytes) -> Address:
    middle = 1 + wire[0]
    return Address(
        wire[1:middle].decode("utf-8", "surrogateescape"), wire[middle + 1 :].decode("utf-8", "surrogateescape")
    )
