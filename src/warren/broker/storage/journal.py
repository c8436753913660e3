"""The journal, as the loop sees it: what was asked for since the last batch, and how that becomes the next one.

Not here: writing (`writer.py`), the start (`recovery.py`), which files can go (`housekeeping.py`).

A batch at a time. While the writer makes one safe, what is asked for gathers here; when it is done, `flushed` moves,
and what has gathered becomes the next batch. So the more there is to do, the larger the batches, without a timer. A
message that every queue got rid of before its batch began is never written.
"""

from __future__ import annotations

import dataclasses
import functools
import gc
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from warren.broker.model.message import Entry, Message
from warren.broker.storage.definitions import Definitions
from warren.broker.storage.disk import Disk
from warren.broker.storage.gathering import Placed, Settled, place_messages, settle_entries
from warren.broker.storage.housekeeping import Housekeeping
from warren.broker.storage.lock import FolderLock
from warren.broker.storage.paging import Paging
from warren.broker.storage.port import Recovered, RecoveredEntry
from warren.broker.storage.records import (
    CHECKSUM,
    CLEAN,
    HEAD,
    batch_bytes,
)
from warren.broker.storage.recovery import Start, recover
from warren.broker.storage.segment import Segment
from warren.broker.storage.writer import AppendBatch, Work, WriteDefinitions, Writer
from warren.clock import Clock
from warren.errors import ConfigurationError

if TYPE_CHECKING:
    from warren.broker.model.receiver import Receiver

__all__ = ["Journal"]

_GATHERING: Final = -1
"""The position of a message whose batch has not begun."""


class Journal:
    """Implements Storage in a folder, which it locks; see the top of this file. Call `recover` first.

    `call_soon_threadsafe` is the loop's. Raises ConfigurationError if another process has the folder.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        call_soon_threadsafe: Callable[[Callable[[], None]], object],
        disk: Disk | None = None,
        segment_size: int = 64 << 20,
        resident_limit: int = 32 << 20,
        disk_free_limit: int = 50_000_000,
        retry_delay: float = 1.0,
    ) -> None:
        self.flushed = 0
        self.on_flushed: Callable[[], None] = lambda: None
        self.on_alarm: Callable[[str | None], None] = lambda reason: None
        self._folder = folder
        self._clock = clock
        self._segment_size = segment_size
        self._lock = FolderLock(folder)
        self._segments: dict[int, Segment] = {}
        self._current = Segment(0)
        self._definitions = Definitions()
        self._paging = Paging(self._segments, resident_limit)
        self._writer = Writer(
            folder,
            disk or Disk(),
            call_soon=call_soon_threadsafe,
            on_alarm=self._alarm_changed,
            free_limit=disk_free_limit,
            retry_delay=retry_delay,
        )
        self._housekeeping = Housekeeping(folder, self._segments, self._paging, self._writer, segment_size=segment_size)
        self._queue_ids = itertools.count(1)
        self._is_writing = False
        self._is_open = False
        self._is_closed = False
        self._point = 1  # of the batch that gathers
        # What gathers for the next batch:
        self._messages: list[Message] = []
        self._queues: list[Sequence[Receiver]] = []  # of each message
        self._acknowledged: list[Entry] = []
        self._requeued: list[Entry] = []
        self._deleted: set[int] = set()  # queues
        self._gathered_bytes = 0
        self._written_bytes = 0  # of the batch that is being written

    def __repr__(self) -> str:
        return f"<Journal {str(self._folder)!r}, {len(self._segments)} segments>"

    @property
    def latest(self) -> int:
        return self._point if self._has_gathered() else self._point - 1

    @property
    def backlog(self) -> int:
        return self._gathered_bytes + self._written_bytes

    # -- what the model asks for -----------------------------------------------------------

    def publish(self, message: Message, queues: Sequence[Receiver]) -> int:
        if not message.persistent:
            return 0
        holders = 0
        for queue in queues:
            if queue.durable:
                holders += 1
        if not holders:
            return 0
        message.holders = holders
        message.position = _GATHERING
        self._messages.append(message)
        self._queues.append(queues)
        self._gathered_bytes += message.size
        return self._point

    def acknowledge(self, entry: Entry) -> None:
        message = entry.message
        if message.position and entry.queue.durable:
            message.holders -= 1
            self._acknowledged.append(entry)

    def requeued(self, entry: Entry) -> None:
        if entry.message.position and entry.queue.durable:
            self._requeued.append(entry)

    def load(self, message: Message) -> None:
        self._paging.load(message)

    def define(self, kind: str, key: tuple[str, ...], value: Mapping[str, Any] | None) -> int:
        self._definitions.define(kind, key, value)
        return self._point if self._definitions.has_changes else self._point - 1

    def queue_deleted(self, queue: Receiver) -> None:
        self._deleted.add(queue.id)

    def next_queue_id(self) -> int:
        return next(self._queue_ids)

    # -- the start and the end -------------------------------------------------------------

    def recover(self) -> Recovered:
        try:
            found = recover(self._folder, self._clock, self._writer, self._segments, self._paging, self._definitions)
        except OSError as error:
            raise ConfigurationError(f"cannot open the data folder '{self._folder}': {error.strerror}") from error
        self._current = found.current
        # A segment's number is never used again, so neither are ids that begin with that of this process's first.
        self._queue_ids = itertools.count((found.current.number << 32) + 1)
        self._writer.start()
        self._is_open = True
        return dataclasses.replace(found.recovered, messages=self._all_of(found))

    def _all_of(self, found: Start) -> Iterator[RecoveredEntry]:
        # A million messages are no garbage, and looking for some among them takes a quarter of the time.
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            yield from found.recovered.messages
        finally:
            if was_enabled:
                gc.enable()
        self._housekeeping.begin(found.void)

    def close(self, delivered: Iterable[Entry]) -> None:
        """Make everything safe and end; what the disk refuses now is not tried again."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._is_open:
            if self._housekeeping.is_begun:
                self._write_batch(delivered)
            if self._writer.stop() and self._housekeeping.is_begun:
                self.flushed = self._point - 1
                self.on_flushed()
        self._paging.close()
        self._lock.release()

    def _alarm_changed(self, text: str | None) -> None:
        if not self._is_closed:
            self.on_alarm(text)

    # -- batches ---------------------------------------------------------------------------

    def end_turn(self) -> None:
        """Write what has gathered, unless a batch is being written. May call on_flushed before it returns."""
        self._paging.end_turn()
        if self._is_open and not self._is_writing and self._has_gathered():
            self._write_batch()

    def _has_gathered(self) -> bool:
        return bool(
            self._messages
            or self._acknowledged
            or self._requeued
            or self._deleted
            or self._definitions.has_changes
            or self._housekeeping.is_moving
        )

    def _write_batch(self, delivered: Iterable[Entry] | None = None) -> None:
        segment = self._segment_to_write()
        placed = self._place(segment)
        settled = self._settle(segment)
        self._take_deleted()
        step = self._housekeeping.step(segment.size + HEAD + placed.size)
        marks = None if delivered is None else _marks(delivered)
        done = functools.partial(self._written, self._point, segment, placed.messages)
        self._point += 1
        self._written_bytes, self._gathered_bytes = self._gathered_bytes, 0
        works: list[Work] = []
        if self._definitions.has_changes:
            record, is_whole = self._definitions.take()
            works.append(WriteDefinitions(record, replace=is_whole))
        if placed.size or settled.gone or settled.facts or step is not None or marks is not None:
            data = batch_bytes(
                segment.number << 32 | segment.size,
                self._clock.now(),
                publishes=placed.parts,
                published=placed.size,
                gone=settled.gone,
                facts=settled.facts,
                moves=() if step is None else step.parts,
                source=0 if step is None else step.source,
                delivered=marks or (),
                flags=(0 if marks is None else CLEAN) | (0 if step is None else step.flags),
            )
            works.append(AppendBatch(segment.number, segment.size, data))
            segment.size += CHECKSUM.size + len(data)
        self._is_writing = bool(works)
        if works:
            self._writer.submit(works, done)
        else:
            done(works)

    def _segment_to_write(self) -> Segment:
        if self._current.size >= self._segment_size and not self._housekeeping.is_moving:
            self._current = segment = Segment(self._current.number + 1)
            self._segments[segment.number] = segment
        return self._current

    def _place(self, segment: Segment) -> Placed:
        placed = place_messages(self._messages, self._queues, self._deleted, segment, segment.size + HEAD)
        self._messages.clear()
        self._queues.clear()
        self._paging.resident += placed.weight
        return placed

    def _settle(self, segment: Segment) -> Settled:
        settled = settle_entries(self._acknowledged, self._requeued, self._segments, segment)
        self._acknowledged.clear()
        self._requeued.clear()
        self._paging.resident -= settled.released
        return settled

    def _take_deleted(self) -> None:
        for queue in self._deleted:
            for segment in self._segments.values():
                segment.forget_queue(queue)
        self._deleted.clear()

    def _written(self, point: int, segment: Segment, kept: list[Message], works: Sequence[Work]) -> None:
        """Go on after a batch is safe. Called on the loop."""
        if self._is_closed:
            return
        for work in works:
            if isinstance(work, AppendBatch) and work.new_extent is not None:
                segment.extents.append(work.new_extent)
        self.flushed = point
        self._is_writing = False
        self._written_bytes = 0
        self._paging.page_out(kept)
        self._housekeeping.run(self._current)
        self.end_turn()
        self.on_flushed()


def _marks(delivered: Iterable[Entry]) -> list[tuple[int, int]]:
    return [(entry.message.position, entry.queue.id) for entry in delivered if entry.message.position > 0]
