"""Disk space: files go when their messages do, a few old messages do not hold many files, and nothing comes back.

Not here: crashes in the middle of that (`test_crashes.py`).
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.unit.broker.storage.journals import Loop, bodies, flush, new_queue, open_journal, publish
from warren.broker.model.message import Entry
from warren.broker.storage.journal import Journal

SEGMENT_SIZE = 4000


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def journal(tmp_path: Path, loop: Loop):
    journal = open_journal(tmp_path / "data", loop, segment_size=SEGMENT_SIZE)
    assert not list(journal.recover().messages)
    yield journal
    journal.close(())


def segment_files(journal: Journal) -> list[Path]:
    return sorted(journal._folder.glob("*.segment"))


def disk_space(journal: Journal) -> int:
    return sum(path.stat().st_size for path in journal._folder.iterdir())


def settle(journal: Journal, loop: Loop) -> None:
    """Wait until the writer has done all it was given, the removal of files too."""
    for _ in range(2):
        journal.define("parameter", ("settled",), {"point": journal._point})
        flush(journal, loop)


def acknowledge(journal: Journal, entries: list[Entry]) -> None:
    for entry in entries:
        journal.acknowledge(entry)


def reopened(journal: Journal, loop: Loop) -> list[bytes]:
    journal.close(())
    journal = open_journal(journal._folder, loop)
    found = bodies(journal.recover().messages)
    journal.close(())
    return found


def test_a_file_goes_with_its_last_message(journal: Journal, loop: Loop) -> None:
    queue = new_queue(journal)
    for _ in range(50):
        entries = publish(journal, [queue], b"x" * 1500)
        flush(journal, loop)
        acknowledge(journal, entries)
    settle(journal, loop)
    assert len(segment_files(journal)) <= 2
    assert not list(journal._folder.glob("*.facts"))


def test_files_go_with_a_deleted_queue(journal: Journal, loop: Loop) -> None:
    queue = new_queue(journal)
    for _ in range(20):
        publish(journal, [queue], b"x" * 1500)
        flush(journal, loop)
    assert len(segment_files(journal)) > 5
    journal.define("queue", ("/", "q"), None)
    journal.queue_deleted(queue)
    settle(journal, loop)
    assert len(segment_files(journal)) <= 1


def test_what_left_a_queue_stays_away_after_the_file_that_says_so_is_gone(journal: Journal, loop: Loop) -> None:
    """The first file stays for its one message; what is said of the other is in files that go."""
    queue = new_queue(journal)
    kept = publish(journal, [queue], b"kept" + b"x" * 2500)
    gone = publish(journal, [queue], b"gone" * 200)
    flush(journal, loop)
    acknowledge(journal, gone)
    for _ in range(8):
        entries = publish(journal, [queue], b"x" * 1500)
        flush(journal, loop)
        acknowledge(journal, entries)
    settle(journal, loop)
    assert "0000000001.facts" in {path.name for path in journal._folder.iterdir()}
    assert reopened(journal, loop) == [kept[0].message.body]


def test_a_few_old_messages_do_not_hold_disk_space_without_bound(journal: Journal, loop: Loop) -> None:
    queue = new_queue(journal)
    kept = []
    for number in range(400):
        kept += publish(journal, [queue], b"%03d kept" % number)
        entries = publish(journal, [queue], b"x" * 3000)
        flush(journal, loop)
        acknowledge(journal, entries)
    settle(journal, loop)
    assert disk_space(journal) < 2 * 400 * 200 + 6 * SEGMENT_SIZE
    for number, entry in enumerate(kept):
        entry.message.header = entry.message.body = None
        journal.load(entry.message)
        assert entry.message.body == b"%03d kept" % number
    acknowledge(journal, kept[:200:2])
    flush(journal, loop)
    expected = [b"%03d kept" % number for number in range(400) if number >= 200 or number % 2]
    assert reopened(journal, loop) == expected


def test_many_starts_do_not_leave_many_files(journal: Journal, loop: Loop) -> None:
    queue = new_queue(journal)
    for number in range(60):
        publish(journal, [queue], b"%d" % number)
        flush(journal, loop)
        folder = journal._folder
        journal.close(())
        journal = open_journal(folder, loop, segment_size=SEGMENT_SIZE)
        assert len(list(journal.recover().messages)) == number + 1
    settle(journal, loop)
    assert len(segment_files(journal)) < 45
    assert reopened(journal, loop) == [b"%d" % number for number in range(60)]


def test_messages_in_several_queues_move_with_those_that_have_them_still(journal: Journal, loop: Loop) -> None:
    dice = random.Random(1)
    queues = [new_queue(journal, name) for name in ("one", "two", "three")]
    expected = []
    for number in range(300):
        entries = publish(journal, queues, b"%03d" % number)
        noise = publish(journal, queues[:1], b"x" * 2000)
        flush(journal, loop)
        stay = {entry for entry in entries if dice.random() < 0.2}
        acknowledge(journal, [entry for entry in entries if entry not in stay] + noise)
        expected += [(entry.queue.id, entry.message.body) for entry in entries if entry in stay]
    settle(journal, loop)
    assert len(segment_files(journal)) < 40
    journal.close(())
    journal = open_journal(journal._folder, loop)
    found = [(one.queue_id, one.message.body) for one in journal.recover().messages]
    assert sorted(found) == sorted(expected)
    journal.close(())


def test_a_damaged_file_is_not_moved(journal: Journal, loop: Loop) -> None:
    queue = new_queue(journal)
    publish(journal, [queue], b"kept")
    publish(journal, [queue], b"kept too" * 10)
    entries = publish(journal, [queue], b"x" * 5000)
    flush(journal, loop)
    path = segment_files(journal)[0]
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    for _ in range(30):
        acknowledge(journal, entries)
        entries = publish(journal, [queue], b"x" * 3000) + publish(journal, [queue], b"y" * 10)
        flush(journal, loop)
        entries.pop()
    settle(journal, loop)
    assert path in segment_files(journal)
    assert path.read_bytes() == data
