"""`warren purge` as operators run it: asked, shown, and never more than was meant.

Not here: what all commands say of a broker that is down (test_cli_replay.py).
"""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import BrokerUnderTest
from tests.support.cli import WARREN, cli, environment
from tests.support.moving import DEAD, FAILURES, declare, fill_dead, numbers
from tests.support.plain import PlainPika
from tests.support.queue_content import bodies, content_of
from warren.operations.saved import saved_messages


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    with PlainPika(broker.url) as plain:
        declare(plain)
        yield plain


def at_a_terminal(*arguments: str, typed: str, cwd: Path, broker: str) -> tuple[int, str]:
    """Run a command where somebody sits and types; return its exit code and what the terminal shows."""
    near, far = pty.openpty()
    process = subprocess.Popen(
        [*WARREN, *arguments], cwd=cwd, env=environment(broker), stdin=far, stdout=far, stderr=far
    )
    os.close(far)
    shown, asked = b"", False
    while True:
        try:
            shown += os.read(near, 65_536)
        except OSError:  # it has ended
            break
        if not asked and b"Type the name" in shown:
            asked = True
            os.write(near, typed.encode() + b"\n")
    os.close(near)
    return process.wait(30), shown.decode()


def test_where_nobody_can_answer_nothing_is_purged(broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path) -> None:
    fill_dead(broker, 5)

    done = cli("purge", DEAD, cwd=tmp_path, broker=broker.url)

    assert done.returncode == 2
    assert "purge asks first; where nobody can answer, say --yes" in done.stderr
    assert bodies(content_of(broker.url, DEAD)) == numbers(5)


@pytest.mark.parametrize(("typed", "code", "left"), [(DEAD, 0, 0), ("yes", 1, 30)])
def test_it_shows_what_there_is_and_wants_the_name(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path, typed: str, code: int, left: int
) -> None:
    fill_dead(broker, 30)

    ended, shown = at_a_terminal("purge", DEAD, typed=typed, cwd=tmp_path, broker=broker.url)

    assert ended == code, shown
    assert all(each in shown for each in FAILURES)
    assert ("30 of 30 messages" in shown) == (left == 0)
    assert len(content_of(broker.url, DEAD)) == left


def test_only_what_matches_is_purged_and_kept_in_a_file(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path
) -> None:
    fill_dead(broker, 90)

    which = ("--filter", f"fingerprint={FAILURES[2]}", "--to", "kept.ndjson")
    done = cli("purge", DEAD, *which, "--yes", cwd=tmp_path, broker=broker.url)

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"30 of 90 messages of {DEAD} purged; they are in kept.ndjson\n"
    assert [each.held.body for each in saved_messages(tmp_path / "kept.ndjson")] == numbers(90, failure=2)
    gone = numbers(90, failure=2)
    assert bodies(content_of(broker.url, DEAD)) == [body for body in numbers(90) if body not in gone]


def test_a_backup_that_cannot_be_written_purges_nothing(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path
) -> None:
    fill_dead(broker, 5)

    for to, reason in (("missing/a.ndjson", "cannot write to missing/a.ndjson"), ("kept", "write --to kept.ndjson")):
        done = cli("purge", DEAD, "--to", to, "--yes", cwd=tmp_path, broker=broker.url)
        assert done.returncode == 2
        assert reason in done.stderr
    assert bodies(content_of(broker.url, DEAD)) == numbers(5)
