"""The operations on files that can fail for want of space or a bad disk, as one object: tests put faults into it.

Not here: what to do when one fails (`writer.py`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

__all__ = ["Disk"]


_sync_data: Final = getattr(os, "fdatasync", os.fsync)  # macOS has none


class Disk:
    """The file system. Every method raises OSError when it fails."""

    def create(self, path: Path) -> int:
        """Return the descriptor of a new, empty file."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)

    def open(self, path: Path) -> int:
        """Return the descriptor of a file, made if it is missing, to be written at its end."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.lseek(fd, 0, os.SEEK_END)
        return fd

    def write(self, fd: int, parts: Sequence[bytes | memoryview]) -> int:
        """Write at the end, and return how many bytes that was: perhaps not all."""
        return os.writev(fd, parts)

    def flush(self, fd: int) -> None:
        """Make what was written safe."""
        _sync_data(fd)

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)
        os.lseek(fd, size, os.SEEK_SET)

    def replace(self, source: Path, target: Path) -> None:
        source.replace(target)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def flush_folder(self, folder: Path) -> None:
        """Make safe which files the folder has."""
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def free(self, folder: Path) -> int:
        """Return how many bytes are free for this process."""
        status = os.statvfs(folder)
        return status.f_bavail * status.f_frsize
