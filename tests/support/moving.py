"""What tests of `warren drain`, `replay` and `purge` share: dead letters of three failures, and runs that are killed.

Not here: plain queues and messages (`plain.py`, `queue_content.py`).
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from tests.support.broker import BrokerUnderTest
from tests.support.cli import running_cli, url_with_management
from tests.support.plain import PlainPika
from tests.support.queue_content import dead_letter, fill

__all__ = ["DEAD", "FAILURES", "QUEUE", "declare", "fill_dead", "killed_after", "numbers"]

QUEUE, DEAD = "billing.invoices", "billing.invoices.dead"
FAILURES = ("ValueError@shop/a.py:f", "Permanent@shop/b.py:g", "Timeout@shop/c.py:h")


def declare(plain: PlainPika) -> None:
    """A consumer's queue, and its dead-letter queue as Warren declares it."""
    plain.declare(QUEUE)
    plain.declare(DEAD, **{"x-delivery-limit": 2**31 - 1})


def fill_dead(broker: BrokerUnderTest, count: int) -> None:
    """Dead letters of three failures, in turn."""
    fill(broker.url, DEAD, (dead_letter(n, queue=QUEUE, fingerprint=FAILURES[n % 3]) for n in range(count)))


def numbers(count: int, *, failure: int | None = None) -> list[bytes]:
    """The bodies of those dead letters, or of those of one failure."""
    return [b'{"order_id":%d}' % n for n in range(count) if failure is None or n % 3 == failure]


def killed_after(broker: BrokerUnderTest, folder: Path, is_time: Callable[[], bool], *command: str) -> int:
    """Run a command and kill it with SIGKILL once it is time; return its exit code."""
    with running_cli(*command, cwd=folder, broker=url_with_management(broker)) as running:
        running.wait(lambda: is_time() or running.process.poll() is not None, "the time to kill it")
        running.signal(signal.SIGKILL)
        return running.finish()
