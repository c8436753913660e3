"""`warren drain` as operators run it: killed, interrupted, on full disks, and with wrong names.

Not here: that messages stay the same (tests/contract/test_drain.py), or what all commands say of a broker that is down
(test_cli_replay.py).
"""

from __future__ import annotations

import json
import resource
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import BrokerUnderTest
from tests.support.cli import WARREN, cli, environment, running_cli
from tests.support.moving import DEAD, FAILURES, QUEUE, declare, fill_dead, killed_after, numbers
from tests.support.plain import PlainPika
from tests.support.queue_content import bodies, content_of
from tests.support.waiting import wait_until
from warren.operations.saved import saved_messages

COUNT = 2_000
UNACKED = 2_000 + 256  # a round that is still arriving, and what is unconfirmed


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    with PlainPika(broker.url) as plain:
        declare(plain)
        plain.declare("other")
        yield plain


def saved(path: Path) -> list[bytes]:
    return [each.held.body for each in saved_messages(path)] if path.exists() else []


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def test_rule_26_a_drain_that_is_killed_loses_nothing_and_goes_on_in_the_same_file(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path
) -> None:
    fill_dead(broker, COUNT)
    path = tmp_path / "dead.ndjson"

    for _ in range(2):
        more = size(path) + 1_000
        killed_after(broker, tmp_path, lambda more=more: size(path) > more, "drain", DEAD, "--to", "dead.ndjson")
        in_file = set(saved(path))
        wait_until(lambda in_file=in_file: set(numbers(COUNT)) <= in_file | set(bodies(content_of(broker.url, DEAD))))
    done = cli("drain", DEAD, "--to", "dead.ndjson", "--json", cwd=tmp_path, broker=broker.url)

    assert done.returncode == 0, done.stderr
    there = saved(path)
    assert set(there) == set(numbers(COUNT))
    assert len(there) == COUNT, "what came again was recognised"
    assert content_of(broker.url, DEAD) == []


def test_rule_26_a_move_that_is_killed_loses_nothing_and_can_be_run_again(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path
) -> None:
    fill_dead(broker, COUNT)

    killed_after(broker, tmp_path, lambda: plain.depth("other") >= 50, "drain", DEAD, "--to", "other")
    moved = set(bodies(content_of(broker.url, "other")))
    wait_until(lambda: set(numbers(COUNT)) <= moved | set(bodies(content_of(broker.url, DEAD))))
    done = cli("drain", DEAD, "--to", "other", cwd=tmp_path, broker=broker.url)

    assert done.returncode == 0, done.stderr
    there = bodies(content_of(broker.url, "other"))
    assert set(there) == set(numbers(COUNT))
    assert len(there) - COUNT <= UNACKED
    assert content_of(broker.url, DEAD) == []


def test_ctrl_c_says_how_far_it_came(broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path) -> None:
    fill_dead(broker, COUNT)
    path = tmp_path / "dead.ndjson"

    with running_cli("drain", DEAD, "--to", "dead.ndjson", cwd=tmp_path, broker=broker.url) as running:
        running.wait(lambda: size(path) > 0 or running.process.poll() is not None, "the first lines")
        running.signal(signal.SIGINT)
        code = running.finish()

    there = saved(path)
    assert code == 130 or len(there) == COUNT
    if code == 130:
        assert f"of 2,000 messages of {DEAD} drained to dead.ndjson" in "".join(running.stderr)
    assert sorted({*there, *bodies(content_of(broker.url, DEAD))}) == sorted(numbers(COUNT))


def test_what_a_filter_leaves_stays_in_its_order(broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path) -> None:
    fill_dead(broker, 300)

    filters = ("--filter", f"fingerprint={FAILURES[1]}", "--limit", "60")
    done = cli("drain", DEAD, "--to", "dead.ndjson", *filters, cwd=tmp_path, broker=broker.url)

    assert done.returncode == 0, done.stderr
    taken = numbers(300, failure=1)[:60]
    assert saved(tmp_path / "dead.ndjson") == taken
    assert bodies(content_of(broker.url, DEAD)) == [body for body in numbers(300) if body not in taken]


def test_a_disk_that_is_full_keeps_the_rest_in_the_queue(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path
) -> None:
    fill_dead(broker, COUNT)

    done = subprocess.run(
        [*WARREN, "drain", DEAD, "--to", "dead.ndjson"],
        cwd=tmp_path,
        env=environment(broker.url),
        capture_output=True,
        text=True,
        timeout=60.0,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000)),
    )

    assert done.returncode == 1
    summary, error = done.stderr.splitlines()
    assert "of 2,000 messages" in summary
    assert error == "error: cannot write to dead.ndjson: File too large; free some room, and run it again"
    there = saved(tmp_path / "dead.ndjson")
    assert there == numbers(COUNT)[: len(there)]
    wait_until(lambda: bodies(content_of(broker.url, DEAD)) == numbers(COUNT)[len(there) :])


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("missing/dead.ndjson", "cannot write to missing/dead.ndjson: No such file or directory"),
        ("/dev/null", "/dev/null is not a file that can be kept"),
        ("file:orders.csv", "orders.csv is there and holds something else than drained messages"),
        ("nowhere", "there is no queue 'nowhere' on the broker"),
        ("orders.csv", "for the file of that name write file:orders.csv"),
        (DEAD, f"{DEAD} is where the messages are"),
    ],
)
def test_a_place_that_cannot_take_messages_takes_none(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path, to: str, reason: str
) -> None:
    fill_dead(broker, 5)
    (tmp_path / "orders.csv").write_text("order_id\n1\n")

    done = cli("drain", DEAD, "--to", to, cwd=tmp_path, broker=broker.url)

    assert done.returncode == 2
    assert reason in done.stderr
    assert done.stderr.startswith("error: ")
    assert (tmp_path / "orders.csv").read_text() == "order_id\n1\n"
    assert bodies(content_of(broker.url, DEAD)) == numbers(5)


def test_a_queue_that_is_full_keeps_the_rest_where_it_is(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path
) -> None:
    plain.declare("full", **{"x-queue-type": "classic", "x-max-length": 3, "x-overflow": "reject-publish"})
    fill_dead(broker, 600)

    done = cli("drain", DEAD, "--to", "full", cwd=tmp_path, broker=broker.url)

    assert done.returncode == 1
    assert "error: queue 'full' refused message m-" in done.stderr
    there, left = bodies(content_of(broker.url, "full")), bodies(content_of(broker.url, DEAD))
    assert sorted(there + left) == sorted(numbers(600))


def test_an_empty_queue_is_no_error_and_output_goes_to_a_pipe(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path
) -> None:
    done = cli("drain", QUEUE, "--to", "a.ndjson", "--json", cwd=tmp_path, broker=broker.url)
    assert json.loads(done.stdout) == {"drained": 0, "already_there": 0, "of": 0}
    command = f"{' '.join(WARREN)} drain {QUEUE} --to a.ndjson | true; echo ${{PIPESTATUS[0]}}"
    piped = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=environment(broker.url), capture_output=True, text=True, check=False
    )
    assert piped.stdout.strip() in ("0", "141")
    assert piped.stderr == ""
