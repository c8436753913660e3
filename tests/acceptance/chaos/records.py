"""What workers say happened: one line of JSON an event, in one file a process, written before anything else can happen.

Not here: the events (`warren/observability/events.py`), or what they add up to (`ledger.py`).
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from warren import Warren
from warren.observability import events

__all__ = ["Record", "Records", "record_events"]

RECORDED: Final = (
    events.AckDropped,
    events.Connected,
    events.ConsumerCancelled,
    events.DeadLettered,
    events.Delivered,
    events.Disconnected,
    events.DuplicateAbsorbed,
    events.InProgressDeferred,
    events.Processed,
    events.Retried,
    events.SettleDelayed,
    events.ShutdownFinished,
    events.Subscribed,
    events.WorkerStarted,
)


@dataclass(frozen=True, slots=True)
class Record:
    """One event of one worker process; `at` on the machine's monotonic clock."""

    pid: int
    at: float
    kind: str
    fields: dict[str, Any]

    @property
    def message_id(self) -> str:
        return str(self.fields.get("message_id", ""))


def record_events(app: Warren, folder: Path) -> None:
    """Write the events of an application from now on. A line that was written survives the process."""
    descriptor = os.open(folder / f"events-{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(event: events.Event) -> None:
        line = json.dumps([time.monotonic(), type(event).__name__, asdict(event)])
        os.write(descriptor, line.encode() + b"\n")

    app.events.subscribe(write, *RECORDED)


class Records:
    """What all processes wrote so far; each call reads on from where the last one ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offsets: dict[Path, int] = {}
        self._records: list[Record] = []

    def __len__(self) -> int:
        """How many there are: unchanged means that no worker has done anything."""
        return len(self.read())

    def read(self, *kinds: type[events.Event]) -> list[Record]:
        """Return the records of some kinds, or all, in order of time."""
        for path in self._folder.glob("events-*"):
            self._read_on(path)
        self._records.sort(key=lambda record: record.at)
        names = {kind.__name__ for kind in kinds}
        return [record for record in self._records if not names or record.kind in names]

    def _read_on(self, path: Path) -> None:
        offset = self._offsets.get(path, 0)
        with path.open("rb") as file:
            file.seek(offset)
            whole = file.read().rpartition(b"\n")[0]  # What follows the last line break is not a whole line yet.
        pid = int(path.name.rpartition("-")[2])
        self._records.extend(Record(pid, *json.loads(line)) for line in whole.split(b"\n") if line)
        self._offsets[path] = offset + len(whole) + (1 if whole else 0)
