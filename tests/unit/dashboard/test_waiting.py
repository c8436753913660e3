"""What waits for a queue keeps nobody from the audit log, nor from beginning a change.

Not here: whose turn it is with a queue (tests/contract/test_dashboard_letters.py).
"""

from __future__ import annotations

import asyncio
import threading

from warren.dashboard.waiting import for_disk, for_queue

MANY = 64  # more than wait at a time


def test_people_who_wait_for_queues_keep_nobody_from_the_disk() -> None:
    async def together() -> None:
        waits = [asyncio.ensure_future(for_queue(lambda: is_free.wait(60))) for _ in range(MANY)]
        try:
            assert await asyncio.wait_for(for_disk(lambda: "read"), timeout=5) == "read"
            assert not any(wait.done() for wait in waits)
        finally:
            is_free.set()
        assert all(await asyncio.gather(*waits))

    is_free = threading.Event()
    asyncio.run(together())
