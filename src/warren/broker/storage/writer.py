"""The one thread that writes: appends, makes safe, tells the loop. It sees bytes and files, never messages.

Not here: what is written (`journal.py`), or the calls to the system (`disk.py`).

Works are done in the order in which they were submitted, each as often as it takes. After a failed write the file is
cut back to where it was. After a failed fdatasync nothing written since the last one counts, and the kernel may have
dropped it, so the same bytes go to a new file: a segment goes on in another extent, a log is copied.
"""

from __future__ import annotations

import functools
import os
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from warren.broker.storage.disk import Disk
from warren.broker.storage.records import FileKind, file_header, sealed
from warren.broker.storage.segment import Extent, extent_path

__all__ = [
    "DEFINITIONS_NAME",
    "AppendBatch",
    "RemoveFiles",
    "Work",
    "WriteDefinitions",
    "WriteFacts",
    "Writer",
]

DEFINITIONS_NAME: Final = "definitions.log"

_SPACE_CHECK: Final = 1.0
"""Seconds between looks at a disk that is full or nearly so."""


class Work(Protocol):
    """Something for the writer. `run` may raise OSError; it is then run again, and must go on where it was."""

    def run(self, writer: Writer) -> None: ...


_Item: TypeAlias = "tuple[Sequence[Work], Callable[[Sequence[Work]], None] | None]"


class Writer:
    """Runs works on a thread of its own, from `start` to `stop`."""

    def __init__(
        self,
        folder: Path,
        disk: Disk,
        *,
        call_soon: Callable[[Callable[[], None]], object],
        on_alarm: Callable[[str | None], None],
        free_limit: int,
        retry_delay: float,
    ) -> None:
        self.folder = folder
        self.disk = disk
        self.segment = LogFile()
        self.segment_number = 0
        self.definitions = LogFile()
        self._call_soon = call_soon
        self._on_alarm = on_alarm
        self._free_limit = free_limit
        self._retry_delay = retry_delay
        self._works: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._alarm: str | None = None
        self.has_failed = False  # gave up at the end: not all works are done
        self._thread = threading.Thread(target=self._run, name="warren-journal", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def submit(self, works: Sequence[Work], done: Callable[[Sequence[Work]], None] | None = None) -> None:
        """Do all of `works`, then call `done` with them on the loop."""
        self._works.put((works, done))

    def begin_segment(self, number: int, start: int, data: Sequence[bytes]) -> Extent:
        """Go on in a new file for a segment, from an offset in it on."""
        path = extent_path(self.folder, number, start)
        try:
            self.segment.create(self, path, (file_header(FileKind.SEGMENT, number, start), *data))
            self.disk.flush_folder(self.folder)
        except OSError:
            self.segment.close()
            raise
        self.segment_number = number
        return Extent(start, path)

    def stop(self) -> bool:
        """Do what was submitted, but try nothing twice any more; return whether all of it is done."""
        self._stopping.set()
        self._works.put(None)
        self._thread.join()
        self.segment.close()
        self.definitions.close()
        return not self.has_failed

    # -- the thread ------------------------------------------------------------------------

    def _run(self) -> None:
        while (item := self._next()) is not None:
            works, done = item
            if not all(self._complete(work) for work in works):
                self.has_failed = True
                return
            if done is not None:
                self._tell(functools.partial(done, works))

    def _next(self) -> _Item | None:
        while True:
            self._check_space()
            try:
                return self._works.get(timeout=None if self._alarm is None else _SPACE_CHECK)
            except queue.Empty:
                continue

    def _complete(self, work: Work) -> bool:
        while True:
            try:
                work.run(self)
            except OSError as error:
                self._raise_alarm(f"cannot write to '{self.folder}': {error.strerror or error}")
                if self._stopping.wait(self._retry_delay):
                    return False
            else:
                return True

    def _check_space(self) -> None:
        try:
            free = self.disk.free(self.folder)
        except OSError as error:
            self._raise_alarm(f"cannot look at '{self.folder}': {error.strerror or error}")
            return
        if free >= self._free_limit:
            self._raise_alarm(None)
        else:
            limit = self._free_limit // 1_000_000
            self._raise_alarm(f"less than {limit} MB free in '{self.folder}'")

    def _raise_alarm(self, text: str | None) -> None:
        if text != self._alarm:
            self._alarm = text
            self._tell(lambda: self._on_alarm(text))

    def _tell(self, callback: Callable[[], None]) -> None:
        try:
            self._call_soon(callback)
        except RuntimeError:
            pass  # The loop has ended; whoever closes the journal looks at what was done.


# -- files --------------------------------------------------------------------------------


class LogFile:
    """A file that only grows, with the size up to which it is safe. Closed where it cannot be trusted any more."""

    def __init__(self) -> None:
        self._fd = -1
        self.size = 0

    @property
    def is_open(self) -> bool:
        return self._fd >= 0

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def reopen(self, writer: Writer, path: Path, size: int) -> None:
        """Go on in a file after its first `size` bytes."""
        self.close()
        self._fd = writer.disk.open(path)
        self.size = size
        writer.disk.truncate(self._fd, size)

    def create(self, writer: Writer, path: Path, data: Sequence[bytes]) -> None:
        """Go on in a new file that begins with `data`; it is safe when this returns, but not yet that there is one.

        After an OSError the file is to be closed: it may lack its beginning.
        """
        self.close()
        writer.disk.remove(path)
        self._fd = writer.disk.create(path)
        self.size = 0
        self.append(writer, data)

    def append(self, writer: Writer, data: Sequence[bytes]) -> None:
        """Write at the end and make it safe. After an OSError the file is as it was, or closed."""
        disk = writer.disk
        try:
            _write_all(disk, self._fd, data)
        except OSError:
            try:
                disk.truncate(self._fd, self.size)
            except OSError:
                self.close()
            raise
        try:
            disk.flush(self._fd)
        except OSError:
            self.close()
            raise
        self.size += sum(map(len, data))


def _write_all(disk: Disk, fd: int, data: Sequence[bytes]) -> None:
    left = [memoryview(part) for part in data]
    while left:
        written = disk.write(fd, left)
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if left:
            left[0] = left[0][written:]


def write_whole(writer: Writer, path: Path, data: Sequence[bytes]) -> LogFile:
    """Make `path` a file with `data` and nothing else, or leave it as it was; both are safe after the folder is."""
    new = path.with_suffix(".new")
    file = LogFile()
    try:
        file.create(writer, new, data)
        writer.disk.replace(new, path)
    except OSError:
        file.close()
        raise
    return file


# -- works --------------------------------------------------------------------------------


class AppendBatch:
    """Append a batch to a segment at an offset: to its file, or to a new extent of it."""

    __slots__ = ("_data", "_offset", "_segment", "new_extent")

    def __init__(self, segment: int, offset: int, data: bytes) -> None:
        self._segment = segment
        self._offset = offset
        self._data = data
        self.new_extent: Extent | None = None  # begun with this batch

    def run(self, writer: Writer) -> None:
        data = sealed(self._data)
        if self._segment == writer.segment_number and writer.segment.is_open:
            writer.segment.append(writer, data)
        else:
            self.new_extent = writer.begin_segment(self._segment, self._offset, data)


class WriteDefinitions:
    """Append a record to the log of definitions, or replace the log by it."""

    __slots__ = ("_record", "_replace")

    def __init__(self, record: bytes, *, replace: bool) -> None:
        self._record = record
        self._replace = replace

    def run(self, writer: Writer) -> None:
        log = writer.definitions
        if log.is_open and not self._replace:
            log.append(writer, (self._record,))
            return
        path = writer.folder / DEFINITIONS_NAME
        before = file_header(FileKind.DEFINITIONS) if self._replace else path.read_bytes()[: log.size]
        log.close()
        new = write_whole(writer, path, (before, self._record))
        try:
            writer.disk.flush_folder(writer.folder)
        except OSError:
            new.close()
            raise
        writer.definitions = new


class WriteFacts:
    """Write what is known of the messages of some segments to files of their own: path and content."""

    __slots__ = ("_files",)

    def __init__(self, files: Sequence[tuple[Path, bytes]]) -> None:
        self._files = files

    def run(self, writer: Writer) -> None:
        for path, batch in self._files:
            write_whole(writer, path, (file_header(FileKind.FACTS), *sealed(batch))).close()
        writer.disk.flush_folder(writer.folder)


class RemoveFiles:
    """Remove files for good."""

    __slots__ = ("_paths",)

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def run(self, writer: Writer) -> None:
        for path in self._paths:
            writer.disk.remove(path)
        writer.disk.flush_folder(writer.folder)
