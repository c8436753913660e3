"""`warren publish` as users run it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import BrokerUnderTest
from tests.support.cli import WARREN, cli, environment
from tests.support.plain import PlainPika
from warren.integrations.loopback_ports import free_port

SHOP = Path(__file__).parent / "shop.py"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the application in it."""
    shutil.copy(SHOP, tmp_path / "shop.py")
    return tmp_path


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    """A queue that receives every order."""
    with PlainPika(broker.url) as plain:
        plain.channel.exchange_declare("orders", "topic", durable=True)
        plain.declare("all")
        plain.channel.queue_bind("all", "orders", "#")
        yield plain


def ndjson(folder: Path, count: int, *, name: str = "orders.ndjson") -> str:
    (folder / name).write_text("".join(f'{{"order_id": {number}}}\n' for number in range(1, count + 1)))
    return name


# -- one message -----------------------------------------------------------------------------


def test_one_message_is_published_and_its_id_written_to_stdout(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    done = cli("publish", "shop:app", "orders.created", '{"order_id": 4821}', cwd=folder, broker=broker.url)
    assert done.returncode == 0, done.stderr
    (stored,) = plain.drain("all")
    assert done.stdout == f"{stored.properties.message_id}\n"
    assert json.loads(stored.body)["order_id"] == 4821
    assert (stored.properties.type, stored.routing_key) == ("orders.created", "orders.created")
    assert "exchange orders, key orders.created" in done.stderr


def test_a_message_class_is_found_by_its_name_and_options_reach_the_message(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    options = ("--message-id", "m-1", "--correlation-id", "c-1", "--header", "region=eu", "--header", "a=b=c", "--json")
    done = cli("publish", "shop:app", "OrderCancelled", '{"order_id": 1}', *options, cwd=folder, broker=broker.url)
    told = json.loads(done.stdout)
    assert (told["outcome"], told["message_id"], told["routing_key"]) == ("confirmed", "m-1", "orders.cancelled")
    (stored,) = plain.drain("all")
    assert (stored.properties.message_id, stored.properties.correlation_id) == ("m-1", "c-1")
    assert stored.headers["region"] == "eu"
    assert stored.headers["a"] == "b=c"


def test_an_unroutable_message_fails_and_says_where_it_did_not_arrive(broker: BrokerUnderTest, folder: Path) -> None:
    done = cli("publish", "shop:app", "orders.created", '{"order_id": 1}', "--json", cwd=folder, broker=broker.url)
    assert done.returncode == 1
    assert json.loads(done.stdout)["outcome"] == "unroutable"
    assert done.stderr.startswith("error: message ")
    assert "reached no queue" in done.stderr
    assert done.stderr.count("\n") == 1


# -- many messages ---------------------------------------------------------------------------


def test_a_file_is_published_in_order_and_every_id_written(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    done = cli("publish", "shop:app", "orders.created", ndjson(folder, 2_000), cwd=folder, broker=broker.url)
    assert done.returncode == 0, done.stderr
    assert "2,000 messages confirmed" in done.stderr
    stored = plain.drain("all")
    assert [json.loads(one.body)["order_id"] for one in stored] == list(range(1, 2_001))
    assert done.stdout.split() == [one.properties.message_id for one in stored]


def test_a_file_with_an_invalid_line_sends_nothing_and_names_each_such_line(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    lines = ['{"order_id": 1}', "", '{"order_id": "two"}', "{oops", '{"order_id": 4}']
    (folder / "orders.ndjson").write_text("\n".join(lines))
    done = cli("publish", "shop:app", "orders.created", "orders.ndjson", cwd=folder, broker=broker.url)
    assert done.returncode == 1
    first, second, last = done.stderr.splitlines()
    assert first == (
        'error: orders.ndjson line 3: orders.created v1: order_id: expected a valid integer, got string "two"'
    )
    assert second.startswith("error: orders.ndjson line 4: the body is not JSON: ")
    assert last == "error: nothing was sent: 2 of 4 lines of orders.ndjson are invalid"
    assert done.stdout == ""
    assert plain.depth("all") == 0


def test_stdin_is_published_up_to_the_first_invalid_line(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    stdin = '{"order_id": 1}\n{"order_id": 2}\n{}\n{"order_id": 4}\n'
    done = cli("publish", "shop:app", "orders.created", "-", cwd=folder, broker=broker.url, stdin=stdin)
    assert done.returncode == 1
    assert done.stderr == (
        "error: line 3: orders.created v1: order_id is missing; 2 messages confirmed before it, the rest was not read\n"
    )
    assert len(done.stdout.split()) == 2
    plain.wait_depth("all", 2)


def test_lines_of_stdin_are_sent_as_they_come(broker: BrokerUnderTest, plain: PlainPika, folder: Path) -> None:
    process = subprocess.Popen(
        [*WARREN, "publish", "shop:app", "orders.created"],
        cwd=folder,
        env=environment(broker.url),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write('{"order_id": 1}\n')
        process.stdin.flush()
        plain.wait_depth("all", 1)
        (stored,) = plain.drain("all")
        assert process.stdout.readline().strip() == stored.properties.message_id
        process.stdin.close()
        assert process.wait(20.0) == 0


def test_some_unroutable_messages_of_many_are_named_and_counted(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    plain.channel.queue_unbind("all", "orders", "#")
    plain.channel.queue_bind("all", "orders", "orders.created")
    done = cli("publish", "shop:app", "orders.cancelled", ndjson(folder, 30), cwd=folder, broker=broker.url)
    assert done.returncode == 1
    *failures, summary = done.stderr.splitlines()
    assert len(failures) == 20  # the others are counted
    assert failures[0].startswith("error: line 1: message ")
    assert summary == "error: 0 messages confirmed, 30 failed"


def test_a_reader_that_closes_the_pipe_ends_the_command_without_a_traceback(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    process = subprocess.Popen(
        [*WARREN, "publish", "shop:app", "orders.created", ndjson(folder, 5_000), "--json"],
        cwd=folder,
        env=environment(broker.url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(30.0) == 141
        assert process.stderr.read() == ""


def test_ctrl_c_says_how_many_were_confirmed(broker: BrokerUnderTest, plain: PlainPika, folder: Path) -> None:
    process = subprocess.Popen(
        [*WARREN, "publish", "shop:app", "orders.created", "-"],
        cwd=folder,
        env=environment(broker.url),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write('{"order_id": 1}\n')
        process.stdin.flush()
        assert process.stdout.readline()
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(20.0) == 130
        assert process.stderr.read().split("\n") == ["1 message confirmed", "", "interrupted", ""]


# -- what is wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (
            ("orders.created", '{"order_id": "x"}'),
            1,
            'error: orders.created v1: order_id: expected a valid integer, got string "x"',
        ),
        (("orders.created", "{}"), 1, "error: orders.created v1: order_id is missing"),
        (
            ("orders.create", "{}"),
            2,
            "error: shop has no message 'orders.create'; did you mean orders.created?",
        ),
        (("invoice", "{}"), 2, "error: shop has no message 'invoice'; it has orders.cancelled, orders.created"),
        (
            ("orders.created", "missing.ndjson"),
            2,
            "error: 'missing.ndjson' is neither JSON nor a file; see `warren publish --help`",
        ),
        (
            ("orders.created", "-", "--message-id", "m"),
            2,
            "error: --message-id is for a single message, given as JSON; see `warren publish --help`",
        ),
        (
            ("orders.created", '{"order_id": 1}', "--header", "region"),
            2,
            "error: --header takes NAME=TEXT, not 'region'; see `warren publish --help`",
        ),
        (
            ("orders.created", '{"order_id": 1}', "--timeout", "soon"),
            2,
            (
                "error: Invalid value for '--timeout': 'soon' is not a duration: write a number and a unit, "
                'like "500ms", "30s", "1m", "2h"; see `warren publish --help`'
            ),
        ),
    ],
)
def test_a_wrong_command_is_one_line_and_asks_no_broker(
    folder: Path, arguments: tuple[str, ...], code: int, error: str
) -> None:
    nobody = f"amqp://guest:guest@127.0.0.1:{free_port()}/"
    done = cli("publish", "shop:app", *arguments, cwd=folder, broker=nobody)
    assert (done.returncode, done.stderr, done.stdout) == (code, error + "\n", "")


def test_a_header_of_warrens_own_is_refused(broker: BrokerUnderTest, folder: Path) -> None:
    arguments = ("publish", "shop:app", "orders.created", '{"order_id": 1}', "--header", "x-warren-attempt=9")
    done = cli(*arguments, cwd=folder, broker=broker.url)
    assert done.returncode == 2
    assert done.stderr == "error: header 'x-warren-attempt' cannot be set; names with x-warren- are Warren's own\n"


def test_without_a_broker_it_gives_up_after_the_timeout_and_says_where_it_looked(folder: Path) -> None:
    port = free_port()
    arguments = ("publish", "shop:app", "orders.created", '{"order_id": 1}', "--timeout", "500ms")
    done = cli(*arguments, cwd=folder, broker=f"amqp://guest:secret@127.0.0.1:{port}/")
    assert done.returncode == 4
    assert done.stderr.startswith(f"error: no broker at amqp://guest:***@127.0.0.1:{port}/%2F within 0.5 s: ")
    assert done.stderr.endswith("nothing listens there; start it, or correct the broker URL\n")
    assert "secret" not in done.stderr
