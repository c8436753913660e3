"""Reading the batches of one file of a segment, for the start and for moving messages.

Not here: what is in a batch (`records.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

from warren.broker.storage.records import FILE, Batch, read_batch

__all__ = ["BUFFER", "batches"]

BUFFER: Final = 1 << 20
"""Bytes to read at once."""


def batches(file: BinaryIO, number: int, start: int, limit: int | None) -> Iterator[Batch]:
    """Yield the batches of a file of segment `number` that begins at `start`, up to `limit` or the first bad one."""
    file.seek(FILE.size)
    at = start
    while limit is None or at < limit:
        batch = read_batch(file)
        if batch is None or batch.position != number << 32 | at:
            return
        yield batch
        at += batch.size
