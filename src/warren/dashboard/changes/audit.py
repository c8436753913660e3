"""The file that every change is written to before it is made, and again with its result: append-only, on disk, locked.

Not here: what its lines say (`records.py`), and reading them for a page (`trail.py`).
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from warren.errors import ConfigurationError, WarrenError
from warren.operations.captures import open_locked, write_all

__all__ = ["AuditLog"]


@final
class AuditLog:
    """One file, which nobody else writes to meanwhile. Safe to use from any thread.

    A line that could not be written whole is left as it is: the next begins on a line of its own. A file that was moved
    away, as by a rotation, is begun anew.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._lock = threading.Lock()
        # Below: under the lock.
        self._descriptor = descriptor
        self._is_torn = _is_torn(descriptor)

    @classmethod
    def open(cls, path: Path) -> AuditLog:
        """Create the file, or go on with it. Raises `ConfigurationError` where it cannot be written."""
        descriptor = open_locked(path)
        try:
            return cls(path, descriptor)
        except OSError as error:
            os.close(descriptor)
            raise ConfigurationError(f"cannot use {path}: {error.strerror}") from error

    def __repr__(self) -> str:
        return f"<AuditLog {self.path}>"

    def write(self, line: Mapping[str, Any]) -> None:
        """Write a line and wait until it is on disk. Raises `WarrenError` where it is not."""
        data = json.dumps(line, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        with self._lock:
            try:
                self._follow()
                torn, self._is_torn = self._is_torn, True
                write_all(self._descriptor, b"\n" + data if torn else data)
                self._is_torn = False
            except OSError as error:
                raise WarrenError(f"cannot write to the audit log {self.path}: {error.strerror}") from error

    def close(self) -> None:
        """Close the file, which unlocks it. Nothing is written any more."""
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._descriptor = -1

    def _follow(self) -> None:
        """Begin the file anew where it was moved away."""
        try:
            there = self.path.stat()
        except FileNotFoundError:
            there = None
        if there is not None and os.path.samestat(there, os.fstat(self._descriptor)):
            return
        descriptor = open_locked(self.path)
        os.close(self._descriptor)
        self._descriptor, self._is_torn = descriptor, _is_torn(descriptor)


def _is_torn(descriptor: int) -> bool:
    """Whether the last line of a killed run was left without its end."""
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
