"""`warren run --metrics-port`: the metrics of real worker processes while they work, are killed and are replaced."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.support import BrokerUnderTest, wait_until
from tests.support.cli import RunningCli, cli, is_alive, running_cli
from tests.support.metrics import Scrape, documented_metrics
from tests.support.plain import PlainPika

SHOP = Path(__file__).parent / "shop.py"
RUN = ("run", "shop:app", "--log-format", "json", "--metrics-port", "0")
INVOICES = {"queue": "billing.invoices", "consumer": "billing.invoices"}
LABELS = {"queue": "shipping.labels", "consumer": "shipping.labels"}

# They tell of what does not happen here: a lost connection, a slow handler, a lost channel, an unconfirmed copy.
NOT_PROVOKED = {
    "warren_reconnects_total",
    "warren_time_limit_exceeded_total",
    "warren_acks_dropped_total",
    "warren_settle_delayed_total",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the application in it, and one for temporary files."""
    shutil.copy(SHOP, tmp_path / "shop.py")
    (tmp_path / "tmp").mkdir()
    return tmp_path


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    with PlainPika(broker.url) as plain:
        yield plain


def scrape(running: RunningCli) -> Scrape:
    line = next(record["message"] for record in running.records() if "metrics at" in record["message"])
    return Scrape.of(line.removeprefix("metrics at "))


def wait_metric(running: RunningCli, expected: float | None, name: str, **labels: str) -> Scrape:
    seen: list[Scrape] = []

    def reached() -> bool:
        seen.append(scrape(running))
        return seen[-1].get(name, **labels) == expected

    wait_until(
        reached, timeout=30.0, message=lambda: f"{name} {labels} is {seen[-1].get(name, **labels)}, not {expected}"
    )
    return seen[-1]


def order(plain: PlainPika, order_id: int, **fields: object) -> None:
    plain.publish("orders", "orders.created", json.dumps({"order_id": order_id, **fields}).encode(), timestamp=1)


def cancel(plain: PlainPika, order_id: int) -> None:
    plain.publish("orders", "orders.cancelled", json.dumps({"order_id": order_id}).encode())


def left_behind(folder: Path) -> list[str]:
    return [path.name for path in (folder / "tmp").glob("warren-metrics-*")]


def running_in(folder: Path, broker: BrokerUnderTest, *options: str) -> AbstractContextManager[RunningCli]:
    return running_cli(*RUN, *options, cwd=folder, broker=broker.url, env={"TMPDIR": str(folder / "tmp")})


def test_every_documented_metric_comes_out_while_messages_are_processed_retried_and_dead_lettered(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    with running_in(folder, broker, "--processes", "2") as running:
        running.wait_event("subscribed", 4)
        for number in range(20):
            order(plain, number)
        order(plain, 100, fails_once=True)
        plain.publish("orders", "orders.created", b"not JSON", type="no.such")
        wait_metric(running, 21, "warren_settled_total", **INVOICES, outcome="ack")
        wait_metric(running, 1, "warren_settled_total", **INVOICES, outcome="dead_letter")
        wait_metric(running, 22, "warren_handler_duration_seconds_count", **INVOICES)
        wait_metric(running, 2, "warren_published_total", exchange="", outcome="confirmed")
        seen = wait_metric(running, 0, "warren_in_flight", **INVOICES)
        assert seen.get("warren_settled_total", **INVOICES, outcome="retry") == 1
        assert seen.get("warren_settled_total", **INVOICES, outcome="dead_letter", message_type="unknown") == 1
        assert seen.get("warren_dead_letters_total", **INVOICES, reason="contract") == 1
        assert seen.get("warren_failures_total", **INVOICES, classification="transient") == 1
        assert seen.get("warren_deliveries_total", **INVOICES, redelivered="false") == 23
        assert seen.get("warren_handler_duration_seconds_count", **INVOICES) == 22
        assert seen.get("warren_published_total", exchange="", outcome="confirmed") == 2
        assert seen.get("warren_subscribed", **INVOICES) == 2
        assert seen.get("warren_prefetch", **INVOICES) == 100
        assert seen.get("warren_in_flight", **INVOICES) == 0
        assert seen.get("warren_connected", connection="shop consume") == 2
        assert seen.get("warren_worker_info", application="shop") == 1
        documented = documented_metrics("Workers")
        found = seen.metrics()
        assert found == {name: documented[name] for name in found}
        assert found.keys() == documented.keys() - NOT_PROVOKED
        running.signal(signal.SIGTERM)
        assert running.finish() == 0
    assert left_behind(folder) == []


def test_what_a_killed_worker_held_vanishes_and_what_it_counted_stays(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    with running_in(folder, broker, "--processes", "2") as running:
        running.wait_event("subscribed", 4)
        for number in range(30):
            order(plain, number)
        wait_metric(running, 30, "warren_settled_total", **INVOICES, outcome="ack")
        cancel(plain, 1)
        wait_metric(running, 1, "warren_in_flight", **LABELS)
        wait_until(lambda: "begin cancel" in (folder / "notes").read_text(), message="the handler begins")
        (holder,) = {
            int(line.rpartition(" ")[2]) for line in (folder / "notes").read_text().splitlines() if "cancel" in line
        }
        os.kill(holder, signal.SIGKILL)
        running.wait_event("subscribed", 6)
        seen = wait_metric(running, 2, "warren_subscribed", **LABELS)
        assert seen.get("warren_worker_restarts_total") == 1
        assert seen.get("warren_settled_total", **INVOICES, outcome="ack") == 30
        assert seen.get("warren_handler_duration_seconds_count", **INVOICES) == 30
        wait_metric(running, 1, "warren_deliveries_total", **LABELS, redelivered="true")
        assert (
            wait_metric(running, 1, "warren_in_flight", **LABELS).get("warren_oldest_in_flight_seconds", **LABELS) > 0
        )
        (files,) = (folder / "tmp").glob("warren-metrics-*")
        assert not list(files.glob(f"*_{holder}.db"))
        (folder / "go").touch()
        running.signal(signal.SIGTERM)
        assert running.finish() == 0
    assert left_behind(folder) == []


def test_the_last_worker_of_a_killed_supervisor_removes_what_it_left(broker: BrokerUnderTest, folder: Path) -> None:
    with running_in(folder, broker, "--processes", "2") as running:
        running.wait_event("subscribed", 4)
        workers = [event["pid"] for event in running.events("worker_started")]
        assert left_behind(folder)
        running.signal(signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, workers)), timeout=30.0, message="workers end")
    assert left_behind(folder) == []


def test_metrics_tell_of_a_broker_that_is_not_there(
    private_broker: Callable[..., BrokerUnderTest], folder: Path
) -> None:
    broker = private_broker()
    with running_in(folder, broker) as running:
        running.wait_event("subscribed", 2)
        wait_metric(running, 1, "warren_subscribed", **LABELS)
        broker.node.kill()
        wait_metric(running, 0, "warren_subscribed", **LABELS)
        wait_metric(running, 0, "warren_connected", connection="shop consume")
        wait_until(lambda: (scrape(running).get("warren_reconnects_total") or 0) > 0, timeout=30.0)


def test_a_port_that_is_taken_ends_the_command_with_one_line_and_code_2(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = cli("run", "shop:app", "--metrics-port", str(port), cwd=folder, env={"TMPDIR": str(folder / "tmp")})
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith(f"error: cannot serve metrics on 127.0.0.1:{port}: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert left_behind(folder) == []
