"""What worker processes have handled so far, shared with the run through one small memory-mapped file a process.

Not here: starting the workers (measures.py). A message costs one lock and a few stores, the same for every library.
"""

from __future__ import annotations

import mmap
import os
import time
from array import array
from pathlib import Path
from threading import Lock

__all__ = ["Tally", "TallyReader"]

_WORD = 8
_HANDLED, _FIRST_NS, _LAST_NS, _LATENCIES, _HEADER = 0, 1, 2, 3, 4  # Words of the file: four, then latencies in ns.


class Tally:
    """Counts the messages this process has handled. Safe from several threads, and opened again after a fork."""

    def __init__(self, folder: str, capacity: int) -> None:
        self._folder = Path(folder)
        self._capacity = capacity
        self._lock = Lock()
        self._pid = 0
        self._open()

    def _open(self) -> None:
        size = (_HEADER + self._capacity) * _WORD
        new = self._folder / f"{os.getpid()}.new"
        new.write_bytes(bytes(size))
        with new.open("r+b") as file:
            self._words = memoryview(mmap.mmap(file.fileno(), size)).cast("Q")
        new.rename(new.with_suffix(".tally"))
        self._pid = os.getpid()
        self._handled = 0
        self._timed = 0

    def handled(self, sent_at: int = 0) -> None:
        """Count one message; keep its latency when it says when it was sent."""
        now = time.monotonic_ns()
        with self._lock:
            if self._pid != os.getpid():
                self._open()
            words = self._words
            if sent_at and self._timed < self._capacity:
                words[_HEADER + self._timed] = now - sent_at
                self._timed += 1
                words[_LATENCIES] = self._timed
            if not self._handled:
                words[_FIRST_NS] = now
            self._handled += 1
            words[_LAST_NS] = now
            words[_HANDLED] = self._handled


class TallyReader:
    """Reads the tallies of all processes that share a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._maps: dict[int, memoryview] = {}

    def _refresh(self) -> None:
        for path in self._folder.glob("*.tally"):
            if int(path.stem) not in self._maps:
                with path.open("rb") as file:
                    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                self._maps[int(path.stem)] = memoryview(mapped).cast("Q")

    def counts(self) -> dict[int, int]:
        """Return how many messages each process has handled; processes that handled none are left out."""
        self._refresh()
        return {pid: words[_HANDLED] for pid, words in self._maps.items() if words[_HANDLED]}

    def last_ns(self) -> int:
        """Return when the last message was handled, in monotonic nanoseconds."""
        return max((words[_LAST_NS] for words in self._maps.values()), default=0)

    def first_ns(self) -> int:
        """Return when the first message was handled, in monotonic nanoseconds."""
        return min((words[_FIRST_NS] for words in self._maps.values() if words[_FIRST_NS]), default=0)

    def latencies_ns(self) -> array[int]:
        """Return the latencies kept, in no particular order."""
        kept: array[int] = array("Q")
        for words in self._maps.values():
            kept.extend(words[_HEADER : _HEADER + words[_LATENCIES]].tolist())
        return kept
