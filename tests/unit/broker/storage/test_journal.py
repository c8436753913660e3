"""The journal from outside: what comes back, when it is safe, what is never written.

Not here: crashes (`test_crashes.py`), failing disks (`test_failing_disk.py`), files that go (`test_files_that_go.py`).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.unit.broker.storage.journals import ADDRESS, Loop, Queue, bodies, flush, new_queue, open_journal, publish
from warren.broker.model.message import Entry, Message
from warren.broker.storage.journal import Journal
from warren.clock import ManualClock
from warren.errors import ConfigurationError


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def journal(tmp_path: Path, loop: Loop):
    journal = open_journal(tmp_path / "data", loop)
    assert not list(journal.recover().messages)
    yield journal
    journal.close(())


def reopen(journal: Journal, loop: Loop, delivered: tuple[Entry, ...] = (), **options: object) -> Journal:
    journal.close(delivered)
    return open_journal(journal._folder, loop, **options)


def test_a_message_comes_back_as_it_was_published(journal: Journal, loop: Loop) -> None:
    queue = new_queue(journal)
    publish(journal, [queue], bytes(range(256)) * 10, b"\x10\x00\x02")
    flush(journal, loop)

    journal = reopen(journal, loop)
    (found,) = journal.recover().messages
    assert found.queue_id == queue.id
    assert found.message.body == bytes(range(256)) * 10
    assert found.message.header == b"\x10\x00\x02"
    assert (found.message.address.exchange, found.message.address.routing_key) == ("orders", "paid")
    assert found.message.persistent
    assert found.message.size == 2560
    journal.close(())


def test_messages_come_back_in_the_order_of_their_publishing(journal: Journal, loop: Loop) -> None:
    queues = [new_queue(journal, "one"), new_queue(journal, "two")]
    for number in range(100):
        publish(journal, [queues[number % 2]] if number % 3 else queues, b"%d" % number)
        if number % 7 == 0:
            flush(journal, loop)
    flush(journal, loop)

    journal = reopen(journal, loop)
    found = list(journal.recover().messages)
    for number, queue in enumerate(queues):
        expected = [b"%d" % one for one in range(100) if one % 2 == number or one % 3 == 0]
        assert bodies(one for one in found if one.queue_id == queue.id) == expected
    journal.close(())


def test_a_publish_is_safe_at_its_point_and_not_before(journal: Journal, loop: Loop) -> None:
    told = []
    journal.on_flushed = lambda: told.append(journal.flushed)
    queue = new_queue(journal)
    message = Message(ADDRESS, b"", b"body", persistent=True)
    point = journal.publish(message, [queue])
    assert point > journal.flushed
    assert journal.backlog == 4
    journal.end_turn()
    assert point > journal.flushed
    loop.run_until(lambda: bool(told))
    assert told == [point]
    assert journal.backlog == 0


def test_what_gathers_while_a_batch_is_written_is_written_after_it_without_being_asked(
    journal: Journal, loop: Loop
) -> None:
    queue = new_queue(journal)
    publish(journal, [queue], b"first")
    journal.end_turn()
    point = journal.publish(Message(ADDRESS, b"", b"second", persistent=True), [queue])
    loop.run_until(lambda: journal.flushed >= point)


@pytest.mark.parametrize(("persistent", "durable"), [(False, True), (True, False), (False, False)])
def test_what_is_not_durable_is_safe_at_once_and_does_not_come_back(
    journal: Journal, loop: Loop, persistent: bool, durable: bool
) -> None:
    queue = new_queue(journal)
    queue.durable = durable
    message = Message(ADDRESS, b"", b"body", persistent=persistent)
    assert journal.publish(message, [queue]) == 0
    journal.acknowledge(Entry(message, queue, 0))
    flush(journal, loop)
    journal = reopen(journal, loop)
    assert not list(journal.recover().messages)
    journal.close(())


def test_a_message_that_left_before_its_batch_began_is_never_written(journal: Journal, loop: Loop) -> None:
    queue, other = new_queue(journal, "one"), new_queue(journal, "two")
    flush(journal, loop)
    sizes = [path.stat().st_size for path in sorted(journal._folder.glob("*.segment"))]
    for entry in publish(journal, [queue, other], b"short-lived"):
        journal.acknowledge(entry)
    told = []
    journal.on_flushed = lambda: told.append(journal.flushed)
    journal.end_turn()
    assert told  # nothing to write, so it is safe at once
    assert [path.stat().st_size for path in sorted(journal._folder.glob("*.segment"))] == sizes


def test_a_message_that_left_one_of_its_queues_comes_back_in_the_other(journal: Journal, loop: Loop) -> None:
    queues = [new_queue(journal, "one"), new_queue(journal, "two")]
    early, _ = publish(journal, queues, b"acknowledged at once")
    journal.acknowledge(early)
    late, _ = publish(journal, queues, b"acknowledged later")
    flush(journal, loop)
    journal.acknowledge(late)
    flush(journal, loop)

    journal = reopen(journal, loop)
    found = list(journal.recover().messages)
    assert [one.queue_id for one in found] == [queues[1].id] * 2
    assert bodies(found) == [b"acknowledged at once", b"acknowledged later"]
    journal.close(())


def test_after_a_clean_end_only_what_was_delivered_is_redelivered(journal: Journal, loop: Loop) -> None:
    queue = new_queue(journal)
    entries = [*publish(journal, [queue], b"delivered"), *publish(journal, [queue], b"waiting")]
    journal = reopen(journal, loop, (entries[0],))
    recovered = journal.recover()
    assert recovered.is_clean
    assert [one.redelivered for one in recovered.messages] == [True, False]
    journal.close(())


def test_after_a_kill_everything_is_redelivered(journal: Journal, loop: Loop, tmp_path: Path) -> None:
    queue = new_queue(journal)
    publish(journal, [queue], b"perhaps delivered")
    flush(journal, loop)
    shutil.copytree(journal._folder, tmp_path / "left")  # what a kill leaves

    journal = open_journal(tmp_path / "left", loop)
    recovered = journal.recover()
    assert not recovered.is_clean
    assert [one.redelivered for one in recovered.messages] == [True]
    journal.close(())


def test_failed_deliveries_are_counted_on(journal: Journal, loop: Loop) -> None:
    queue = new_queue(journal)
    (entry,) = publish(journal, [queue], b"poison")
    for count in (1, 2):
        entry.deliveries = count
        journal.requeued(entry)
        flush(journal, loop)
    journal = reopen(journal, loop)
    (found,) = journal.recover().messages
    assert found.deliveries == 2
    assert found.redelivered
    journal.close(())


def test_a_message_grows_old_while_the_broker_is_down(tmp_path: Path, loop: Loop) -> None:
    clock = ManualClock()
    journal = open_journal(tmp_path / "data", loop, clock=clock)
    list(journal.recover().messages)
    publish(journal, [new_queue(journal)], b"old")
    journal.close(())
    clock.advance(90.0)
    journal = open_journal(tmp_path / "data", loop, clock=clock)
    (found,) = journal.recover().messages
    assert found.age == pytest.approx(90.0)
    journal.close(())


def test_messages_of_a_deleted_queue_do_not_come_back_nor_do_those_shared_with_it_get_lost(
    journal: Journal, loop: Loop
) -> None:
    queue, other = new_queue(journal, "deleted"), new_queue(journal, "kept")
    written = publish(journal, [queue, other], b"written")
    flush(journal, loop)
    gathered = publish(journal, [queue, other], b"gathered")
    publish(journal, [queue], b"only there")
    journal.define("queue", ("/", "deleted"), None)
    journal.queue_deleted(queue)
    for entry in (written[0], gathered[0]):
        journal.acknowledge(entry)  # a client may still settle what it has
    flush(journal, loop)
    journal = reopen(journal, loop)
    found = list(journal.recover().messages)
    assert [(one.queue_id, one.message.body) for one in found] == [(other.id, b"written"), (other.id, b"gathered")]
    journal.close(())


def test_ids_of_queues_are_never_given_again(journal: Journal, loop: Loop) -> None:
    seen = {journal.next_queue_id() for _ in range(3)}
    for _ in range(3):
        journal = reopen(journal, loop)
        list(journal.recover().messages)
        new = {journal.next_queue_id() for _ in range(3)}
        assert not new & seen
        seen |= new
    journal.close(())


def test_bytes_leave_memory_beyond_the_limit_and_are_read_again(tmp_path: Path, loop: Loop) -> None:
    journal = open_journal(tmp_path / "data", loop, resident_limit=10_000)
    list(journal.recover().messages)
    queue = new_queue(journal)
    entries = []
    for number in range(100):
        entries += publish(journal, [queue], b"%03d" % number * 300, b"h" * number * 20)
        flush(journal, loop)
    paged_out = [entry.message for entry in entries if entry.message.header is None]
    assert len(paged_out) > 80
    assert all(message.body is None and message.size == 900 for message in paged_out)
    for number, entry in enumerate(entries):
        message = entry.message
        if message.header is None:
            journal.load(message)
        assert (message.header, message.body) == (b"h" * number * 20, b"%03d" % number * 300)
    journal.end_turn()
    assert sum(entry.message.size for entry in entries if entry.message.body is not None) < 12_000
    journal.close(())

    journal = open_journal(tmp_path / "data", loop, resident_limit=10_000)
    found = list(journal.recover().messages)
    assert sum(one.message.body is not None for one in found) in range(5, 15)
    journal.load(found[-1].message)
    assert found[-1].message.body == b"099" * 300
    journal.close(())


def test_a_message_that_is_not_stored_cannot_be_loaded(journal: Journal) -> None:
    with pytest.raises(RuntimeError, match="is not stored"):
        journal.load(Message(ADDRESS, b"", b"", persistent=False))


def test_a_second_broker_is_kept_out_of_the_folder(journal: Journal, loop: Loop) -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_journal(journal._folder, loop)
    assert str(refused.value) == (
        f"the data folder '{journal._folder}' is in use by the broker with process id {os.getpid()}: "
        "stop that one, or give this one a folder of its own"
    )


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, loop: Loop) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError, match=r"cannot use the data folder '.*file/data': Not a directory"):
        open_journal(tmp_path / "file" / "data", loop)


def test_closing_twice_or_before_the_start_is_harmless(tmp_path: Path, loop: Loop) -> None:
    journal = open_journal(tmp_path / "data", loop)
    journal.close(())
    journal.close(())
    assert list(tmp_path.joinpath("data").iterdir()) == [tmp_path / "data" / "lock"]


def test_a_start_that_was_given_up_leaves_everything_as_it_was(journal: Journal, loop: Loop) -> None:
    queue = new_queue(journal)
    for body in (b"one", b"two"):
        publish(journal, [queue], body)
    flush(journal, loop)
    shutil.copytree(journal._folder, journal._folder.with_name("left"))
    for _ in range(2):
        given_up = open_journal(journal._folder.with_name("left"), loop)
        next(iter(given_up.recover().messages))
        given_up.close(())
    after = open_journal(journal._folder.with_name("left"), loop)
    recovered = after.recover()
    assert not recovered.is_clean
    assert [one.redelivered for one in recovered.messages] == [True, True]
    after.close(())


def test_closing_makes_safe_what_gathered_and_says_so(journal: Journal, loop: Loop) -> None:
    told = []
    journal.on_flushed = lambda: told.append(journal.flushed)
    queue = new_queue(journal)
    publish(journal, [queue], b"first")
    journal.end_turn()
    point = journal.publish(Message(ADDRESS, b"", b"second", persistent=True), [queue])
    journal = reopen(journal, loop)
    assert told[-1] >= point
    assert bodies(journal.recover().messages) == [b"first", b"second"]
    journal.close(())


def test_a_queue_of_any_name_is_only_known_by_its_id(journal: Journal, loop: Loop) -> None:
    """Storage asks nothing else of a queue: not that it is still defined under the name it had."""
    queue = new_queue(journal, "name")
    publish(journal, [Queue(queue.id, "other name")], b"body")
    journal = reopen(journal, loop)
    assert bodies(journal.recover().messages) == [b"body"]
    journal.close(())
