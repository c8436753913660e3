"""What workers say happened: one line of JSON an event, in one file a process, written before anything else can happen.

Not here: the events (`warren/observability/events.py`), or what they add up to (`ledger.py`).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from warren import Warren
from warren.observability import events

__all__ = ["Record", "read_records", "record_events", "size_of_records"]

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


def read_records(folder: Path, *kinds: type[events.Event]) -> list[Record]:
    """Return what all processes wrote so far, in order of time; of some kinds, or all."""
    names = {kind.__name__ for kind in kinds}
    return sorted(
        (record for path in folder.glob("events-*") for record in _read(path) if not names or record.kind in names),
        key=lambda record: record.at,
    )


def _read(path: Path) -> Iterator[Record]:
    pid = int(path.name.rpartition("-")[2])
    for line in path.read_bytes().split(b"\n")[:-1]:  # What follows the last line break is not whole.
        at, kind, fields = json.loads(line)
        yield Record(pid, at, kind, fields)


def size_of_records(folder: Path) -> int:
    """Return how many bytes there are: unchanged means that no worker has done anything."""
    return sum(path.stat().st_size for path in folder.glob("events-*"))
