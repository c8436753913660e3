"""The file of drained messages: nothing but whole lines, on disk, of one writer.

Not here: what a line holds (test_capture.py), or killed runs (tests/acceptance/test_cli_drain.py).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from warren.contracts.properties import Properties
from warren.errors import ConfigurationError, WarrenError
from warren.operations.capture import read_line, write_line
from warren.operations.captures import CaptureFile
from warren.operations.lease import Held
from warren.transport.wire import encode_properties

NOW = 1_700_000_000.25


def message(number: int, *, redelivered: bool = False, message_id: str | None = "m", **headers: int) -> Held:
    own = message_id and f"{message_id}-{number}"
    properties = Properties(message_id=own, headers=headers) if headers else Properties(message_id=own)
    return Held(number, redelivered, "", "orders", properties, encode_properties(properties), b'{"n":%d}' % number)


def line(number: int) -> bytes:
    return write_line("orders.dead", message(number), now=NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dead.ndjson"


def test_lines_are_appended_run_after_run(path: Path) -> None:
    for number in (1, 2):
        with CaptureFile.open(path) as file:
            file.append([line(number)])

    assert path.read_bytes() == line(1) + line(2)
    assert path.stat().st_mode & 0o077 == 0, "messages are nobody else's business"


@pytest.mark.parametrize("size", [1, 8, 15, 20, 100])
@pytest.mark.parametrize("before", [b"", line(1)], ids=["alone", "after a line"])
def test_the_torn_end_of_a_killed_run_is_cut(path: Path, size: int, before: bytes) -> None:
    path.write_bytes(before + line(2)[:size])

    with CaptureFile.open(path) as file:
        file.append([line(3)])

        assert file.torn == size
    assert path.read_bytes() == before + line(3)


def test_a_last_line_that_an_editor_left_without_its_end_is_kept(path: Path) -> None:
    path.write_bytes(line(1) + line(2).rstrip())

    with CaptureFile.open(path) as file:
        file.append([line(3)])

    assert path.read_bytes() == line(1) + line(2) + line(3)


@pytest.mark.parametrize("content", [b"order_id\n1\n", b"notes without an end", b'{"order_id":1}\n', b'{"v":1}\n{"v"'])
def test_a_file_of_something_else_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match="holds something else"):
        CaptureFile.open(path)
    assert path.read_bytes() == content


def test_a_file_that_is_being_written_is_refused(path: Path) -> None:
    with CaptureFile.open(path), pytest.raises(ConfigurationError, match="another warren writes"):
        CaptureFile.open(path)
    CaptureFile.open(path).close()


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "missing" / "dead.ndjson", tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(ConfigurationError, match=str(place)):
            CaptureFile.open(place)


def test_a_disk_that_is_full_leaves_no_half_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write

    def write(descriptor: int, data: memoryview) -> int:
        answers = steps.pop(0)
        if answers is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data[:answers])

    steps: list[int | None] = [10_000, 10, None]
    with CaptureFile.open(path) as file:
        monkeypatch.setattr(os, "write", write)
        file.append([line(1)])
        with pytest.raises(WarrenError, match="No space left on device; free some room"):
            file.append([line(2)])

    assert path.read_bytes() == line(1)


def test_what_was_not_synced_does_not_count_as_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with CaptureFile.open(path) as file:
        monkeypatch.setattr(os, "fsync", lambda _descriptor: (_ for _ in ()).throw(OSError(errno.EIO, "broken disk")))
        with pytest.raises(WarrenError, match="broken disk"):
            file.append([line(1)])

    assert path.read_bytes() == b""


# -- messages that a killed run wrote and did not acknowledge -------------------------------------


@pytest.fixture
def resumed(path: Path) -> Iterator[CaptureFile]:
    with CaptureFile.open(path) as file:
        file.append([line(1), line(2)])
    with CaptureFile.open(path) as file:
        yield file


def test_a_redelivery_of_what_is_in_the_file_is_recognised_once(resumed: CaptureFile) -> None:
    assert resumed.has(message(2, redelivered=True))
    assert not resumed.has(message(2, redelivered=True))
    assert resumed.has(message(1, redelivered=True))


def test_what_the_broker_counts_makes_no_other_message(path: Path) -> None:
    with CaptureFile.open(path) as file:
        file.append([write_line("orders.dead", message(1, tries=1), now=NOW)])
    with CaptureFile.open(path) as file:
        assert file.has(message(1, redelivered=True, tries=1, **{"x-delivery-count": 1}))


def test_the_order_of_headers_makes_no_other_message(path: Path) -> None:
    with CaptureFile.open(path) as file:
        file.append([write_line("orders.dead", message(1, tries=1, age=2), now=NOW)])
    with CaptureFile.open(path) as file:
        assert file.has(message(1, redelivered=True, age=2, tries=1))


@pytest.mark.parametrize(
    "other",
    [
        message(3, redelivered=True),
        message(1),
        message(1, redelivered=True, tries=2),
        message(1, redelivered=True)._replace(body=b"{}"),
        message(1, redelivered=True)._replace(routing_key="other"),
    ],
    ids=["another id", "not redelivered", "another header", "another body", "another key"],
)
def test_what_is_not_surely_the_same_message_is_another(resumed: CaptureFile, other: Held) -> None:
    assert not resumed.has(other)


def test_messages_without_an_id_are_never_taken_for_each_other(path: Path) -> None:
    with CaptureFile.open(path) as file:
        file.append([write_line("orders.dead", message(1, message_id=None), now=NOW)])
    with CaptureFile.open(path) as file:
        assert not file.has(message(1, message_id=None, redelivered=True))


def test_only_the_end_of_a_long_file_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warren.operations.captures._TAIL", 2 * len(line(1)) + 10)
    path.write_bytes(b"".join(map(line, range(1, 10))))

    with CaptureFile.open(path) as file:
        assert not file.has(message(1, redelivered=True))
        assert file.has(message(9, redelivered=True))
        file.append([line(10)])
    assert [read_line(each).body for each in path.read_bytes().splitlines()] == [b'{"n":%d}' % n for n in range(1, 11)]


# -- with a note ----------------------------------------------------------------------------------


def recognised(path: Path, *numbers: int) -> list[bool]:
    """Tell what a run recognises that does not finish."""
    with CaptureFile.open(path, note=path.with_suffix(".note")) as file:
        return [file.has(message(number, redelivered=True)) for number in numbers]


def write_with_note(path: Path, number: int, *, finishes: bool) -> None:
    with CaptureFile.open(path, note=path.with_suffix(".note")) as file:
        file.append([line(number)])
        if finishes:
            file.finish()


def test_with_a_note_what_a_finished_run_wrote_is_another_message(path: Path) -> None:
    write_with_note(path, 1, finishes=True)

    assert not path.with_suffix(".note").exists()
    assert recognised(path, 1) == [False]


def test_with_a_note_what_was_written_since_the_last_finished_run_is_recognised(path: Path) -> None:
    write_with_note(path, 1, finishes=True)
    write_with_note(path, 2, finishes=False)
    write_with_note(path, 3, finishes=False)

    assert recognised(path, 1, 2, 3) == [False, True, True]


@pytest.mark.parametrize("content", [b"", b"1000000\n", b"nonsense"], ids=["torn", "of another file", "no number"])
def test_a_note_that_says_nothing_recognises_nothing(path: Path, content: bytes) -> None:
    write_with_note(path, 1, finishes=True)
    path.with_suffix(".note").write_bytes(content)

    assert recognised(path, 1) == [False]


def test_a_note_that_cannot_be_left_is_said_before_anything_is_written(path: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot use"):
        CaptureFile.open(path, note=tmp_path / "missing" / "note")
    CaptureFile.open(path).close()  # it is not locked


def test_a_note_that_cannot_be_removed_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path, *, missing_ok: bool) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(WarrenError, match="remove it by hand"):
        write_with_note(path, 1, finishes=True)
