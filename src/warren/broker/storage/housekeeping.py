"""Which files of the journal can go, and what must be kept of them first.

Not here: moving the messages that keep an old file (`moving.py`).

A file goes when none of its messages is in a queue any more, and everything that made it so is safe. With it goes what
it says of messages in other files: that is kept beside those, in a facts file each, before the file is removed. What is
said of a message is forgotten only after the file with the message is gone for good, else it could come back.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from pathlib import Path

from warren.broker.storage.moving import DamagedSegment, Move, Step, worth_moving
from warren.broker.storage.paging import Paging
from warren.broker.storage.records import batch_bytes
from warren.broker.storage.segment import Segment, facts_path
from warren.broker.storage.writer import RemoveFiles, Work, WriteFacts, Writer

__all__ = ["Housekeeping"]


class Housekeeping:
    """Looks after each batch what can go, on the loop, when all that segments account for is safe."""

    def __init__(
        self,
        folder: Path,
        segments: MutableMapping[int, Segment],
        paging: Paging,
        writer: Writer,
        *,
        segment_size: int,
    ) -> None:
        self._folder = folder
        self._segments = segments
        self._paging = paging
        self._writer = writer
        self._segment_size = segment_size
        self.is_begun = False
        self._move: Move | None = None
        self._damaged: set[int] = set()  # files that cannot be moved

    @property
    def is_moving(self) -> bool:
        return self._move is not None

    def begin(self, void: Iterable[Segment]) -> None:
        """Begin, with files whose messages are elsewhere: only now is it known what lives in the others."""
        self.is_begun = True
        for file in void:
            self._remove_file(file)

    def run(self, current: Segment) -> None:
        """Remove the files that nothing needs, and move what keeps a file that is hardly needed."""
        if not self.is_begun:
            return
        if self._move is not None and self._move.is_complete:
            self._move.finish()
            self._remove_file(self._move.source)
            self._move = None
        files = self._closed_files(current)
        for file in files:
            if not file.live and (self._move is None or file is not self._move.source):
                self._remove_file(file)
        if self._move is None:
            files = [file for file in files if file.live and file.number not in self._damaged]
            source = worth_moving(files, self._segment_size)
            if source is not None:
                self._move = Move(source, current, self._segments)

    def _closed_files(self, current: Segment) -> list[Segment]:
        """Return the segments with a file, without the newest: the numbers of later ones go on from it."""
        files = [one for one in self._segments.values() if one.extents and one is not current]
        if files and not current.extents:
            files.remove(max(files, key=lambda file: file.number))
        return files

    def step(self, offset: int) -> Step | None:
        """Return what is to be written from `offset` in the current segment on, of a move that is under way."""
        if self._move is None or self._move.is_complete:
            return None
        try:
            return self._move.step(offset)
        except (DamagedSegment, OSError):
            self._damaged.add(self._move.source.number)  # The next start tells about it.
            self._move = None
            return None

    def _remove_file(self, file: Segment) -> None:
        """Remove the file of a segment whose messages are all gone, or in the file of its host by now."""
        over = [
            number
            for number in {file.number, *file.guests}
            if number in self._segments and self._segments[number].host is file
        ]
        for number in over:
            del self._segments[number]
        paths = [extent.path for extent in file.extents]
        for path in paths:
            self._paging.forget(path)
        file.extents.clear()
        told_of = sorted(file.about & self._segments.keys())
        file.about.clear()
        works: list[Work] = []
        if told_of:
            works.append(WriteFacts([(facts_path(self._folder, number), self._facts(number)) for number in told_of]))
        works.append(RemoveFiles(paths))
        works.append(RemoveFiles([facts_path(self._folder, number) for number in over]))
        self._writer.submit(works)

    def _facts(self, number: int) -> bytes:
        """Return all that is known of the messages of a segment as a batch."""
        base = number << 32
        home = self._segments[number]
        flat = iter(home.facts)
        facts = zip(flat, flat, flat, strict=True)
        return batch_bytes(base, 0.0, gone=[base | offset for offset in home.gone], facts=facts)
