"""Moving the messages that keep an old file to the current segment, so that the file can go.

Not here: removing the file (`housekeeping.py`).

A file that a few messages keep is read from its beginning, and what is still in a queue is written again, a little
with each batch. The moved message keeps its position, which is its name; only its place changes. Until the batch with
the last of them is safe nothing counts of it: after a crash before, the old file is as good as ever.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, MutableMapping
from typing import Final, NamedTuple

from warren.broker.storage.reading import BUFFER, batches
from warren.broker.storage.records import (
    COMPLETE,
    GONE,
    HEAD,
    IS_DEAD_LETTERED,
    IS_MOVED,
    IS_PERSISTENT,
    OFFSET,
    ORIGIN,
    Record,
    record_bytes,
    records,
)
from warren.broker.storage.segment import Segment

__all__ = ["DamagedSegment", "Move", "Step", "worth_moving"]

_STEP_BYTES: Final = 256 << 10
_STEP_RECORDS: Final = 2000
"""At most that many are looked at with a batch: about a millisecond."""


class DamagedSegment(Exception):
    """A file does not have what was written to it, so it is left as it is."""


class Step(NamedTuple):
    """What of a move goes into one batch."""

    source: int
    parts: list[bytes]
    flags: int


def worth_moving(files: list[Segment], segment_size: int) -> Segment | None:
    """Return the segment to move: the emptiest, while most of the disk space is taken by what is gone.

    Files take at most twice what lives in them and four segments; and they are not many more than that needs.
    """
    if not files:
        return None
    taken = sum(file.size for file in files)
    needed = sum(file.size * file.live_weight // file.weight for file in files)
    if taken > 2 * needed + 4 * segment_size:
        return min(files, key=lambda file: file.live_weight / file.weight)
    if len(files) > 32 + 2 * taken // segment_size:
        return min(files, key=lambda file: file.live_weight)
    return None


class Move:
    """Moves what lives in the file of `source` to `target`, step by step."""

    def __init__(self, source: Segment, target: Segment, segments: MutableMapping[int, Segment]) -> None:
        self.source = source
        self.target = target
        self.is_complete = False  # all steps are taken; `finish` once they are safe
        self._segments = segments
        self._origins: dict[int, array[int]] = defaultdict(lambda: array("I"))
        self._places: dict[int, array[int]] = defaultdict(lambda: array("I"))
        homes = [segments[number] for number in {source.number, *source.guests} if number in segments]
        self._gone = {home.number: frozenset(home.gone) for home in homes}
        self._left = {  # position and queue
            fact[:2] for home in homes for fact in _triples(home.facts) if fact[2] == GONE
        }
        self._records = self._read()

    def step(self, offset: int) -> Step:
        """Return the next messages, which will be written from `offset` in the target on."""
        parts: list[bytes] = []
        end = offset + _STEP_BYTES
        for _ in range(_STEP_RECORDS):
            record = next(self._records, None)
            if record is None:
                self.is_complete = True
                return Step(self.source.number, parts, COMPLETE)
            queues = self._queues(record)
            if queues:
                number = record.position >> 32
                self._origins[number].append(record.position & OFFSET)
                self._places[number].append(offset)
                parts.append(_moved(record, queues))
                offset += len(parts[-1])
                if offset > end:
                    break
        return Step(self.source.number, parts, 0)

    def _queues(self, record: Record) -> list[int]:
        """Return the queues that have the message still."""
        if record.position & OFFSET in self._gone.get(record.position >> 32, ()):
            return []
        live, left = self.source.live, self._left
        return [queue for queue in record.queues if queue in live and (record.position, queue) not in left]

    def _read(self) -> Iterator[Record]:
        source = self.source
        ends = [extent.start for extent in source.extents[1:]] + [source.size]
        for extent, end in zip(source.extents, ends, strict=True):
            at = extent.start
            with extent.path.open("rb", buffering=BUFFER) as file:
                for batch in batches(file, source.number, at, end):
                    for _, record in records(batch.publishes, batch.position + HEAD, batch.time):
                        yield record
                    # Moves of a segment that is not complete here are copies: they have their own file still.
                    for _, record in records(batch.moves, 0, batch.time):
                        if record.position >> 32 in source.guests:
                            yield record
                    at += batch.size
            if at != end:
                raise DamagedSegment(f"'{extent.path}' is damaged at byte {at - extent.start}")

    def finish(self) -> None:
        """From now on the messages are where they were moved to."""
        source, target = self.source, self.target
        for number, origins in self._origins.items():
            home = self._segments[number]
            home.host = target
            home.origins = origins
            home.places = self._places[number]
            target.guests.add(number)
        for queue, weight in source.live.items():
            target.add((queue,), weight)
        source.live.clear()
        source.live_weight = 0


def _moved(record: Record, queues: list[int]) -> bytes:
    flags = IS_MOVED
    flags |= IS_PERSISTENT if record.is_persistent else 0
    flags |= IS_DEAD_LETTERED if record.is_dead_lettered else 0
    origin = ORIGIN.pack(record.position, record.time)
    return record_bytes(flags, queues, record.wire, record.header, record.body, origin)


def _triples(flat: array[int]) -> Iterator[tuple[int, int, int]]:
    numbers = iter(flat)
    return zip(numbers, numbers, numbers, strict=True)
