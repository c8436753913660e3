"""The newest changes of an audit log, read from its end: never more of it than a bound, once for all browsers.

Not here: writing it (`audit.py`).
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Final, final

from warren.dashboard.changes.records import Record, read_records

__all__ = ["Trail"]

_MOST: Final = 200  # changes
_TAIL: Final = 2 * 1024 * 1024  # bytes


@final
class Trail:
    """`records`, `problem` and `number` may be read from any thread; `number` grows with every news.

    `is_cut` tells whether there are older changes than those in `records`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = 0
        self.records: tuple[Record, ...] = ()
        self.problem = ""
        self.is_cut = False
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None  # under the lock: file, size and time of what was read

    def refresh(self) -> None:
        """Read the file where it has changed. Not for the event loop."""
        with self._lock:
            try:
                self._read()
            except OSError as error:
                self._set((), f"cannot read {self.path}: {error.strerror}", is_cut=False)

    def _read(self) -> None:
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            self._seen = None
            self._set((), "", is_cut=False)
            return
        with file:
            status = os.fstat(file.fileno())
            seen = (status.st_ino, status.st_size, status.st_mtime_ns)
            if seen == self._seen:
                return
            start = max(0, status.st_size - _TAIL)
            file.seek(start)
            lines = file.read(_TAIL).split(b"\n")
        records = read_records(lines[1:] if start else lines, most=_MOST + 1)
        self._seen = seen
        self._set(records[:_MOST], "", is_cut=start > 0 or len(records) > _MOST)

    def _set(self, records: tuple[Record, ...], problem: str, *, is_cut: bool) -> None:
        if (records, problem, is_cut) != (self.records, self.problem, self.is_cut):
            self.records, self.problem, self.is_cut = records, problem, is_cut
            self.number += 1
