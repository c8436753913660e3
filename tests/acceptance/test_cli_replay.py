"""`warren replay` as operators run it: killed, interrupted, and in the way of everything that may be wrong.

Not here: what a replayed message carries (tests/contract/test_replay.py).
"""

from __future__ import annotations

import json
import shutil
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import BrokerUnderTest
from tests.support.cli import cli, running_cli, url_with_management
from tests.support.moving import DEAD, FAILURES, QUEUE, declare, fill_dead, killed_after, numbers
from tests.support.plain import PlainPika
from tests.support.queue_content import bodies, content_of, dead_letter, fill
from tests.support.waiting import wait_until
from warren.contracts.headers import EDITED_AT, EDITED_BY, REPLAYS
from warren.integrations.loopback_ports import free_port

SHOP = Path(__file__).parent / "shop.py"
COUNT = 3_000
OF_ONE = ("--filter", f"fingerprint={FAILURES[0]}")
UNACKED = 2_000 + 256  # a round that is still arriving, and what is unconfirmed


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    with PlainPika(broker.url) as plain:
        declare(plain)
        yield plain


def everywhere(broker: BrokerUnderTest) -> set[bytes]:
    return {*bodies(content_of(broker.url, QUEUE)), *bodies(content_of(broker.url, DEAD))}


def test_rule_26_a_replay_killed_five_times_loses_nothing_and_touches_no_other_message(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path
) -> None:
    fill_dead(broker, COUNT)
    others = [each for number, each in enumerate(content_of(broker.url, DEAD)) if number % 3]
    wanted, sent = numbers(COUNT, failure=0), 0

    for _ in range(5):
        before, sent = sent, sent + 30
        killed_after(broker, tmp_path, lambda sent=sent: plain.depth(QUEUE) >= sent, "replay", QUEUE, *OF_ONE, "--yes")
        wait_until(
            lambda: set(wanted) <= {*bodies(content_of(broker.url, QUEUE)), *bodies(content_of(broker.url, DEAD))}
        )
        sent = max(plain.depth(QUEUE), before)
    done = cli("replay", QUEUE, *OF_ONE, "--yes", cwd=tmp_path, broker=url_with_management(broker))

    assert done.returncode == 0, done.stderr
    there = bodies(content_of(broker.url, QUEUE))
    assert set(there) == set(wanted)
    assert len(there) - len(wanted) <= 5 * UNACKED
    assert sorted(content_of(broker.url, DEAD)) == sorted(others)


def test_a_replay_from_a_file_goes_on_where_it_was_killed(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path
) -> None:
    fill_dead(broker, COUNT)
    assert cli("drain", DEAD, "--to", "dead.ndjson", cwd=tmp_path, broker=broker.url).returncode == 0

    killed_after(
        broker, tmp_path, lambda: plain.depth(QUEUE) >= 200, "replay", "dead.ndjson", "--yes", "--rate", "1000"
    )
    done = cli("replay", "dead.ndjson", "--yes", "--json", cwd=tmp_path, broker=broker.url)

    told = json.loads(done.stdout)
    assert told["replayed"] + told["already_replayed"] == COUNT
    assert told["already_replayed"] > 0
    there = bodies(content_of(broker.url, QUEUE))
    assert set(there) == set(numbers(COUNT))
    assert len(there) - COUNT <= 256 + 64


def test_ctrl_c_says_how_far_it_came_and_loses_nothing(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path
) -> None:
    fill_dead(broker, 900)

    with running_cli("replay", QUEUE, "--yes", "--rate", "100", cwd=tmp_path, broker=broker.url) as running:
        running.wait(lambda: plain.depth(QUEUE) >= 20, "some messages")
        running.signal(signal.SIGINT)
        assert running.finish() == 130

    *_, summary, last = [line for line in running.stderr if line.strip()]
    assert last == "interrupted\n"
    assert f"of 900 messages of {DEAD} replayed" in summary
    there, left = bodies(content_of(broker.url, QUEUE)), bodies(content_of(broker.url, DEAD))
    assert sorted(there + left) == sorted(numbers(900)), "not even one is doubled"


def test_a_dry_run_tells_what_would_go_where_and_moves_nothing(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path
) -> None:
    fill_dead(broker, 30)

    done = cli("replay", QUEUE, "--dry-run", *OF_ONE, cwd=tmp_path, broker=url_with_management(broker))
    as_json = cli("replay", QUEUE, "--dry-run", "--json", cwd=tmp_path, broker=url_with_management(broker))

    assert done.returncode == 0, done.stderr
    assert FAILURES[0] in done.stdout
    assert f"10 would go to {QUEUE}" in done.stdout
    assert json.loads(as_json.stdout) == {
        "would_replay": 30,
        "to": {QUEUE: 30},
        "fingerprints": dict.fromkeys(sorted(FAILURES), 10),
    }
    assert bodies(content_of(broker.url, DEAD)) == numbers(30)


# -- editing -----------------------------------------------------------------------------------


def editor(folder: Path, *replacements: str) -> dict[str, str]:
    """An editor that replaces text with sed."""
    script = folder / "editor"
    script.write_text("#!/bin/sh\nsed -i " + " ".join(f"-e '{each}'" for each in replacements) + ' "$1"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return {"EDITOR": str(script), "VISUAL": str(script)}


@pytest.fixture
def order(broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path) -> Path:
    """An order that died, and the shop that consumes it."""
    shutil.copy(SHOP, tmp_path / "shop.py")
    dead = dead_letter(7, queue=QUEUE, fingerprint=FAILURES[0], **{"x-warren-version": 1})
    fill(broker.url, DEAD, [(dead[0]._replace(type="orders.created"), b'{"order_id": 7}')])
    return tmp_path


def test_an_edited_message_is_sent_with_a_note_that_it_was(
    broker: BrokerUnderTest, plain: PlainPika, order: Path
) -> None:
    done = cli("replay", QUEUE, "--edit", cwd=order, broker=broker.url, env=editor(order, "s/7/8/"))

    assert done.returncode == 0, done.stderr
    assert "without --app the body is only checked to be JSON" in done.stderr
    replayed = plain.take(QUEUE)
    assert replayed.body == b'{"order_id":8}'
    assert replayed.headers[REPLAYS] == 1
    assert "@" in replayed.headers[EDITED_BY]
    assert replayed.headers[EDITED_AT] > 1_700_000_000_000
    assert content_of(broker.url, DEAD) == []


def test_an_edit_of_a_message_that_is_gone_keeps_what_was_written(
    broker: BrokerUnderTest, plain: PlainPika, order: Path
) -> None:
    env = editor(order, "s/7/8/")
    with Path(env["EDITOR"]).open("a") as script:
        script.write(f"{sys.executable} -m warren purge {DEAD} --yes --broker '{broker.url}'\n")

    done = cli("replay", QUEUE, "--edit", cwd=order, broker=broker.url, env=env)

    assert done.returncode == 1
    assert "nothing was sent" in done.stderr
    kept = Path(done.stderr.split()[-1])
    assert kept.read_bytes() == b'{"order_id":8}'
    kept.unlink()
    assert content_of(broker.url, QUEUE) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [("s/7/seven/", "it is not JSON"), ("s/x/x/", "was not changed")],
    ids=["not JSON", "unchanged"],
)
def test_an_edit_that_cannot_be_sent_sends_nothing(
    broker: BrokerUnderTest, plain: PlainPika, order: Path, change: str, reason: str
) -> None:
    done = cli("replay", QUEUE, "--edit", cwd=order, broker=broker.url, env=editor(order, change), stdin="n\n")

    assert done.returncode == 2
    assert reason in done.stderr
    assert len(content_of(broker.url, DEAD)) == 1
    assert content_of(broker.url, QUEUE) == []


def test_an_edit_must_fit_the_contract_of_its_consumer(broker: BrokerUnderTest, plain: PlainPika, order: Path) -> None:
    command = ("replay", QUEUE, "--edit", "--app", "shop:app")
    unfit = cli(*command, cwd=order, broker=broker.url, env=editor(order, 's/7/"seven"/'), stdin="n\n")
    fit = cli(*command, cwd=order, broker=broker.url, env=editor(order, "s/7/8/"))

    assert unfit.returncode == 2
    assert "order_id: expected a valid integer, got string" in unfit.stderr
    assert fit.returncode == 0, fit.stderr
    assert plain.take(QUEUE).body == b'{"order_id":8}'


# -- what may be wrong ---------------------------------------------------------------------------


def test_a_broker_that_is_down_is_said_at_once(tmp_path: Path) -> None:
    url = f"amqp://guest:guest@127.0.0.1:{free_port()}/%2F"

    for command in (("replay", QUEUE), ("drain", QUEUE, "--to", "a.ndjson"), ("purge", QUEUE, "--yes")):
        done = cli(*command, "--timeout", "1", cwd=tmp_path, broker=url)
        assert done.returncode == 4
        assert done.stderr.startswith("error: no broker at amqp://guest:***@")
        assert done.stderr.count("\n") == 1


def test_a_wrong_password_is_said_and_not_shown(broker: BrokerUnderTest, tmp_path: Path) -> None:
    url = broker.url.replace("guest:guest", "guest:secret")

    for command in (("replay", QUEUE), ("drain", QUEUE, "--to", "a.ndjson"), ("purge", QUEUE, "--yes")):
        done = cli(*command, cwd=tmp_path, broker=url)
        assert done.returncode == 2
        assert "the login was refused" in done.stderr
        assert "secret" not in done.stderr


def test_a_queue_that_is_missing_is_named(broker: BrokerUnderTest, tmp_path: Path) -> None:
    (tmp_path / "nowhere").write_text("")

    for command in (("replay", "nowhere"), ("drain", "nowhere", "--to", "a.ndjson"), ("purge", "nowhere", "--yes")):
        done = cli(*command, cwd=tmp_path, broker=broker.url)
        assert done.returncode == 2
        assert "there is no queue 'nowhere" in done.stderr
        assert "file:nowhere" in done.stderr
    assert not (tmp_path / "a.ndjson").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{}\n", 'line 1: it is no message that `warren drain` wrote: it has no "v": 1'),
        ("order 1\n", "line 1: it is not JSON"),
    ],
    ids=["other JSON", "text"],
)
def test_a_file_of_something_else_is_refused(
    broker: BrokerUnderTest, tmp_path: Path, content: str, reason: str
) -> None:
    (tmp_path / "a.ndjson").write_text(content)

    done = cli("replay", "a.ndjson", cwd=tmp_path, broker=broker.url)

    assert done.returncode == 2
    assert reason in done.stderr


def test_a_file_that_is_missing_is_named(broker: BrokerUnderTest, tmp_path: Path) -> None:
    done = cli("replay", "a.ndjson", cwd=tmp_path, broker=broker.url)

    assert (done.returncode, done.stderr) == (2, "error: cannot read a.ndjson: No such file or directory\n")


def test_binary_bodies_go_there_and_back(broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path) -> None:
    body = bytes(range(256)) * 4_000
    plain.publish("", QUEUE, body, message_id="m-1")
    plain.wait_depth(QUEUE, 1)

    for command in (("drain", QUEUE, "--to", "a.ndjson"), ("replay", "a.ndjson")):
        assert cli(*command, cwd=tmp_path, broker=broker.url).returncode == 0

    assert plain.take(QUEUE).body == body
