"""Work that waits, off the event loop: what waits for its turn with a queue never keeps out what only needs the disk.

Not here: the work itself (`letters/`, `changes/`), and whose turn it is (`turns.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

__all__ = ["for_disk", "for_queue"]

T = TypeVar("T")

_QUEUES: Final = ThreadPoolExecutor(32, thread_name_prefix="warren-dashboard-queue")
_DISK: Final = ThreadPoolExecutor(8, thread_name_prefix="warren-dashboard-disk")


async def for_queue(work: Callable[[], T]) -> T:
    """Do what may have to wait for a queue or a broker, for a minute if need be."""
    return await asyncio.get_running_loop().run_in_executor(_QUEUES, work)


async def for_disk(work: Callable[[], T]) -> T:
    """Do what takes a moment: to read or to write a file, or to begin a change."""
    return await asyncio.get_running_loop().run_in_executor(_DISK, work)
