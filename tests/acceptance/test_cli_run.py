"""`warren run` as users run it: real processes, signals and brokers."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import BrokerUnderTest, wait_until
from tests.support.cli import WARREN, RunningCli, cli, environment, is_alive, running_cli
from tests.support.plain import PlainPika

SHOP = Path(__file__).parent / "shop.py"
RUN = ("run", "shop:app", "--log-format", "json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the application in it."""
    shutil.copy(SHOP, tmp_path / "shop.py")
    return tmp_path


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    with PlainPika(broker.url) as plain:
        yield plain


def notes(folder: Path) -> list[str]:
    path = folder / "notes"
    return path.read_text().splitlines() if path.exists() else []


def wait_note(folder: Path, start: str, count: int = 1) -> list[str]:
    def found() -> list[str]:
        return [line for line in notes(folder) if line.startswith(start)]

    wait_until(lambda: len(found()) >= count, timeout=30.0, message=lambda: f"{count} x {start!r} in {notes(folder)}")
    return found()


def order(plain: PlainPika, order_id: int, **fields: object) -> None:
    plain.publish("orders", "orders.created", json.dumps({"order_id": order_id, **fields}).encode())


def cancel(plain: PlainPika, order_id: int) -> None:
    plain.publish("orders", "orders.cancelled", json.dumps({"order_id": order_id}).encode())


def wait_subscribed(running: RunningCli, processes: int = 1) -> None:
    running.wait_event("subscribed", 2 * processes)


def worker_pids(running: RunningCli) -> list[int]:
    return [event["pid"] for event in running.events("worker_started")]


# -- running ---------------------------------------------------------------------------------


def test_run_declares_the_topology_consumes_and_ends_with_0_on_sigterm(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    with running_cli(*RUN, cwd=folder, broker=broker.url) as running:
        wait_subscribed(running)
        order(plain, 1)
        order(plain, 2, fails_once=True)
        wait_note(folder, "end 1 attempt 1")
        wait_note(folder, "end 2 attempt 2")
        running.signal(signal.SIGTERM)
        assert running.finish() == 0
    plain.wait_depth("billing.invoices", 0)


def test_run_logs_events_as_lines_of_json_or_as_text(broker: BrokerUnderTest, folder: Path) -> None:
    with running_cli(*RUN, cwd=folder, broker=broker.url) as running:
        wait_subscribed(running)
        (started,) = running.events("worker_started")
        assert started["consumers"] == ["billing.invoices", "shipping.labels"]
        assert started["level"] == "info"
    with running_cli("run", "shop:app", cwd=folder, broker=broker.url) as running:
        running.wait(lambda: any("consumes shipping.labels" in line for line in running.stderr), "the line of an event")


PRINTING = """
from warren import Exchange, Message, Warren

class Order(Message, exchange=Exchange("orders", "topic"), routing_key="orders.created"):
    order_id: int

app = Warren("printing")

@app.consumer("printing.orders", Order, concurrency=1)
def handle(order: Order) -> None:
    print("order", order.order_id)
"""


@pytest.mark.parametrize("broker_version", ["embedded"], indirect=True)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_handlers_print_comes_out_at_once_and_a_whole_line_at_a_time(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path, unbuffered: str
) -> None:
    """Into a pipe Python would keep 8 kB back, or write lines in pieces, into which another worker's lines fall."""
    (tmp_path / "printing.py").write_text(PRINTING)
    assert cli("topology", "apply", "printing:app", cwd=tmp_path, broker=broker.url).returncode == 0
    order(plain, 1)
    order(plain, 2)
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # keeps what is written apart
    with ours, its:
        ours.settimeout(30.0)
        process = subprocess.Popen(
            [*WARREN, "run", "printing:app"],
            cwd=tmp_path,
            env=environment(broker.url, PYTHONUNBUFFERED=unbuffered),
            stdin=subprocess.DEVNULL,
            stdout=its,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert [ours.recv(1_000), ours.recv(1_000)] == [b"order 1\n", b"order 2\n"]
        finally:
            process.terminate()
            assert process.wait(30.0) == 0


def test_run_no_apply_creates_nothing_and_says_what_is_missing(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    with running_cli(*RUN, "--no-apply", cwd=folder, broker=broker.url) as running:
        assert running.finish() == 2
    (error,) = [line for line in running.stderr if line.startswith("error:")]
    assert "the broker lacks" in error or "is not on the broker" in error
    assert "warren topology apply" in error
    assert broker.api("GET", "queues/{vhost}") == []


# -- supervision -----------------------------------------------------------------------------


def test_a_killed_worker_is_replaced_and_its_message_is_redelivered(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    with running_cli(*RUN, cwd=folder, broker=broker.url) as running:
        wait_subscribed(running)
        cancel(plain, 7)
        (begun,) = wait_note(folder, "begin cancel 7")
        (first,) = worker_pids(running)
        assert begun.endswith(f"in {first}")
        os.kill(first, signal.SIGKILL)
        (exited,) = running.wait_event("worker_exited")
        assert (exited["pid"], exited["exit_code"], exited["reason"]) == (first, -9, "killed by SIGKILL")
        assert exited["restart_in"] <= 0.5
        wait_note(folder, "begin cancel 7 redelivered True")
        (folder / "go").touch()
        wait_note(folder, "end cancel 7")
        running.signal(signal.SIGTERM)
        assert running.finish() == 0
    plain.wait_depth("shipping.labels", 0)


def test_every_worker_process_consumes_and_a_killed_one_leaves_the_others_alone(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    with running_cli(*RUN, "--processes", "3", cwd=folder, broker=broker.url) as running:
        wait_subscribed(running, 3)
        workers = worker_pids(running)
        assert len(set(workers)) == 3
        os.kill(workers[0], signal.SIGKILL)
        running.wait_event("worker_started", 4)
        assert all(map(is_alive, workers[1:]))
        # One message in the hands of each: nobody can take a second one before the third is taken.
        for number in range(3):
            cancel(plain, number)
        begun = wait_note(folder, "begin cancel", 3)
        assert {int(line.rpartition(" ")[2]) for line in begun} <= {*workers[1:], *worker_pids(running)}
        (folder / "go").touch()
        wait_note(folder, "end cancel", 3)
        running.signal(signal.SIGTERM)
        assert running.finish() == 0
        assert not any(map(is_alive, worker_pids(running)))


def test_workers_write_where_their_handlers_are_on_sigusr1_and_go_on(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    with running_cli(*RUN, "--processes", "2", cwd=folder, broker=broker.url) as running:
        wait_subscribed(running, 2)
        cancel(plain, 7)
        wait_note(folder, "begin cancel 7")

        def shown() -> bool:  # the handler says that it begins a moment before it waits
            running.signal(signal.SIGUSR1)
            return any(" in wait_for" in line for line in running.stderr)

        wait_until(shown, interval=0.5, message=lambda: f"where the handler waits: {running.stderr}")
        (folder / "go").touch()
        wait_note(folder, "end cancel 7")
        assert running.events("worker_exited") == []
        running.signal(signal.SIGTERM)
        assert running.finish() == 0


def test_workers_stop_by_themselves_when_their_parent_is_killed(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    with running_cli(*RUN, "--processes", "2", cwd=folder, broker=broker.url) as running:
        wait_subscribed(running, 2)
        cancel(plain, 1)
        wait_note(folder, "begin cancel 1")
        running.signal(signal.SIGKILL)
        running.wait_event("shutdown_started", 2)
        (folder / "go").touch()  # in flight when the parent died: it still finishes
        wait_until(lambda: not any(map(is_alive, worker_pids(running))), timeout=30.0, message="workers end")
        wait_note(folder, "end cancel 1")
    plain.wait_depth("shipping.labels", 0)


def test_a_sync_handler_that_runs_too_long_has_its_process_replaced_and_only_its_message_charged(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    with running_cli(*RUN, cwd=folder, broker=broker.url) as running:
        wait_subscribed(running)
        cancel(plain, 50)  # in flight beside the late one, until that is found
        wait_note(folder, "begin cancel 50")
        order(plain, 1, times_out_once=True)
        wait_note(folder, "begin 1 attempt 1")
        running.wait_event("time_limit_exceeded")
        for number in range(100, 130):  # while the process goes down, and after it
            order(plain, number)
        (folder / "go").touch()
        (exited,) = running.wait_event("worker_exited")
        assert (exited["exit_code"], exited["restart_in"]) == (75, 0.0)
        assert exited["reason"] == "a handler ran longer than its time limit"
        wait_note(folder, "end 1 attempt 2")
        for number in range(100, 130):
            wait_note(folder, f"end {number} attempt 1")
        running.signal(signal.SIGTERM)
        assert running.finish() == 0
    assert [line for line in notes(folder) if "cancel" in line and line.startswith("end")] == ["end cancel 50"]
    assert not [line for line in notes(folder) if "attempt 2" in line and " 1 attempt" not in line]
    plain.wait_depth("billing.invoices", 0)
    plain.wait_depth("billing.invoices.dead", 0)


# -- shutdown: rule 24 -----------------------------------------------------------------------


def test_rule_24_sigterm_lets_the_handlers_in_flight_finish_and_acknowledges_them(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    with running_cli(*RUN, cwd=folder, broker=broker.url) as running:
        wait_subscribed(running)
        cancel(plain, 1)
        wait_note(folder, "begin cancel 1")
        running.signal(signal.SIGTERM)
        running.wait_event("shutdown_started")
        (folder / "go").touch()
        assert running.finish() == 0
    assert notes(folder)[-1] == "end cancel 1"
    plain.wait_depth("shipping.labels", 0)


def test_rule_24_ctrl_c_reaches_the_workers_once_and_stops_gracefully(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    with running_cli(*RUN, cwd=folder, broker=broker.url) as running:
        wait_subscribed(running)
        cancel(plain, 1)
        wait_note(folder, "begin cancel 1")
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does: the whole foreground group
        running.wait_event("shutdown_started")
        (folder / "go").touch()
        assert running.finish() == 0
    assert notes(folder)[-1] == "end cancel 1"


def test_rule_24_a_signal_to_every_process_of_the_service_stops_gracefully_too(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    # As systemd does it. The supervisor's own word to its workers must not count as a second signal.
    with running_cli(*RUN, cwd=folder, broker=broker.url) as running:
        wait_subscribed(running)
        cancel(plain, 1)
        wait_note(folder, "begin cancel 1")
        for pid in worker_pids(running):
            os.kill(pid, signal.SIGTERM)
        running.wait_event("shutdown_started")
        running.signal(signal.SIGTERM)
        (folder / "go").touch()
        assert running.finish() == 0
    assert notes(folder)[-1] == "end cancel 1"
    plain.wait_depth("shipping.labels", 0)


def test_rule_24_what_is_unfinished_after_the_grace_time_is_redelivered_and_told_by_exit_code_3(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    with running_cli(*RUN, "--grace", "300ms", cwd=folder, broker=broker.url) as running:
        wait_subscribed(running)
        cancel(plain, 1)
        wait_note(folder, "begin cancel 1")
        running.signal(signal.SIGTERM)
        assert running.finish() == 3
        (finished,) = running.events("shutdown_finished")
        assert finished["unfinished"] == 1
    message = plain.take("shipping.labels")
    assert json.loads(message.body) == {"order_id": 1}


def test_rule_24_a_second_sigterm_ends_at_once_and_the_message_is_redelivered(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    with running_cli(*RUN, cwd=folder, broker=broker.url) as running:
        wait_subscribed(running)
        cancel(plain, 1)
        wait_note(folder, "begin cancel 1")
        running.signal(signal.SIGTERM)
        running.wait_event("shutdown_started")
        running.signal(signal.SIGTERM)
        assert running.finish(timeout=5.0) == 128 + signal.SIGTERM
        assert not any(map(is_alive, worker_pids(running)))
    assert plain.take("shipping.labels").redelivered


# -- health ----------------------------------------------------------------------------------


def ask(running: RunningCli, path: str) -> tuple[int, Any]:
    """Ask the health endpoint whose address the command has logged."""
    line = next(record["message"] for record in running.records() if "health at" in record["message"])
    address = line.removeprefix("health at ").partition("/livez")[0]
    try:
        with urllib.request.urlopen(address + path, timeout=5.0) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_run_waits_for_its_broker_and_health_goes_from_503_to_200_and_back_when_it_stops(
    private_broker: Callable[..., BrokerUnderTest], folder: Path
) -> None:
    broker = private_broker()
    broker.node.kill()
    with running_cli(*RUN, "--processes", "2", "--health-port", "0", cwd=folder, broker=broker.url) as running:
        running.wait_event("reconnecting")
        assert ask(running, "/readyz")[0] == 503
        broker.node.start()
        wait_until(
            lambda: ask(running, "/readyz")[0] == 200, timeout=30.0, message=lambda: str(ask(running, "/readyz"))
        )
        code, report = ask(running, "/readyz")
        assert {worker["pid"] for worker in report["workers"]} == set(worker_pids(running))
        broker.node.kill()
        wait_until(lambda: ask(running, "/readyz")[0] == 503, timeout=30.0, message="not ready without a broker")
        code, report = ask(running, "/livez")
        assert (code, report["status"]) == (200, "ok")  # an outage is no reason to restart a worker
        running.signal(signal.SIGTERM)
        assert running.finish() == 0


def test_health_is_not_ready_while_a_killed_worker_is_replaced(broker: BrokerUnderTest, folder: Path) -> None:
    with running_cli(*RUN, "--health-port", "0", cwd=folder, broker=broker.url) as running:
        wait_subscribed(running)
        wait_until(lambda: ask(running, "/readyz")[0] == 200, timeout=10.0)
        os.kill(worker_pids(running)[0], signal.SIGKILL)
        wait_until(lambda: ask(running, "/readyz")[0] == 503, timeout=10.0)
        wait_until(lambda: ask(running, "/readyz")[0] == 200, timeout=20.0)


def test_run_embedded_needs_no_broker_and_keeps_messages_in_the_folder_it_is_given(folder: Path) -> None:
    arguments = (*RUN, "--data", "data", "--processes", "2")
    with running_cli(*arguments, cwd=folder, broker="amqp://127.0.0.1:1/") as running:
        running.wait_event("subscribed", 4)
        (url,) = {match for line in running.stderr for match in re.findall(r"embedded broker on (amqp://[^, ]+)", line)}
        with PlainPika(url) as plain:
            order(plain, 1)
            wait_note(folder, "end 1")
        running.signal(signal.SIGTERM)
        assert running.finish() == 0
    assert any((folder / "data").iterdir())
