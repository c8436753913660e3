"""A journal beside a model of it, and loss of power at any moment.

Not here: the histories (`test_crashes.py`).
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest import mock

from tests.unit.broker.storage.journals import ADDRESS, Queue, new_queue, open_stepped
from tests.unit.broker.storage.simulated_disk import SimulatedDisk, input_output_error, no_space
from warren.broker.model.message import Entry, Message
from warren.broker.storage import moving
from warren.broker.storage.port import Recovered

CRASHES = 8
"""How many losses of power are looked at in a history."""

SMALL: Final[dict[str, Any]] = {"segment_size": 200, "resident_limit": 300}
"""Files that begin, are moved and go all the time."""

Name = tuple[int, bytes]
"""A queue and the body of a message, which is unique."""


@dataclass
class Kept:
    """What the model knows of a message in a queue. Points are those of the journal; None: it did not happen."""

    order: int
    entry: Entry
    published: int
    left: int | None = None
    copy: Name | None = None  # it was moved there
    deliveries: dict[int, int] = field(default_factory=dict)  # by point


@dataclass
class Crash:
    """A folder that a loss of power left, and what must be in it."""

    files: dict[str, bytes]
    must: set[Name]
    must_not: set[Name]
    either: list[tuple[Name, Name]]  # at least one of them
    together: list[list[Name]]  # all or none of them
    deliveries: dict[Name, int]  # at least
    known: dict[Name, int]  # everything ever published, with its order


class World:
    """One data folder after the other: a crash begins a new one."""

    def __init__(self, folder: Path, dice: random.Random) -> None:
        self._folder = folder
        self._dice = dice
        self._numbers = 0
        self._names = 0
        self._crashes: list[Crash] = []
        self._operations = self._failures = 0
        self.kept: dict[Name, Kept] = {}
        self._turns: list[list[Name]] = [[]]
        self._deleted: dict[int, int] = {}
        self._defined: dict[int, int] = {}
        self._small_steps = mock.patch.object(moving, "_STEP_RECORDS", 3)
        self._small_steps.start()
        self._open({})
        assert not list(self.recovered.messages)
        self.queues = [self._new_queue() for _ in range(3)]

    def _open(self, files: dict[str, bytes]) -> None:
        self._numbers += 1
        self.folder = self._folder / str(self._numbers)
        self.folder.mkdir()
        for name, data in files.items():
            (self.folder / name).write_bytes(data)
        self._reopen()

    def _reopen(self) -> None:
        self._failures = 0
        self.disk = SimulatedDisk(self.folder)
        self.journal, self.writer = open_stepped(self.folder, self.disk, **SMALL)
        self.disk.fail = self._operation
        self.recovered = self.journal.recover()

    def _new_queue(self) -> Queue:
        self._names += 1
        queue = new_queue(self.journal, f"q{self._names}")
        self._defined[queue.id] = self.journal._point
        return queue

    def end(self) -> None:
        self.disk.fail = lambda operation, size: size
        self.journal.close(())
        self._small_steps.stop()

    # -- operations ------------------------------------------------------------------------

    def publish(self, mask: int, size: int) -> None:
        self._publish([queue for bit, queue in enumerate(self.queues) if mask >> bit & 1], size)

    def burst(self, mask: int, size: int) -> None:
        """Publish enough for a file."""
        for _ in range(8):
            self.publish(mask, size)
        self.drain()

    def _publish(self, queues: list[Queue], size: int) -> list[Name]:
        body = b"%d " % len(self.kept) + b"b" * size
        message = Message(ADDRESS, b"head of " + body[:10], body, persistent=True)
        point = self.journal.publish(message, tuple(queues))
        names = [(queue.id, body) for queue in queues]
        for name, queue in zip(names, queues, strict=True):
            self.kept[name] = Kept(len(self.kept), Entry(message, queue, 0), point)
        self._turns[-1] += names
        return names

    def _live(self) -> list[Name]:
        return [name for name, one in self.kept.items() if one.left is None and name[0] not in self._deleted]

    def _pick(self, number: int) -> Name | None:
        live = self._live()
        return live[number % len(live)] if live else None

    def acknowledge(self, number: int, count: int) -> None:
        live = self._live()
        if live:
            first = number % len(live)
            for name in live[first : first + count]:
                self._leave(name)

    def sweep(self, *_: int) -> None:
        """Acknowledge most, so that a few messages keep many files."""
        for name in self._live():
            if self._dice.random() < 0.8:
                self._leave(name)

    def _leave(self, name: Name) -> None:
        self.kept[name].left = self.journal._point
        self.journal.acknowledge(self.kept[name].entry)

    def move(self, number: int, _: int = 0) -> None:
        name = self._pick(number)
        if name is None:
            return
        ack_first = self._dice.random() < 0.5
        if ack_first:
            self._leave(name)
        (self.kept[name].copy,) = self._publish([self.queues[number % 3]], 20)
        if not ack_first:
            self._leave(name)

    def requeue(self, number: int, _: int = 0) -> None:
        name = self._pick(number)
        if name is not None:
            one = self.kept[name]
            one.entry.deliveries += 1
            one.deliveries[self.journal._point] = one.entry.deliveries
            self.journal.requeued(one.entry)

    def load(self, number: int, _: int = 0) -> None:
        name = self._pick(number)
        if name is not None:
            message = self.kept[name].entry.message
            if message.header is None:
                self.journal.load(message)
            assert (message.header, message.body) == (b"head of " + name[1][:10], name[1])

    def delete(self, number: int, _: int = 0) -> None:
        queue = self.queues[number]
        self._deleted[queue.id] = self.journal._point
        self.journal.define("queue", ("/", queue.name), None)
        self.journal.queue_deleted(queue)
        self.queues[number] = self._new_queue()

    def turn(self, *_: int) -> None:
        self.journal.end_turn()
        self._turns.append([])

    def fail(self, count: int, _: int = 0) -> None:
        """Let operations of the disk fail, that many of the next."""
        self._failures = count

    def write(self, *_: int) -> None:
        self._turns.append([])  # The loop calls back between turns only.
        self.writer.step()

    def drain(self, *_: int) -> None:
        self.turn()
        while self.writer.step():
            pass
        assert self.journal.backlog == 0
        assert self.journal.flushed == self.journal._point - 1

    def restart(self, *_: int) -> None:
        """Close, open again, and expect exactly what was there."""
        live = self._live()
        delivered = {name for name in live if self._dice.random() < 0.3}
        self.journal.close([self.kept[name].entry for name in delivered])
        self._forget_past(live)
        self._reopen()
        found = self._take_over(self.recovered)
        assert self.recovered.is_clean
        assert list(found) == sorted(live, key=lambda name: self.kept[name].order)
        for name, redelivered in found.items():
            assert redelivered == (name in delivered or self.kept[name].entry.deliveries > 0)

    def _forget_past(self, live: Iterable[Name]) -> None:
        """All that was asked for is safe: points begin anew."""
        self._turns = [[]]
        self._defined = dict.fromkeys(self._defined, 0)
        self._deleted = dict.fromkeys(self._deleted, 0)
        for one in self.kept.values():
            one.published = 0
            one.left = None if one.left is None else 0
            one.deliveries = {0: one.entry.deliveries} if one.entry.deliveries else {}

    def _take_over(self, recovered: Recovered) -> dict[Name, bool]:
        """Go on with the entries that were found; return them with redelivered."""
        assert not recovered.notes
        found = {}
        queues = {queue.id: queue for queue in self.queues}
        for queue_id, message, _, redelivered, deliveries in recovered.messages:
            assert message.body is not None
            assert message.header == b"head of " + message.body[:10]
            name = (queue_id, message.body)
            assert name not in found
            found[name] = redelivered
            entry = Entry(message, queues[queue_id], 0)
            entry.deliveries = deliveries
            self.kept[name].entry = entry
        return found

    # -- crashes ---------------------------------------------------------------------------

    def _operation(self, operation: str, size: int) -> int:
        """Called before each operation of the disk: sometimes it is the last."""
        self._operations += 1
        if operation != "free" and len(self._crashes) < CRASHES and self._dice.random() < 0.08:
            self._crashes.append(self._crash())
        if self._failures and operation != "free" and self._dice.random() < 0.5:
            self._failures -= 1
            raise self._dice.choice([no_space(), input_output_error()])
        return size

    def _crash(self, *, killed: bool = False) -> Crash:
        flushed = self.journal.flushed
        state = self.disk.state
        crash = Crash(state.killed() if killed else state.crashed(self._dice), set(), set(), [], [], {}, {})
        for name, one in self.kept.items():
            crash.known[name] = one.order
            if name[0] in self._deleted:
                if self._deleted[name[0]] <= flushed:
                    crash.must_not.add(name)
            elif one.left is None:
                if max(one.published, self._defined[name[0]]) <= flushed:
                    crash.must.add(name)
                    crash.deliveries[name] = max((n for at, n in one.deliveries.items() if at <= flushed), default=0)
            elif one.left <= flushed:
                crash.must_not.add(name)
            elif one.copy is not None and one.published <= flushed and self._is_there(one.copy):
                crash.either.append((name, one.copy))
        for turn in self._turns:
            crash.together.append([name for name in turn if self._is_there(name)])
        return crash

    def _is_there(self, name: Name) -> bool:
        return self.kept[name].left is None and name[0] not in self._deleted

    def check_crashes(self) -> None:
        """Open each folder that a crash left."""
        crashes, self._crashes = self._crashes, []
        for crash in crashes:
            self._check(crash)

    def _check(self, crash: Crash) -> None:
        self._numbers += 1
        folder = self._folder / str(self._numbers)
        folder.mkdir()
        for name, data in crash.files.items():
            (folder / name).write_bytes(data)
        journal, _ = open_stepped(folder, SimulatedDisk(folder), **SMALL)
        try:
            recovered = journal.recover()
            assert not recovered.notes
            found: dict[Name, int] = {}
            for queue_id, message, _, redelivered, deliveries in recovered.messages:
                assert redelivered or recovered.is_clean
                assert message.body is not None
                assert message.header == b"head of " + message.body[:10]
                name = (queue_id, message.body)
                assert name not in found
                found[name] = deliveries
        finally:
            journal.close(())
        assert found.keys() <= crash.known.keys()
        assert crash.must <= found.keys()
        assert not crash.must_not & found.keys()
        assert all(found.keys() & pair for pair in map(set, crash.either))
        for turn in crash.together:
            assert not turn or len(found.keys() & set(turn)) in {0, len(set(turn))}
        for name, deliveries in crash.deliveries.items():
            assert found[name] >= deliveries
        assert [crash.known[name] for name in found] == sorted(crash.known[name] for name in found)

    def go_on_after_a_crash(self) -> None:
        """Lose power now, and go on with what is left."""
        crash = self._crash()
        self.disk.fail = lambda operation, size: size
        self.journal.close(())
        self._open(crash.files)
        found = self._take_over(self.recovered)
        assert crash.must <= found.keys()
        for name in list(self.kept):
            if name not in found:
                self.kept[name].left = 0
        self._forget_past(found)
