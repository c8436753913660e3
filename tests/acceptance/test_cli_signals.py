"""`warren signals` as users run it: what it says, its exit code, and what it makes of what is missing."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support import BrokerUnderTest, wait_until
from tests.support.cli import cli, cli_into_head, running_cli, url_with_management
from tests.support.diagnosing import Requeues, in_background, wait_counted
from tests.support.embedded_node import EmbeddedNode
from tests.support.plain import PlainPika
from warren.integrations.loopback_ports import free_port

SHOP = Path(__file__).parent / "shop.py"
QUEUE = "billing.invoices"
SHORT = ("--window", "4s", "--interval", "500ms")  # the statistics of a broker under test are a second old at most


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    with PlainPika(broker.url) as plain:
        yield plain


@pytest.fixture
def node(tmp_path: Path) -> Iterator[EmbeddedNode]:
    node = EmbeddedNode(tmp_path / "node", statistics_interval=0.5)
    node.start()
    yield node
    node.kill()


def url_of(node: EmbeddedNode, **parts: Any) -> str:
    login, management = parts.get("login", "guest:guest"), parts.get("management", node.management_url)
    return f"amqp://{login}@127.0.0.1:{node.port}/{parts.get('vhost', '%2F')}?management={quote(management, safe='')}"


def error_of(done: subprocess.CompletedProcess[str], code: int) -> str:
    """Return the only line of a command that failed."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


# -- a poison message in a flat queue -----------------------------------------------------------


def test_a_poison_message_in_a_flat_queue_is_named_with_its_fingerprint_and_the_next_command(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path
) -> None:
    plain.declare(QUEUE, **{"x-queue-type": "classic"})
    for name in ("poison", *map(str, range(19))):
        kind = "orders.created" if name == "poison" else "orders.paid"
        plain.publish("", QUEUE, b"{}", message_id=name, type=kind)
    with in_background(broker.url, Requeues(QUEUE, "poison"), every=0.01):
        # Longer than the look at the head of the queue, which holds all messages for up to two seconds.
        command = ("signals", "--window", "9s", "--interval", "1s")
        shown, told = (
            wait_until(
                lambda options=options: _critical(
                    cli(*command, *options, cwd=tmp_path, broker=url_with_management(broker))
                ),
                timeout=60.0,
                message="a critical finding",
            )
            for options in ((), ("--json",))
        )
    assert f"CRITICAL POISON  {QUEUE}\n" in shown
    assert "  fingerprint: redelivered@orders.created\n" in shown
    assert f"  $ warren inspect {QUEUE} --limit 5\n" in shown
    assert max(map(len, shown.splitlines())) <= 120
    report = json.loads(told)
    assert report["critical"] is True
    assert max(report["queues"][0]["history"]) <= 21  # flat, while the redeliveries climb
    assert report["queues"][0]["redelivery_rate"] > 0.1
    plain.wait_depth(QUEUE, 20)


def _critical(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode in (0, 1), done.stderr
    return done.stdout if done.returncode == 1 else ""


# -- what it shows --------------------------------------------------------------------------------


def test_a_table_fits_eighty_columns_and_a_healthy_queue_is_exit_code_0(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path
) -> None:
    name = "a.rather.long.name.of.a.queue.as.there.are.many"
    plain.declare(name)
    wait_counted(broker, name)
    done = cli("signals", *SHORT, cwd=tmp_path, broker=url_with_management(broker), env={"COLUMNS": "80"})
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # progress is for terminals
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["queue", "ready", "unack", "cons", "in/s", "ack/s", "lag", "redel", "dead"]
    assert max(map(len, lines)) <= 80
    assert "nothing is wrong, as far as this window shows" in lines
    assert "".join(line[3:].split()[0] for line in lines[2:4]) == name  # folded, not cut


def test_an_application_stands_for_its_queues(broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path) -> None:
    shutil.copy(SHOP, tmp_path / "shop.py")
    url = url_with_management(broker)
    assert cli("topology", "apply", "shop:app", cwd=tmp_path, broker=url).returncode == 0
    plain.declare("another")
    wait_counted(broker, QUEUE, "shipping.labels", "another")
    done = cli("signals", "shop:app", *SHORT, "--json", cwd=tmp_path, broker=url)
    assert done.returncode == 0, done.stderr
    assert [queue["queue"] for queue in json.loads(done.stdout)["queues"]] == [QUEUE, "shipping.labels"]


def test_a_named_queue_comes_with_what_is_kept_beside_it(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path
) -> None:
    for name in (QUEUE, f"{QUEUE}.dead", f"{QUEUE}.retry.1s", "another"):
        plain.declare(name, **({"x-delivery-limit": 2**31 - 1} if name.endswith(".dead") else {}))  # or nobody looks
    plain.publish("", f"{QUEUE}.dead", b"{}", type="orders.created")
    url = url_with_management(broker)
    wait_counted(broker, QUEUE, f"{QUEUE}.dead", f"{QUEUE}.retry.1s")
    wait_until(lambda: (broker.api("GET", f"queues/{{vhost}}/{QUEUE}.dead") or {}).get("messages") == 1)
    done = cli("signals", "--queue", QUEUE, *SHORT, "--json", cwd=tmp_path, broker=url)
    (queue,) = json.loads(done.stdout)["queues"]
    assert (queue["queue"], queue["dead"], queue["retrying"]) == (QUEUE, 1, 0)
    assert queue["failures"][0]["message_type"] == "orders.created"
    plain.wait_depth(f"{QUEUE}.dead", 1)  # looked at, and given back


# -- watching -------------------------------------------------------------------------------------


def test_watching_writes_a_line_of_json_a_sample_and_goes_on_after_an_outage(
    node: EmbeddedNode, tmp_path: Path
) -> None:
    with PlainPika(node.url) as plain:
        plain.declare(QUEUE)
    command = ("signals", "--watch", "--json", "--window", "2s", "--interval", "500ms")
    with running_cli(*command, cwd=tmp_path, broker=url_of(node)) as watching:
        watching.wait(lambda: len(watching.stdout) >= 3, "three lines")
        node.kill()
        watching.wait(lambda: "error" in json.loads(watching.stdout[-1]), "a line that says so")
        node.start()
        before = len(watching.stdout)
        watching.wait(lambda: any("queues" in json.loads(line) for line in watching.stdout[before:]), "it goes on")
        watching.signal(signal.SIGINT)
        assert watching.finish() == 130
    assert watching.stderr[-1] == "interrupted\n"


def test_watching_as_text_says_once_that_there_is_no_answer(node: EmbeddedNode, tmp_path: Path) -> None:
    command = ("signals", "--watch", "--window", "1s", "--interval", "500ms")
    with running_cli(*command, cwd=tmp_path, broker=url_of(node)) as watching:
        watching.wait(lambda: any("nothing is wrong" in line for line in watching.stdout), "a report")
        node.kill()
        watching.wait(lambda: len(watching.stderr) == 1, "a remark")
        assert "trying again every 0.5 s" in watching.stderr[0]


# -- what can be missing --------------------------------------------------------------------------


def test_no_broker_is_exit_code_4_in_a_line(tmp_path: Path) -> None:
    done = cli("signals", "--timeout", "1s", cwd=tmp_path, broker=f"amqp://127.0.0.1:{free_port()}/")
    assert error_of(done, 4).startswith("no broker at amqp://guest:***@127.0.0.1:")


def test_a_broker_that_says_nothing_is_exit_code_4_after_the_timeout(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"amqp://127.0.0.1:{silent.getsockname()[1]}/"
        assert "within 1 s" in error_of(cli("signals", "--timeout", "1s", cwd=tmp_path, broker=url), 4)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"login": "guest:wrong"}, "the login was refused: check user and password"),
        ({"vhost": "nowhere"}, "the virtual host was refused"),
    ],
)
def test_what_the_broker_refuses_is_exit_code_2_in_a_line(
    broker: BrokerUnderTest, tmp_path: Path, wrong: dict[str, str], error: str
) -> None:
    login, vhost = wrong.get("login", "guest:guest"), wrong.get("vhost", broker.vhost)
    url = f"amqp://{login}@127.0.0.1:{broker.node.port}/{vhost}?management={quote(broker.management_url, safe='')}"
    said = error_of(cli("signals", *SHORT, cwd=tmp_path, broker=url), 2)
    assert error in said
    assert "wrong@" not in said


def test_a_queue_that_is_not_there_is_exit_code_2_with_the_one_that_may_be_meant(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path
) -> None:
    plain.declare(QUEUE)
    with_management = cli("signals", "--queue", "billing.invoice", cwd=tmp_path, broker=url_with_management(broker))
    assert error_of(with_management, 2) == f"there is no queue 'billing.invoice' on the broker; did you mean '{QUEUE}'?"
    without = cli("signals", "--queue", "billing.invoice", cwd=tmp_path, broker=broker.url)
    assert error_of(without, 2).startswith("there is no queue 'billing.invoice' on the broker; check the name")


@pytest.mark.parametrize("management", ["closed", "silent", "unknown"])
def test_without_the_management_api_named_queues_are_told_of_and_what_is_not_known_is_said(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path, management: str
) -> None:
    plain.declare(QUEUE)
    plain.publish("", QUEUE, b"{}")
    plain.wait_depth(QUEUE, 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = {"closed": free_port(), "silent": silent.getsockname()[1]}.get(management)
        url = broker.url if port is None else f"{broker.url}?management=http%3A%2F%2F127.0.0.1%3A{port}"
        options = ("--window", "1s", "--interval", "500ms", "--timeout", "1s")
        done = cli("signals", "--queue", QUEUE, *options, cwd=tmp_path, broker=url)
        unnamed = cli("signals", *options, cwd=tmp_path, broker=url)
    assert done.returncode == 1, done.stderr
    assert f"CRITICAL NO_CONSUMERS  {QUEUE}" in done.stdout
    assert "not known: unacked messages, rates, redeliveries, prefetch and alarms" in done.stdout
    assert "not known: why: " in done.stdout
    assert "without the management API nothing lists the queues; name them (--queue, or MODULE:APP)" in error_of(
        unnamed, 2
    )


def test_a_worker_whose_metrics_cannot_be_read_is_told_of(node: EmbeddedNode, tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    options = ("--window", "1s", "--interval", "500ms", "--metrics", nobody)
    done = cli("signals", *options, cwd=tmp_path, broker=url_of(node))
    assert done.returncode == 0, done.stderr
    assert f"not known: what the worker at http://{nobody}/metrics sees: " in done.stdout


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--interval", "0"), "--interval must be at least 0.1 s; see `warren signals --help`"),
        (("--window", "1s"), "--window must be at least as long as --interval: rates need two samples; see"),
        (("--metrics", "ftp://nowhere"), "a metrics URL must be http://host:port"),
        (("--broker", "http://nowhere"), "the broker URL starts with 'http'"),
        (("nowhere:app",), "there is no module 'nowhere'"),
    ],
)
def test_an_option_that_makes_no_sense_is_exit_code_2_in_a_line(
    tmp_path: Path, options: tuple[str, ...], error: str
) -> None:
    assert error_of(cli("signals", *options, cwd=tmp_path), 2).startswith(error)


@pytest.mark.parametrize("options", [(), ("--json",), ("--watch",), ("--watch", "--json")])
def test_a_reader_that_has_enough_ends_it_quietly(node: EmbeddedNode, tmp_path: Path, options: tuple[str, ...]) -> None:
    with PlainPika(node.url) as plain:
        for number in range(300):
            plain.declare(f"queue-{number}", **{"x-queue-type": "classic"})
    command = ("signals", "--window", "500ms", "--interval", "250ms", *options)
    _, code, said = cli_into_head(*command, lines=1, cwd=tmp_path, broker=url_of(node))
    assert said == ""
    assert code in (141, 0)
