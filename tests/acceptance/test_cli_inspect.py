"""`warren inspect` as operators run it, against queues of every kind and everything that can be missing."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import BrokerUnderTest
from tests.support.cli import cli, cli_into_head, running_cli, url_with_management
from tests.support.plain import PlainPika
from tests.unit.operations.messages import DEAD
from warren.integrations.loopback_ports import free_port

UNREACHABLE = 2**31 - 1


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    with PlainPika(broker.url) as plain:
        plain.channel.confirm_delivery()
        yield plain


def bury(plain: PlainPika, count: int, *, queue: str = "billing.dead", **arguments: Any) -> None:
    """Dead letters of three fingerprints."""
    plain.declare(queue, **{"x-delivery-limit": UNREACHABLE, **arguments})
    for number in range(count):
        headers = {**DEAD, "x-warren-dead-fingerprint": f"ValueError@billing/step{number % 3}.py:charge"}
        body = json.dumps({"order_id": number, "customer": {"id": number % 10}}).encode()
        plain.publish(
            "", queue, body, headers=headers, message_id=f"m-{number}", type="orders.created", delivery_mode=2
        )


def inspect(broker: BrokerUnderTest, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return cli("inspect", *arguments, cwd=folder, broker=url_with_management(broker))


def objects(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def error_of(done: subprocess.CompletedProcess[str], code: int) -> str:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return error


# -- what it shows --------------------------------------------------------------------------------


def test_dead_letters_are_grouped_by_what_they_failed_of(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path
) -> None:
    bury(plain, 1_000)

    groups = objects(inspect(broker, tmp_path, "billing.dead", "--group", "--json"))

    assert [(one["fingerprint"], one["count"]) for one in groups] == [
        ("ValueError@billing/step0.py:charge", 334),
        ("ValueError@billing/step1.py:charge", 333),
        ("ValueError@billing/step2.py:charge", 333),
    ]
    assert groups[0]["first_seen"] == "2023-11-14T22:13:21.000Z"
    assert groups[0]["example"]["message_id"] == "m-0"
    plain.wait_depth("billing.dead", 1_000)


def test_a_table_shows_the_first_fifty_and_says_so(broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path) -> None:
    bury(plain, 70)

    done = inspect(broker, tmp_path, "billing.dead")

    assert done.returncode == 0, done.stderr
    assert "m-49" in done.stdout
    assert "m-50" not in done.stdout
    assert "ValueError: bad amount" in done.stdout
    assert "looked at 50 of 70 messages in billing.dead; --limit N looks at N" in done.stderr


def test_one_message_is_shown_in_full(broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path) -> None:
    bury(plain, 5)

    done = inspect(broker, tmp_path, "billing.dead", "--message-id", "m-3")

    assert done.returncode == 0, done.stderr
    for part in (
        "m-3  orders.created version 1",
        "Traceback",
        '"order_id": 3',
        "exhausted after attempt 4",
        "second line",
    ):
        assert part in done.stdout
    assert "m-2" not in done.stdout


def test_filters_look_at_the_whole_queue_and_a_limit_at_its_head(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path
) -> None:
    bury(plain, 300)
    conditions = ("--filter", "body.customer.id=7", "--filter", "fingerprint~step1")

    whole = objects(inspect(broker, tmp_path, "billing.dead", *conditions, "--json"))
    head = objects(inspect(broker, tmp_path, "billing.dead", *conditions, "--limit", "40", "--json"))

    assert [one["body"]["order_id"] for one in whole] == [7, 37, 67, 97, 127, 157, 187, 217, 247, 277]
    assert [one["body"]["order_id"] for one in head] == [7, 37]


def test_rule_27_what_was_looked_at_keeps_its_order(broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path) -> None:
    bury(plain, 120)

    for arguments in (("--group",), ("--limit", "30"), ("--filter", "id=m-3"), ()):
        assert inspect(broker, tmp_path, "billing.dead", *arguments).returncode == 0

    assert [message.properties.message_id for message in plain.drain("billing.dead")] == [
        f"m-{number}" for number in range(120)
    ]


def test_bodies_that_are_no_text_and_escape_sequences_reach_no_terminal(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path
) -> None:
    plain.declare("odd")
    plain.publish("", "odd", b"\x89PNG\x1b[2J\x00", headers={"\x1b[31mname": "\x1b]0;title\x07"}, type="\x1b[1m")
    plain.publish("", "odd", "\x1b[2J\x9b1m".encode())

    for arguments in ((), ("--full",), ("--json",), ("--group",)):
        done = inspect(broker, tmp_path, "odd", *arguments)
        assert done.returncode == 0, done.stderr
        assert not {"\x1b", "\x9b", "\x07", "\x00"} & set(done.stdout + done.stderr)
    assert "89 50 4e 47" in inspect(broker, tmp_path, "odd", "--full").stdout


def test_an_empty_queue_says_where_dead_letters_would_be(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path
) -> None:
    plain.declare("billing")
    done = inspect(broker, tmp_path, "billing")
    assert (done.returncode, done.stdout) == (0, "")
    assert "billing has no messages that are ready" in done.stderr
    assert "dead letters would be in billing.dead" in done.stderr


# -- delivery limits ------------------------------------------------------------------------------


def test_rule_27_a_look_stops_at_half_of_the_delivery_limit(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path
) -> None:
    bury(plain, 5, queue="billing", **{"x-delivery-limit": 6})

    for _ in range(3):
        done = inspect(broker, tmp_path, "billing")
        assert done.returncode == 0, done.stderr
        assert "the delivery limit allows 6; it stops at one that has had 3" in done.stderr
    stopped = inspect(broker, tmp_path, "billing")
    assert "stopped at message 1: it has been delivered 3 times in vain and the delivery limit is 6" in error_of(
        stopped, 1
    )
    forced = inspect(broker, tmp_path, "billing", "--force", "--json")

    assert len(objects(forced)) == 5
    plain.wait_depth("billing", 5)


def test_a_look_that_would_be_the_last_is_refused(broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path) -> None:
    bury(plain, 2, queue="billing", **{"x-delivery-limit": 1})
    assert "--force looks all the same" in error_of(inspect(broker, tmp_path, "billing"), 2)
    assert [message.redelivered for message in plain.drain("billing")] == [False, False]


@pytest.mark.parametrize(
    "command",
    [
        ("inspect", "q"),
        ("drain", "q", "--to", "q.ndjson", "--limit", "1"),
        ("purge", "q", "--yes", "--filter", "id=m-1"),
        ("replay", "q", "--dry-run"),
    ],
    ids=lambda command: command[0],
)
def test_a_queue_that_would_be_deleted_when_the_look_ends_is_left_alone(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path, command: tuple[str, ...]
) -> None:
    plain.channel.queue_declare("q", durable=True, auto_delete=True)
    for number in range(3):
        plain.publish("", "q", b"{}", message_id=f"m-{number}")

    done = cli(*command, cwd=tmp_path, broker=url_with_management(broker))

    assert "the broker deletes q, and its messages, when" in error_of(done, 2)
    plain.wait_depth("q", 3)


# -- what can be missing --------------------------------------------------------------------------


def test_a_queue_that_is_not_there(broker: BrokerUnderTest, tmp_path: Path) -> None:
    assert "there is no queue 'nowhere' on the broker; check the name" in error_of(
        inspect(broker, tmp_path, "nowhere"), 2
    )


def test_a_broker_that_is_not_there(tmp_path: Path) -> None:
    url = f"amqp://guest:secret@127.0.0.1:{free_port()}/"
    done = cli("inspect", "q", "--broker", url, "--timeout", "1", cwd=tmp_path)
    assert "nothing listens there" in error_of(done, 4)
    assert "secret" not in done.stderr


def test_a_broker_that_never_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"amqp://127.0.0.1:{silent.getsockname()[1]}/"
        done = cli("inspect", "q", "--broker", url, "--timeout", "1", cwd=tmp_path)
    error_of(done, 4)


def test_a_login_that_is_refused(broker: BrokerUnderTest, tmp_path: Path) -> None:
    url = broker.url.replace("guest:guest", "guest:wrong")
    done = cli("inspect", "q", "--broker", url, cwd=tmp_path)
    assert "the login was refused: check user and password" in error_of(done, 2)
    assert "wrong" not in done.stderr


def test_without_the_management_api_it_says_what_it_cannot_know(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path
) -> None:
    bury(plain, 3)
    done = cli("inspect", "billing.dead", "--json", cwd=tmp_path, broker=f"{broker.url}?management=http://127.0.0.1:9")
    assert len(objects(done)) == 3
    assert "whether billing.dead is a quorum queue is not known" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--filter", "tpye=x"), "did you mean type?"),
        (("--filter", "type~("), "no valid regular expression"),
        (("--limit", "0"), "--limit"),
        ((), "QUEUE"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_the_broker_is(
    arguments: tuple[str, ...], error: str, tmp_path: Path
) -> None:
    queue = ("q",) if arguments else ()
    done = cli("inspect", *queue, *arguments, cwd=tmp_path, broker="amqp://127.0.0.1:9/")
    assert error in error_of(done, 2)


# -- readers and interruptions --------------------------------------------------------------------


def test_a_reader_that_has_enough_ends_it_quietly(broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path) -> None:
    bury(plain, 400)
    options = ("--limit", "400", "--json")
    (first,), code, said = cli_into_head(
        "inspect", "billing.dead", *options, lines=1, cwd=tmp_path, broker=url_with_management(broker)
    )
    assert json.loads(first)["message_id"] == "m-0"
    assert code in (0, 141)  # whether it noticed is a race
    assert "Traceback" not in said
    plain.wait_depth("billing.dead", 400)


def test_an_interrupted_look_gives_everything_back(broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path) -> None:
    """While it waits for a queue whose messages go to a single active consumer."""
    bury(plain, 20, queue="billing", **{"x-single-active-consumer": True})
    plain.channel.basic_qos(prefetch_count=1)
    plain.channel.basic_consume("billing", lambda *_: None)
    with running_cli("inspect", "billing", cwd=tmp_path, broker=url_with_management(broker)) as running:
        running.wait(
            lambda: any("consumer works on" in line or "counts" in line for line in running.stderr), "it looks"
        )
        running.signal(signal.SIGINT)
        assert running.finish() == 130
        assert running.stderr[-1] == "interrupted\n"
    plain.wait_depth("billing", 19)
