"""Which messages have their bytes in memory, and reading those of the others again.

Not here: writing them (`journal.py`, `writer.py`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from warren.broker.model.message import Message
from warren.broker.storage.records import FILE, LARGEST_FIXED, Record, parse_record
from warren.broker.storage.segment import OVERHEAD, Segment

__all__ = ["Paging"]

_OPEN_FILES: Final = 64
_HEADER_GUESS: Final = 512
"""Most headers are smaller; others take a second read."""


class Paging:
    """Keeps the bytes of stored messages below a limit: beyond it, what is safe on disk leaves memory."""

    def __init__(self, segments: Mapping[int, Segment], limit: int) -> None:
        self._segments = segments
        self._limit = limit
        self._loaded: list[Message] = []
        self._files: dict[Path, int] = {}
        self.resident = 0  # bytes, with an overhead for each message
        self.sizes: dict[int, int] = {}  # one int object for each size, since a backlog has a million of them

    def page_out(self, messages: Iterable[Message]) -> None:
        """Take messages that are safe out of memory while too many are in it."""
        if self.resident <= self._limit:
            return
        if len(self.sizes) > 4096:
            self.sizes.clear()
        for message in messages:
            if message.holders > 0 and message.header is not None:
                message.header = message.body = None
                message.size = self.sizes.setdefault(message.size, message.size)
                self.resident -= message.size + OVERHEAD

    def load(self, message: Message) -> None:
        """Read the bytes of a message again. OSError if the disk fails."""
        if message.position <= 0:
            raise RuntimeError(f"{message} is not stored")
        record = self.read(message.position, message.size)
        message.header = record.header
        message.body = record.body
        self.resident += message.size + OVERHEAD
        self._loaded.append(message)

    def end_turn(self) -> None:
        """Page out again what was loaded in this turn of the loop."""
        if self._loaded:
            self.page_out(self._loaded)
            self._loaded.clear()

    def read(self, position: int, body_size: int) -> Record:
        """Read a message; `body_size` may be a guess."""
        home = self._segments[position >> 32]
        path, offset = home.host.file_place(home.place(position))
        fd = self._files.get(path)
        if fd is None:
            fd = self._open(path)
        offset += FILE.size
        data = os.pread(fd, LARGEST_FIXED + _HEADER_GUESS + body_size, offset)
        size = int.from_bytes(data[:4], "little")
        if size > len(data):
            data = os.pread(fd, size, offset)
        return parse_record(data, 0, position, 0.0)

    def _open(self, path: Path) -> int:
        if len(self._files) >= _OPEN_FILES:
            self.close()
        fd = self._files[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        return fd

    def forget(self, path: Path) -> None:
        """Let go of a file that is about to be removed."""
        fd = self._files.pop(path, None)
        if fd is not None:
            os.close(fd)

    def close(self) -> None:
        for fd in self._files.values():
            os.close(fd)
        self._files.clear()
