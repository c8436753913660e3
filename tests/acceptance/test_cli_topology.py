"""`warren topology` as users run it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import BrokerUnderTest
from tests.support.cli import cli, url_with_management
from tests.support.plain import PlainPika
from warren.integrations.loopback_ports import free_port

SHOP = Path(__file__).parent / "shop.py"
QUEUES = {
    "billing.invoices",
    "billing.invoices.dead",
    "billing.invoices.retry.1s",
    "billing.invoices.retry.200ms",
    "shipping.labels",
    "shipping.labels.dead",
    "shipping.labels.retry.10s",
    "shipping.labels.retry.1m",
    "shipping.labels.retry.1s",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the application in it."""
    shutil.copy(SHOP, tmp_path / "shop.py")
    return tmp_path


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    with PlainPika(broker.url) as plain:
        yield plain


def queues(broker: BrokerUnderTest) -> set[str]:
    return {queue["name"] for queue in broker.api("GET", "queues/{vhost}")}


def test_plan_names_what_is_missing_apply_creates_it_and_then_nothing_is_to_be_done(
    broker: BrokerUnderTest, folder: Path
) -> None:
    url = url_with_management(broker)
    planned = cli("topology", "plan", "shop:app", cwd=folder, broker=url)
    assert planned.returncode == 1
    assert "+ exchange 'orders' (topic)\n" in planned.stdout
    assert "+ binding 'orders' → queue 'billing.invoices' for 'orders.created'\n" in planned.stdout
    assert planned.stderr == "create what is missing with: warren topology apply shop:app\n"
    assert queues(broker) == set()

    applied = cli("topology", "apply", "shop:app", cwd=folder, broker=url)
    assert applied.returncode == 0, applied.stderr
    assert applied.stdout.splitlines() == [line for line in planned.stdout.splitlines() if line.startswith("+")]
    assert applied.stderr == f"{len(applied.stdout.splitlines())} created\n"
    assert queues(broker) == QUEUES

    again = cli("topology", "plan", "shop:app", cwd=folder, broker=url)
    assert (again.returncode, again.stdout) == (0, "the broker has everything, as the code says\n")
    nothing = cli("topology", "apply", "shop:app", cwd=folder, broker=url)
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert nothing.stderr == "the broker has everything, as the code says\n"


def test_plan_in_json_is_for_programs(broker: BrokerUnderTest, plain: PlainPika, folder: Path) -> None:
    plain.channel.queue_declare("shipping.labels", durable=True, arguments={"x-queue-type": "classic"})
    done = cli("topology", "plan", "shop:app", "--json", cwd=folder, broker=url_with_management(broker))
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["satisfied"] is False
    assert "exchange 'orders' (topic)" in told["missing"]
    assert [line for line in told["differs"] if line.startswith("queue 'shipping.labels': type is 'classic' on the")]
    assert told["required"] == []


def test_apply_creates_nothing_where_something_differs(broker: BrokerUnderTest, plain: PlainPika, folder: Path) -> None:
    plain.channel.exchange_declare("orders", "direct", durable=True)
    done = cli("topology", "apply", "shop:app", cwd=folder, broker=url_with_management(broker))
    assert done.returncode == 2
    assert done.stderr.startswith(
        "error: the broker has it, but different; nothing was changed: exchange 'orders': type is 'direct' on the "
        "broker and 'topic' in the code; cannot be changed in place: "
    )
    assert done.stderr.count("\n") == 1
    assert queues(broker) == set()


def test_several_differences_are_counted_in_the_one_line_and_listed_by_plan(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    for name in ("billing.invoices", "shipping.labels"):
        plain.channel.queue_declare(name, durable=True, arguments={"x-queue-type": "classic"})
    url = url_with_management(broker)
    refused = cli("topology", "apply", "shop:app", cwd=folder, broker=url)
    planned = cli("topology", "plan", "shop:app", cwd=folder, broker=url)
    differs = [line for line in planned.stdout.splitlines() if line.startswith("!")]
    assert len(differs) >= 2
    assert f"(and {len(differs) - 1} more; `warren topology plan` lists them)" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_show_lists_the_topology_without_a_broker(folder: Path) -> None:
    nobody = f"amqp://guest:guest@127.0.0.1:{free_port()}/"
    told = json.loads(cli("topology", "show", "shop:app", "--json", cwd=folder, broker=nobody).stdout)
    assert [exchange["name"] for exchange in told["exchanges"]] == ["orders"]
    assert {queue["name"] for queue in told["queues"]} == QUEUES
    assert {(b["source"], b["destination"], b["routing_key"]) for b in told["bindings"]} == {
        ("orders", "billing.invoices", "orders.created"),
        ("orders", "shipping.labels", "orders.cancelled"),
    }
    shown = cli("topology", "show", "shop:app", cwd=folder, broker=nobody)
    assert shown.returncode == 0
    for name in QUEUES:
        assert name in shown.stdout
    assert "\x1b" not in shown.stdout


def test_without_a_broker_plan_and_apply_say_so(folder: Path) -> None:
    port = free_port()
    for command in ("plan", "apply"):
        done = cli(
            "topology",
            command,
            "shop:app",
            "--timeout",
            "0.3",
            cwd=folder,
            broker=f"amqp://guest:guest@127.0.0.1:{port}/",
        )
        assert done.returncode == 4
        assert done.stderr.startswith(f"error: no broker at amqp://guest:***@127.0.0.1:{port}/%2F within 0.3 s: ")
        assert done.stderr.count("\n") == 1
