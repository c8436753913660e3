"""A journal to test: queues, entries, a loop, and a writer that writes when the test says so.

Not here: the disk that fails (`simulated_disk.py`).
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from unittest import mock

from warren.broker.model.message import Address, Entry, Message
from warren.broker.storage import journal as journal_module
from warren.broker.storage.disk import Disk
from warren.broker.storage.journal import Journal
from warren.broker.storage.writer import Writer
from warren.clock import ManualClock

ADDRESS = Address("orders", "paid")


class Queue:
    """What storage looks at of a queue."""

    def __init__(self, number: int, name: str = "q", *, durable: bool = True) -> None:
        self.id = number
        self.name = name
        self.durable = durable


class SteppedWriter(Writer):
    """Writes on the thread of the test, one submission at a time."""

    def start(self) -> None:
        pass

    def step(self) -> bool:
        """Do the next submission, if there is one."""
        try:
            item = self._works.get_nowait()
        except queue.Empty:
            return False
        if item is None:
            return False
        works, done = item
        self._check_space()
        for work in works:
            assert self._complete(work)
        if done is not None:
            done(works)
        return True

    def stop(self) -> bool:
        while self.step():
            pass
        self.segment.close()
        self.definitions.close()
        return True


class Loop:
    """Takes the calls from the writer's thread, and runs them when the test waits."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.call_soon_threadsafe = self._calls.put

    def run_until(self, condition: Callable[[], bool], *, timeout: float = 20.0) -> None:
        while not condition():
            self._calls.get(timeout=timeout)()


def open_journal(folder: Path, loop: Loop, disk: Disk | None = None, **options: Any) -> Journal:
    """Return a journal with its own writer thread; `recover` is not called yet."""
    options.setdefault("clock", ManualClock())
    return Journal(folder, call_soon_threadsafe=loop.call_soon_threadsafe, disk=disk, **options)


def open_stepped(folder: Path, disk: Disk, **options: Any) -> tuple[Journal, SteppedWriter]:
    """Return a journal whose writer writes when the test says so."""
    with mock.patch.object(journal_module, "Writer", SteppedWriter):
        journal = Journal(
            folder, clock=ManualClock(), call_soon_threadsafe=lambda call: call(), disk=disk, retry_delay=0, **options
        )
    return journal, journal._writer


def new_queue(journal: Journal, name: str = "q") -> Queue:
    """Declare a durable queue."""
    made = Queue(journal.next_queue_id(), name)
    journal.define("queue", ("/", name), {"id": made.id})
    return made


def publish(journal: Journal, queues: Iterable[Queue], body: bytes, header: bytes = b"header") -> list[Entry]:
    """Publish a persistent message; return its entries."""
    message = Message(ADDRESS, header, body, persistent=True)
    queues = tuple(queues)
    journal.publish(message, queues)
    return [Entry(message, one, 0) for one in queues]


def flush(journal: Journal, loop: Loop) -> None:
    """Wait until everything asked for is safe."""
    journal.end_turn()
    loop.run_until(lambda: not journal._is_writing and not journal._has_gathered())


def bodies(found: Iterable[Any]) -> list[bytes]:
    """Return the bodies of recovered messages, in order."""
    return [one.message.body for one in found]
