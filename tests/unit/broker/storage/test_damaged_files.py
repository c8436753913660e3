"""Files that end anywhere, or have a wrong bit: the journal opens, with all before that place and nothing after it.

Not here: what a loss of power may leave in all files together (`test_crashes.py`).
"""

from __future__ import annotations

import shutil
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.broker.storage.journals import Loop, bodies, flush, new_queue, open_journal, publish
from warren.broker.storage.disk import Disk
from warren.broker.storage.records import BATCH, CHECKSUM, FILE, FileKind, file_header
from warren.errors import ConfigurationError

SEGMENT = "0000000001.segment"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    """A folder with five batches of two messages in one segment, and where each batch ends."""
    folder = tmp_path_factory.mktemp("written")
    loop = Loop()
    journal = open_journal(folder / "data", loop)
    list(journal.recover().messages)
    queue = new_queue(journal)
    flush(journal, loop)
    ends = []
    for number in range(5):
        publish(journal, [queue], b"%d first" % number)
        publish(journal, [queue], b"%d second" % number)
        flush(journal, loop)
        ends.append((folder / "data" / SEGMENT).stat().st_size)
    shutil.copytree(folder / "data", folder / "left")
    journal.close(())
    return folder / "left", ends


class HastyDisk(Disk):
    """Makes nothing safe: the power stays on."""

    def flush(self, fd: int) -> None:
        pass

    def flush_folder(self, folder: Path) -> None:
        pass


def opened(folder: Path, *, use: bool = True) -> tuple[list[bytes], tuple[str, ...]]:
    """Return what is in a folder, and what the journal says of it; `use` it then, and open it once more."""
    loop = Loop()
    journal = open_journal(folder, loop, HastyDisk())
    recovered = journal.recover()
    found = bodies(recovered.messages)
    if not use:
        journal.close(())
        return found, recovered.notes
    queue = new_queue(journal, "another")
    publish(journal, [queue], b"new")
    journal.close(())
    journal = open_journal(folder, loop, HastyDisk())
    assert bodies(journal.recover().messages) == [*found, b"new"]
    journal.close(())
    return found, recovered.notes


def messages_before(ends: list[int], place: int) -> list[bytes]:
    whole = sum(end <= place for end in ends)
    return [b"%d %s" % (number, which) for number in range(whole) for which in (b"first", b"second")]


def test_a_segment_may_end_at_every_byte(written: tuple[Path, list[int]], tmp_path: Path) -> None:
    source, ends = written
    data = (source / SEGMENT).read_bytes()
    for size in range(len(data) + 1):
        folder = tmp_path / str(size)
        shutil.copytree(source, folder)
        (folder / SEGMENT).write_bytes(data[:size])
        is_near_an_end = any(abs(size - end) < 2 for end in ends)
        assert opened(folder, use=is_near_an_end) == (messages_before(ends, size), ())
        shutil.rmtree(folder)


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), rest=st.booleans())
@settings(max_examples=60)
def test_nothing_after_a_wrong_bit_is_trusted(written, tmp_path_factory, place, bit, rest) -> None:
    source, ends = written
    data = bytearray((source / SEGMENT).read_bytes())
    wrong = FILE.size + int(place * (len(data) - FILE.size))
    data[wrong] ^= 1 << bit
    if rest:
        del data[wrong + 1 :]
    folder = tmp_path_factory.mktemp("wrong") / "data"
    shutil.copytree(source, folder)
    (folder / SEGMENT).write_bytes(data)
    assert opened(folder) == (messages_before(ends, wrong), ())


def test_an_old_write_beyond_the_end_is_not_taken_for_the_next_batch(
    written: tuple[Path, list[int]], tmp_path: Path
) -> None:
    source, ends = written
    data = (source / SEGMENT).read_bytes()
    shutil.copytree(source, tmp_path / "data")
    (tmp_path / "data" / SEGMENT).write_bytes(data + data[ends[0] : ends[1]])
    assert opened(tmp_path / "data") == (messages_before(ends, len(data)), ())


def test_damage_in_an_older_file_is_told_and_the_other_files_are_read(tmp_path: Path) -> None:
    loop = Loop()
    folder = tmp_path / "data"
    journal = open_journal(folder, loop, segment_size=1000)
    list(journal.recover().messages)
    queue = new_queue(journal)
    for number in range(6):
        publish(journal, [queue], b"%d" % number * 600)
        flush(journal, loop)
    journal.close(())
    path = folder / SEGMENT
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)

    journal = open_journal(folder, loop)
    recovered = journal.recover()
    assert [body[:1] for body in bodies(recovered.messages)] == [b"0", b"2", b"3", b"4", b"5"]
    assert not recovered.is_clean
    (note,) = recovered.notes
    assert note.startswith(f"'{path}' is damaged at byte ")
    journal.close(())


def test_an_older_file_without_its_beginning_is_told(tmp_path: Path) -> None:
    loop = Loop()
    folder = tmp_path / "data"
    journal = open_journal(folder, loop, segment_size=50)
    list(journal.recover().messages)
    queue = new_queue(journal)
    for number in range(2):
        publish(journal, [queue], b"%d" % number)
        flush(journal, loop)
    journal.close(())
    path = folder / SEGMENT
    path.write_bytes(b"?" + path.read_bytes()[1:])
    journal = open_journal(folder, loop)
    recovered = journal.recover()
    assert bodies(recovered.messages) == [b"1"]
    assert recovered.notes == (f"'{path}' is damaged from its beginning: what was in it is lost",)
    journal.close(())


def test_a_folder_of_another_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    header = bytearray(file_header(FileKind.DEFINITIONS))
    header[8] = 9
    header[-4:] = crc32(header[:-4]).to_bytes(4, "little")
    (folder / "definitions.log").write_bytes(header)
    journal = open_journal(folder, Loop())
    with pytest.raises(ConfigurationError, match="the data folder has format 9, and this version of Warren reads"):
        journal.recover()
    journal.close(())
    assert (folder / "definitions.log").read_bytes() == header


def test_files_of_others_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("readme.txt", "1.segment", "0000000001.segment.bak"):
        (folder / name).write_bytes(b"mine")
    assert opened(folder) == ([], ())
    assert (folder / "readme.txt").read_bytes() == b"mine"
    assert (folder / "0000000001.segment.bak").read_bytes() == b"mine"


def test_the_layout_of_version_1_stays() -> None:
    assert (
        file_header(FileKind.SEGMENT, 7, 9).hex()
        == ("57415252454e4a4c010001000700000009000000") + file_header(FileKind.SEGMENT, 7, 9).hex()[-8:]
    )
    assert (FILE.size, CHECKSUM.size, BATCH.size) == (24, 4, 48)
