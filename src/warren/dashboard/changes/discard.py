"""Dead letters taken out of their queue for good: each is first written to a file, with everything it had.

Not here: taking them (`operations/drain.py`), and the jobs (`jobs.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import quote

from warren.dashboard.changes.jobs import Ended, Job
from warren.dashboard.changes.replay import Bounds, ended_with, remarks_of
from warren.operations.captures import CaptureFile
from warren.operations.careful import careful_wish
from warren.operations.drain import Matches, drain_to_file
from warren.transport.connection import Connection

__all__ = ["file_of", "throw_away"]

_LONGEST: Final = 150  # characters of a queue's name in the name of a file


def file_of(audit_log: Path, queue: str) -> Path:
    """Name the file beside the audit log that keeps what is discarded from a queue: `warren replay` brings it back."""
    name = quote(queue, safe="", errors="surrogateescape")
    if len(name) > _LONGEST:
        digest = hashlib.sha256(queue.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        name = f"{name[:_LONGEST]}-{digest}"
    return audit_log.parent / f"warren-discarded-{name}.ndjson"


def throw_away(matches: Callable[[], Matches | None], bounds: Bounds, path: Path) -> Callable[[Connection, Job], Ended]:
    """Return the work of discarding messages into the file at `path`."""

    def work(connection: Connection, job: Job) -> Ended:
        queue = job.choice.queue
        wish, caution = careful_wish(connection, queue, matches(), limit=bounds.limit)
        job.remarks = remarks_of(caution)
        with CaptureFile.open(path, note=path.with_name(f"{path.name}.unfinished")) as file:
            job.file = str(path)
            wish = replace(wish, at_most=bounds.at_most, halt=job.halt)
            drain_to_file(connection, queue, file, job.tally, wish)
        return ended_with(job, bounds)

    return work
