"""The audit log: what is written is there, whole and once, whatever happens to the file; what is read is bounded.

Not here: what is changed (tests/contract/test_dashboard_changes.py).
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren.dashboard.changes import audit, trail
from warren.dashboard.changes.audit import AuditLog
from warren.dashboard.changes.records import Action, Outcome, Record, Result, read_records
from warren.dashboard.changes.trail import Trail
from warren.errors import ConfigurationError, WarrenError


def record(number: int = 1, **values: object) -> Record:
    given = {"id": f"id-{number}", "at": 1_700_000_000.5 + number, "who": "ana@office", "queue": "q.dead", **values}
    return Record(action=Action.REPLAY, **given)  # type: ignore[arg-type]


RESULT = Result(outcome=Outcome.DONE, done=3, of=4, detail="as it was", file="f", at=1_700_000_001.0)
texts = st.text(st.characters(exclude_categories=()))


@given(who=texts, why=texts, queue=texts, detail=texts, keys=st.lists(st.text("0123456789abcdef"), max_size=3))
def test_what_is_written_is_read_again(who: str, why: str, queue: str, detail: str, keys: list[str]) -> None:
    one = record(who=who, why=why, queue=queue, which={"queue": queue, "keys": keys}, options={"rate": 0.5})
    result = Result(outcome=Outcome.STOPPED, done=1, of=2, detail=detail, at=5.0)
    lines = [json.dumps(told).encode() for told in (one.intent(), one.end(result))]

    (read,) = read_records(lines, most=10)

    assert read == Record(**{name: getattr(one, name) for name in Record.__slots__ if name != "result"}, result=result)


def test_text_of_people_makes_no_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "audit.ndjson"
    log = AuditLog.open(path)
    log.write(record(why='x\n{"phase": "result", "id": "id-1"}\r\n\u2028').intent())
    log.close()

    assert path.read_bytes().count(b"\n") == 1
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_line_that_was_left_half_written_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "audit.ndjson"
    path.write_bytes(json.dumps(record(1).intent()).encode() + b'\n{"v": 1, "id": "id-2", "phase": "int')

    log = AuditLog.open(path)
    log.write(record(3).intent())
    log.write(record(3).end(RESULT))
    log.close()

    read = Trail(path)
    read.refresh()
    assert [each.id for each in read.records] == ["id-3", "id-1"]
    assert [each.result for each in read.records] == [RESULT, None]


def test_a_disk_that_is_full_for_a_while_is_said_and_leaves_the_log_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, data: bytes) -> None:
        os.write(descriptor, data[:20])
        raise OSError(28, "No space left on device")

    path = tmp_path / "audit.ndjson"
    log = AuditLog.open(path)
    with monkeypatch.context() as patched:
        patched.setattr(audit, "write_all", full)
        with pytest.raises(WarrenError, match="No space left on device"):
            log.write(record(1).intent())
    log.write(record(2).intent())
    log.close()

    read = Trail(path)
    read.refresh()
    assert [each.id for each in read.records] == ["id-2"]


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    path, moved = tmp_path / "audit.ndjson", tmp_path / "audit.ndjson.1"
    log = AuditLog.open(path)
    log.write(record(1).intent())
    path.rename(moved)
    log.write(record(2).intent())
    path.unlink()
    log.write(record(3).intent())
    log.close()

    for file, number in ((moved, 1), (path, 3)):
        (told,) = file.read_text().splitlines()
        assert json.loads(told)["id"] == f"id-{number}"


def test_a_log_that_is_closed_writes_nothing(tmp_path: Path) -> None:
    log = AuditLog.open(tmp_path / "audit.ndjson")
    log.close()
    log.close()
    with pytest.raises(WarrenError, match="cannot write to the audit log"):
        log.write(record().intent())


def test_a_log_that_cannot_be_had_is_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file or directory"):
        AuditLog.open(tmp_path / "missing" / "audit.ndjson")
    with pytest.raises(ConfigurationError):
        AuditLog.open(tmp_path)


# -- reading it ------------------------------------------------------------------------------------


def test_no_more_than_the_end_of_a_long_log_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail, "_TAIL", 20_000)
    path = tmp_path / "audit.ndjson"
    path.write_bytes(b"".join(json.dumps(record(number).intent()).encode() + b"\n" for number in range(1_000)))

    read = Trail(path)
    read.refresh()

    assert read.is_cut
    assert [each.id for each in read.records[:2]] == ["id-999", "id-998"]
    assert 10 < len(read.records) <= 200


def test_the_newest_200_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "audit.ndjson"
    path.write_bytes(b"".join(json.dumps(record(number).intent()).encode() + b"\n" for number in range(201)))

    read = Trail(path)
    read.refresh()

    assert (len(read.records), read.records[-1].id, read.is_cut) == (200, "id-1", True)


def test_it_is_news_only_where_the_file_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "audit.ndjson"
    read = Trail(path)
    read.refresh()
    assert (read.number, read.records, read.problem) == (0, (), "")

    log = AuditLog.open(path)
    log.write(record().intent())
    for _ in range(2):
        read.refresh()
    assert read.number == 1
    log.write(record().end(RESULT))
    log.close()
    read.refresh()
    assert (read.number, read.records[0].result) == (2, RESULT)


def test_a_log_that_cannot_be_read_is_a_problem_and_no_fault(tmp_path: Path) -> None:
    read = Trail(tmp_path)
    read.refresh()
    assert read.problem == f"cannot read {tmp_path}: Is a directory"


@pytest.mark.parametrize("line", [b"", b"[]", b"{}", b'{"phase":"intent"}', b'{"phase":"result","id":"x"}', b"\xff"])
def test_what_is_no_line_of_ours_is_passed_over(line: bytes) -> None:
    assert read_records([line], most=10) == ()


@pytest.mark.parametrize(
    ("which", "options", "told"),
    [
        ({}, {}, "all messages"),
        ({"keys": ["a"]}, {"canary": 1}, "1 message; canary 1"),
        ({"keys": ["a", "b"]}, {}, "2 messages"),
        (
            {"fingerprint": "F", "filters": ["a=1"]},
            {"limit": 5, "at_most": 9},
            "5 of 9 messages, failed of F, where a=1",
        ),
        ({}, {"limit": 5, "canary": 2}, "at most 5 messages; canary 2"),
        ({"keys": ["a"]}, {"limit": 1, "at_most": 9}, "1 message"),
        ({"keys": ["a"]}, {"message_id": None, "changed": ["a", "b"]}, "1 message; changed a, b"),
    ],
)
def test_what_was_meant_is_told_in_words(which: dict[str, object], options: dict[str, object], told: str) -> None:
    assert str(record(which=which, options=options)) == told
