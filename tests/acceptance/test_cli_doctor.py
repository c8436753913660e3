"""`warren doctor` as users run it: what it writes, and how it ends."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import BrokerUnderTest
from tests.support.cli import cli, environment, url_with_management
from warren.integrations.loopback_ports import free_port

SHOP = Path(__file__).parent / "shop.py"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the application in it."""
    shutil.copy(SHOP, tmp_path / "shop.py")
    return tmp_path


def prepared(broker: BrokerUnderTest, folder: Path) -> str:
    """Return the URL of a broker that has the application's topology."""
    url = url_with_management(broker)
    done = cli("topology", "apply", "shop:app", cwd=folder, broker=url)
    assert done.returncode == 0, done.stderr
    return url


def test_findings_come_by_severity_with_a_last_line_that_counts(broker: BrokerUnderTest, folder: Path) -> None:
    url = prepared(broker, folder)
    done = cli("doctor", "shop:app", cwd=folder, broker=url)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[-1].startswith("0 critical, 1 warning, ")
    assert done.stdout.index("no-time-limit") < done.stdout.index("single-node")
    assert "\x1b" not in done.stdout
    assert cli("doctor", "shop:app", "--strict", cwd=folder, broker=url).returncode == 1


def test_json_is_for_programs_and_a_critical_finding_ends_with_1(broker: BrokerUnderTest, folder: Path) -> None:
    url = prepared(broker, folder)
    broker.api("DELETE", "queues/{vhost}/billing.invoices.dead")
    done = cli("doctor", "shop:app", "--json", cwd=folder, broker=url)
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["critical"] == 1
    worst = told["findings"][0]
    assert (worst["id"], worst["severity"]) == ("dead-letter-target-missing", "critical")
    assert worst["subject"] == "billing.invoices"
    assert worst["summary"]
    assert worst["evidence"]
    assert worst["fix"]
    assert "guest:guest" not in done.stdout


def test_without_an_application_the_broker_is_examined(broker: BrokerUnderTest, folder: Path) -> None:
    done = cli("doctor", "--json", "--broker", url_with_management(broker), cwd=folder)
    assert done.returncode == 0, done.stdout
    assert "single-node" in {one["id"] for one in json.loads(done.stdout)["findings"]}


def test_a_broker_that_is_down_is_told_after_what_needs_none(folder: Path) -> None:
    url = f"amqp://guest:guest@127.0.0.1:{free_port()}/%2F?heartbeat=0"
    done = cli("doctor", "shop:app", "--json", "--timeout", "0.3", cwd=folder, broker=url)
    assert done.returncode == 4
    found = {one["id"] for one in json.loads(done.stdout)["findings"]}
    assert {"broker-unavailable", "heartbeat-off", "no-time-limit"} <= found
    assert done.stderr.startswith("error: no broker at amqp://guest:***@127.0.0.1:")
    assert done.stderr.count("\n") == 1


def test_a_wrong_login_and_virtual_host_are_told_at_once(broker: BrokerUnderTest, folder: Path) -> None:
    for wrong in (broker.url.replace("guest:guest", "guest:wr0ng"), broker.url.replace(broker.vhost, "elsewhere")):
        done = cli("doctor", "shop:app", "--broker", wrong, cwd=folder)
        assert done.returncode == 2
        assert "broker-refused" in done.stdout
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
        assert "wr0ng" not in done.stdout + done.stderr


def test_without_the_management_plugin_it_says_what_is_not_known(broker: BrokerUnderTest, folder: Path) -> None:
    prepared(broker, folder)
    url = f"{broker.url}?management=http%3A%2F%2F127.0.0.1%3A{free_port()}"
    done = cli("doctor", "shop:app", "--json", cwd=folder, broker=url)
    assert done.returncode == 0, done.stdout
    unknown = {one["subject"]: one for one in json.loads(done.stdout)["findings"] if one["id"] == "unknown"}
    assert "is the plugin rabbitmq_management enabled?" in unknown["management API"]["summary"]


def test_a_bad_application_url_or_option_is_one_line(folder: Path) -> None:
    for arguments in (
        ("doctor", "shop:nothing"),
        ("doctor", "nowhere:app"),
        ("doctor", "--broker", "http://localhost"),
        ("doctor", "--metrics", "ftp://somewhere"),
        ("doctor", "--consumer-timeout", "soon"),
    ):
        done = cli(*arguments, cwd=folder)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1


def test_output_that_is_cut_off_ends_quietly(broker: BrokerUnderTest, folder: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m warren doctor shop:app | head -n 1",
        shell=True,
        cwd=folder,
        env=environment(url_with_management(broker)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_embedded_broker_of_the_application_is_not_started(folder: Path) -> None:
    done = cli("doctor", "shop:app", "--json", cwd=folder, broker=f"embedded://{folder}/data")
    assert done.returncode == 0, done.stderr
    unknown = {one["subject"] for one in json.loads(done.stdout)["findings"] if one["id"] == "unknown"}
    assert "broker" in unknown
    assert not (folder / "data").exists()


def test_metrics_that_cannot_be_read_are_unknown(broker: BrokerUnderTest, folder: Path) -> None:
    url = prepared(broker, folder)
    metrics = f"127.0.0.1:{free_port()}"
    done = cli("doctor", "shop:app", "--json", "--metrics", metrics, cwd=folder, broker=url)
    assert done.returncode == 0, done.stderr
    unknown = {one["subject"] for one in json.loads(done.stdout)["findings"] if one["id"] == "unknown"}
    assert f"http://{metrics}/metrics" in unknown
