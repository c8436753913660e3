"""A disk that is full, failing or slow: publishers are told, nothing is promised meanwhile, nothing is lost.

Not here: loss of power (`test_crashes.py`).
"""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tests.unit.broker.storage.journals import Loop, bodies, flush, new_queue, open_journal, publish
from tests.unit.broker.storage.simulated_disk import SimulatedDisk, input_output_error, no_space
from warren.broker.storage.journal import Journal
from warren.errors import ConfigurationError


class Scene:
    """A journal on a disk that fails when told to, and the alarms it raised."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.disk = SimulatedDisk(folder)
        self.loop = Loop()
        self.alarms: list[str | None] = []
        self.journal = open_journal(folder, self.loop, self.disk, retry_delay=0.01, **options)
        assert not list(self.journal.recover().messages)
        self.journal.on_alarm = self.alarms.append
        self.queue = new_queue(self.journal)
        flush(self.journal, self.loop)

    def fail(self, operation: str, error: OSError) -> None:
        """From now on let an operation fail."""

        def fail(asked: str, size: int) -> int:
            if asked == operation:
                raise error
            return size

        self.disk.fail = fail

    def mend(self) -> None:
        self.disk.fail = lambda operation, size: size

    def run_until_alarm(self, count: int = 1) -> None:
        self.loop.run_until(lambda: len(self.alarms) >= count)

    def reopened(self) -> list[bytes]:
        """Return what another process finds."""
        self.journal.close(())
        journal = open_journal(self.folder, self.loop)
        recovered = journal.recover()
        assert not recovered.notes
        found = bodies(recovered.messages)
        journal.close(())
        return found


@pytest.fixture
def scene(tmp_path: Path):
    scene = Scene(tmp_path / "data")
    yield scene
    scene.mend()
    scene.journal.close(())


@pytest.mark.parametrize("operation", ["write", "flush"])
@pytest.mark.parametrize("error", [no_space(), input_output_error()], ids=["ENOSPC", "EIO"])
def test_nothing_is_safe_until_a_failing_disk_works_again(scene: Scene, operation: str, error: OSError) -> None:
    publish(scene.journal, [scene.queue], b"before")
    flush(scene.journal, scene.loop)
    before = scene.journal.flushed

    scene.fail(operation, error)
    publish(scene.journal, [scene.queue], b"while")
    scene.journal.end_turn()
    publish(scene.journal, [scene.queue], b"after")
    scene.journal.end_turn()
    scene.run_until_alarm()
    assert scene.alarms == [f"cannot write to '{scene.folder}': {error.strerror}"]
    assert scene.journal.flushed == before
    assert scene.journal.backlog == len(b"while" + b"after")

    scene.mend()
    flush(scene.journal, scene.loop)
    scene.run_until_alarm(2)
    assert scene.alarms[1:] == [None]
    assert scene.journal.backlog == 0
    assert scene.reopened() == [b"before", b"while", b"after"]


def test_after_a_failed_flush_the_same_bytes_go_to_a_new_file(scene: Scene) -> None:
    entries = publish(scene.journal, [scene.queue], b"before")
    flush(scene.journal, scene.loop)
    scene.fail("flush", input_output_error())
    entries += publish(scene.journal, [scene.queue], b"while")
    scene.journal.end_turn()
    scene.run_until_alarm()
    scene.mend()
    flush(scene.journal, scene.loop)
    entries += publish(scene.journal, [scene.queue], b"after")
    flush(scene.journal, scene.loop)

    assert len(list(scene.folder.glob("0000000001*.segment"))) == 2
    for entry, body in zip(entries, [b"before", b"while", b"after"], strict=True):
        entry.message.header = entry.message.body = None
        scene.journal.load(entry.message)
        assert (entry.message.header, entry.message.body) == (b"header", body)
    assert scene.reopened() == [b"before", b"while", b"after"]


def test_what_a_failed_flush_left_in_the_old_file_does_not_count(scene: Scene) -> None:
    """The old file has the batch as well, perhaps whole: only the new one is read from there on."""
    publish(scene.journal, [scene.queue], b"before")
    flush(scene.journal, scene.loop)
    scene.fail("flush", input_output_error())
    publish(scene.journal, [scene.queue], b"while")
    scene.journal.end_turn()
    scene.run_until_alarm()
    scene.mend()
    flush(scene.journal, scene.loop)
    assert scene.reopened() == [b"before", b"while"]


def test_a_write_that_stops_short_goes_on_where_it_stopped(scene: Scene) -> None:
    scene.disk.fail = lambda operation, size: max(1, size // 3) if operation == "write" else size
    publish(scene.journal, [scene.queue], b"x" * 5000)
    flush(scene.journal, scene.loop)
    assert scene.reopened() == [b"x" * 5000]


def test_a_write_that_fails_half_way_is_cut_off_before_the_next(scene: Scene) -> None:
    written = 0

    def fill_up(operation: str, size: int) -> int:
        nonlocal written
        if operation != "write":
            return size
        if written >= 1000:
            raise no_space()
        written += min(size, 400)
        return min(size, 400)

    path = next(scene.folder.glob("*.segment"))
    size = path.stat().st_size
    scene.disk.fail = fill_up
    publish(scene.journal, [scene.queue], b"x" * 5000)
    scene.journal.end_turn()
    scene.run_until_alarm()
    scene.mend()
    flush(scene.journal, scene.loop)
    assert path.stat().st_size > size + 5000
    assert path.stat().st_size < size + 6000
    assert scene.reopened() == [b"x" * 5000]


def _raise(error: OSError) -> int:
    raise error


def test_a_file_that_cannot_even_be_cut_back_is_left_for_a_new_one(scene: Scene) -> None:
    def fail(operation: str, size: int) -> int:
        if operation in ("write", "truncate"):
            raise input_output_error()
        return size

    publish(scene.journal, [scene.queue], b"before")
    flush(scene.journal, scene.loop)
    scene.disk.fail = fail
    publish(scene.journal, [scene.queue], b"while")
    scene.journal.end_turn()
    scene.run_until_alarm()
    scene.mend()
    flush(scene.journal, scene.loop)
    assert len(list(scene.folder.glob("0000000001*.segment"))) == 2
    assert scene.reopened() == [b"before", b"while"]


@pytest.mark.parametrize("operation", ["create", "flush_folder", "write", "flush"])
def test_a_new_segment_that_cannot_be_made_is_tried_again(tmp_path: Path, operation: str) -> None:
    scene = Scene(tmp_path / "data", segment_size=200)
    publish(scene.journal, [scene.queue], b"x" * 300)
    flush(scene.journal, scene.loop)
    scene.fail(operation, no_space())
    publish(scene.journal, [scene.queue], b"next")
    scene.journal.end_turn()
    scene.run_until_alarm()
    scene.mend()
    flush(scene.journal, scene.loop)
    assert scene.reopened() == [b"x" * 300, b"next"]


@pytest.mark.parametrize("operation", ["write", "flush"])
def test_definitions_survive_a_failing_disk(scene: Scene, operation: str) -> None:
    scene.fail(operation, input_output_error())
    later = new_queue(scene.journal, "later")
    publish(scene.journal, [later], b"to later")
    scene.journal.end_turn()
    scene.run_until_alarm()
    scene.mend()
    flush(scene.journal, scene.loop)
    assert scene.reopened() == [b"to later"]


def test_little_space_raises_an_alarm_and_writing_goes_on(scene: Scene) -> None:
    scene.disk.fail = lambda operation, size: 49_999_999 if operation == "free" else size
    publish(scene.journal, [scene.queue], b"one")
    flush(scene.journal, scene.loop)
    scene.run_until_alarm()
    assert scene.alarms == [f"less than 50 MB free in '{scene.folder}'"]

    scene.disk.fail = lambda operation, size: 50_000_000 if operation == "free" else size
    scene.run_until_alarm(2)  # without anything to write
    assert scene.alarms[1:] == [None]
    assert scene.reopened() == [b"one"]


def test_closing_does_not_wait_for_a_disk_that_fails(scene: Scene) -> None:
    publish(scene.journal, [scene.queue], b"safe")
    flush(scene.journal, scene.loop)
    safe = scene.journal.flushed
    scene.fail("write", no_space())
    publish(scene.journal, [scene.queue], b"not safe")
    scene.journal.close(())
    assert scene.journal.flushed == safe

    journal = open_journal(scene.folder, scene.loop)
    recovered = journal.recover()
    assert not recovered.is_clean
    assert bodies(recovered.messages) == [b"safe"]
    journal.close(())


def test_a_folder_that_cannot_be_written_is_told_in_a_line(tmp_path: Path) -> None:
    disk = SimulatedDisk(tmp_path)
    disk.fail = lambda operation, size: _raise(OSError(errno.EROFS, "Read-only file system"))
    journal: Journal = open_journal(tmp_path / "data", Loop(), disk)
    with pytest.raises(ConfigurationError, match=r"cannot open the data folder '.*': Read-only file system"):
        journal.recover()
    journal.close(())
