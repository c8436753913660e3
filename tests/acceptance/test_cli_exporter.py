"""`warren exporter` as Prometheus sees it, beside real workers and brokers, and once with a real Prometheus."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import BrokerUnderTest, wait_until
from tests.support.cli import RunningCli, cli, running_cli, url_with_management
from tests.support.metrics import Scrape, documented_metrics
from tests.support.plain import PlainPika
from warren.integrations.loopback_ports import free_port
from warren.observability.shipped import shipped_alerts, shipped_dashboard

SHOP = Path(__file__).parent / "shop.py"
EXPORTER = ("exporter", "--port", "0", "--interval", "500ms", "--window", "5s", "--timeout", "5s")
INVOICES = {"queue": "billing.invoices"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the application in it."""
    shutil.copy(SHOP, tmp_path / "shop.py")
    return tmp_path


def address(running: RunningCli, start: str = "metrics at ") -> str:
    def found() -> list[str]:
        return re.findall(rf"{start}(http://[^\s\"]+)", "".join(running.stderr))

    running.wait(found, f"a line with {start}")
    return str(found()[0])


def wait_metric(url: str, wanted: Callable[[float | None], bool], name: str, **labels: str) -> Scrape:
    seen: list[Scrape] = []

    def reached() -> bool:
        seen.append(Scrape.of(url))
        return wanted(seen[-1].get(name, **labels))

    wait_until(reached, timeout=40.0, message=lambda: f"{name} {labels} is {seen[-1].get(name, **labels)}")
    return seen[-1]


def is_(value: float) -> Callable[[float | None], bool]:
    return lambda seen: seen == value


def test_every_documented_metric_comes_out_while_messages_are_processed_retried_and_dead_lettered(
    broker: BrokerUnderTest, folder: Path
) -> None:
    where = {**INVOICES, "virtual_host": broker.vhost}
    with (
        running_cli("run", "shop:app", "--log-format", "json", cwd=folder, broker=broker.url) as worker,
        running_cli(*EXPORTER, cwd=folder, broker=url_with_management(broker)) as running,
        PlainPika(broker.url) as plain,
    ):
        worker.wait_event("subscribed", 2)
        url = address(running)
        wait_metric(url, is_(1), "warren_queue_consumers", **where)
        for number in range(20):
            plain.publish("orders", "orders.created", json.dumps({"order_id": number}).encode())
        plain.publish("orders", "orders.created", b'{"order_id": 100, "fails_once": true}')
        plain.publish("orders", "orders.created", b"not JSON")
        wait_metric(url, is_(1), "warren_queue_dead_letters", **where)
        seen = wait_metric(url, is_(1), "warren_finding", finding="dead_letters_growing", severity="warning", **where)
        assert seen.get("warren_broker_up") == 1
        assert seen.get("warren_broker_info", version=broker.version) == 1
        assert seen.get("warren_broker_alarm", alarm="disk") == 0
        documented = documented_metrics("Exporter")
        wait_until(lambda: Scrape.of(url).metrics().keys() == documented.keys(), message=lambda: Scrape.of(url).text)
        found = Scrape.of(url).metrics()
        assert found == {name: documented[name] for name in found}
        running.signal(signal.SIGTERM)
        assert running.finish() == 0
        assert len(running.stderr) == 1


def test_what_waits_and_who_consumes_shows(broker: BrokerUnderTest, folder: Path) -> None:
    with (
        PlainPika(broker.url) as plain,
        running_cli(*EXPORTER, cwd=folder, broker=url_with_management(broker)) as running,
    ):
        plain.declare("jobs")
        for _ in range(30):
            plain.publish("", "jobs", b"{}")
        url = address(running)
        seen = wait_metric(url, is_(30), "warren_queue_ready", queue="jobs")
        assert seen.get("warren_queue_consumers", queue="jobs") == 0
        wait_metric(url, is_(1), "warren_finding", finding="no_consumers", queue="jobs", severity="critical")


def test_without_the_management_api_named_queues_show_what_amqp_tells(broker: BrokerUnderTest, folder: Path) -> None:
    with PlainPika(broker.url) as plain:
        plain.declare("jobs")
        plain.publish("", "jobs", b"{}")
        without = f"{broker.url}?management={urllib.parse.quote('http://127.0.0.1:1', safe='')}"
        with running_cli(*EXPORTER, "--queue", "jobs", cwd=folder, broker=without) as running:
            seen = wait_metric(address(running), is_(1), "warren_queue_ready", queue="jobs")
            assert seen.get("warren_broker_up") == 1
            assert seen.get("warren_queue_unacked") is None
            assert seen.get("warren_broker_alarm") is None
        done = cli(*EXPORTER, cwd=folder, broker=without)
        assert done.returncode == 2
        assert "name them" in done.stderr.splitlines()[-1]


def test_it_starts_without_a_broker_and_goes_on_when_it_comes_and_goes(
    private_broker: Callable[..., BrokerUnderTest], folder: Path
) -> None:
    broker = private_broker()
    broker.node.kill()
    with running_cli(*EXPORTER, cwd=folder, broker=url_with_management(broker)) as running:
        url = address(running)
        wait_metric(url, is_(0), "warren_broker_up")
        broker.node.start()
        wait_metric(url, is_(1), "warren_broker_up")
        broker.node.kill()
        wait_metric(url, is_(0), "warren_broker_up")
        assert sum(line.startswith("no signals: ") for line in running.stderr) <= 4  # not one for each try
        running.signal(signal.SIGTERM)
        assert running.finish() == 0


def test_a_refused_login_ends_it_with_one_line(broker: BrokerUnderTest, folder: Path) -> None:
    wrong = url_with_management(broker).replace("guest:guest", "guest:secret-word")
    done = cli(*EXPORTER, cwd=folder, broker=wrong)
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if line.startswith("error: ")] == [done.stderr.splitlines()[-1]]
    assert "secret-word" not in done.stderr


def test_a_port_that_is_taken_ends_it_with_one_line_and_code_2(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = cli("exporter", "--port", str(taken.getsockname()[1]), cwd=folder, broker="amqp://127.0.0.1:1/")
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot serve metrics on 127.0.0.1:")
    assert len(done.stderr.splitlines()) == 1


def test_alert_rules_and_dashboard_are_printed_as_they_are_shipped(folder: Path) -> None:
    assert cli("exporter", "--print", "alerts", cwd=folder).stdout == shipped_alerts()
    assert cli("exporter", "--print", "dashboard", cwd=folder).stdout == shipped_dashboard()


# -- with a real Prometheus ------------------------------------------------------------------


@contextmanager
def prometheus(program: Path, folder: Path, **targets: str) -> Iterator[Callable[[str], list[dict[str, Any]]]]:
    """Run Prometheus with the shipped rules; yield what asks it a query."""
    (folder / "alerts.yml").write_text(shipped_alerts())
    jobs = [{"job_name": name.replace("_", "-"), "static_configs": [{"targets": [at]}]} for name, at in targets.items()]
    times = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config = {"global": times, "rule_files": [str(folder / "alerts.yml")], "scrape_configs": jobs}
    (folder / "prometheus.yml").write_text(json.dumps(config))
    port = free_port()
    command = [
        str(program),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]

    def ask(query: str) -> list[dict[str, Any]]:
        at = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        try:
            with urllib.request.urlopen(at, timeout=5.0) as answer:
                return list(json.loads(answer.read())["data"]["result"])
        except (urllib.error.URLError, ConnectionError):  # not up yet
            return []

    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield ask
    finally:
        process.terminate()
        process.wait(30.0)


def test_a_real_prometheus_scrapes_worker_and_exporter_and_fires_an_alert(
    prometheus_program: Path, folder: Path
) -> None:
    run = ("run", "shop:app", "--embedded", "--metrics-port", "0", "--log-format", "json")
    with running_cli(*run, cwd=folder) as worker:
        worker.wait_event("subscribed", 2)
        written = "".join(worker.stderr)
        (url,) = re.findall(r"embedded broker on (amqp://[^, ]+)", written)
        (management,) = re.findall(r"management on (http://[^, ]+)", written)
        broker = f"{url}?management={urllib.parse.quote(management, safe='')}"
        with running_cli(*EXPORTER, cwd=folder, broker=broker) as running:
            targets = {
                "warren_workers": address(worker).removeprefix("http://").removesuffix("/metrics"),
                "warren_exporter": address(running).removeprefix("http://").removesuffix("/metrics"),
            }
            with PlainPika(url) as plain, prometheus(prometheus_program, folder, **targets) as ask:
                wait_until(lambda: len(ask("up == 1")) == 2, timeout=30.0, message=lambda: str(ask("up")))
                wait_until(lambda: ask('warren_queue_depth{queue="billing.invoices"}'), timeout=30.0)
                plain.publish("orders", "orders.created", b"not JSON")
                fired = 'ALERTS{alertname="WarrenDeadLettersGrowing",alertstate="firing"}'
                wait_until(lambda: ask(fired), timeout=60.0, message=lambda: str(ask("warren_finding")))
                (alert,) = ask(fired)
                assert alert["metric"]["queue"] == "billing.invoices"
                assert alert["metric"]["severity"] == "warning"
                settled = 'warren_settled_total{queue="billing.invoices",outcome="dead_letter"}'
                wait_until(lambda: [one["value"][1] for one in ask(settled)] == ["1"], timeout=30.0)
                assert [one["metric"]["alertname"] for one in ask('ALERTS{alertstate="firing"}')] == [
                    "WarrenDeadLettersGrowing"
                ]
