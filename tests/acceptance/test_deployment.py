"""What the pages on systemd and containers show is what it is for: commands run, units and files are accepted.

Not here: Kubernetes and RabbitMQ (test_deployment_clusters.py); what a reader would run (tests/test_docs.py).
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import BrokerUnderTest
from tests.support.cli import cli, running_cli, url_with_management
from tests.support.deployment import (
    SUPERVISION,
    assert_is_known,
    becomes_ready_and_stops,
    compose,
    deployment,
    documented_variables,
    instructions,
    service_in,
    settings,
    shown,
    status_of,
    unit,
    user,
)
from warren import Warren
from warren.config import BrokerSettings
from warren.integrations.loopback_ports import free_port

# What a unit may say, as far as the page does: systemd ignores what it does not know, with a line that nobody reads.
DIRECTIVES = {
    "Unit": {"Description", "Wants", "After"},
    "Service": {
        *("Type", "User", "DynamicUser", "WorkingDirectory", "EnvironmentFile", "ExecStart"),
        *("Restart", "RestartSec", "RestartPreventExitStatus", "SuccessExitStatus", "KillMode", "TimeoutStopSec"),
        *("StateDirectory", "NoNewPrivileges", "ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices"),
    },
    "Install": {"WantedBy"},
}

UNITS = ("billing.service", "warren-exporter.service")

INSTRUCTIONS = {"FROM", "ENV", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}

SERVICE_KEYS = {
    *("image", "hostname", "environment", "ports", "volumes", "healthcheck", "build", "stop_grace_period", "restart"),
}

PORT_OPTIONS = ("--health-port", "--metrics-port")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return service_in(tmp_path)


def test_the_command_of_the_unit_becomes_ready_and_stops(folder: Path, broker: BrokerUnderTest) -> None:
    service = unit("billing.service")["Service"]
    program, *arguments = shlex.split(service["ExecStart"])
    assert program.endswith("/.venv/bin/warren")
    becomes_ready_and_stops(arguments, folder, broker.url, allowed=float(service["TimeoutStopSec"]))


def test_the_command_of_the_container_becomes_ready_and_healthy_and_stops(
    folder: Path, broker: BrokerUnderTest
) -> None:
    steps = dict(instructions())
    assert json.loads(steps["ENTRYPOINT"]) == ["warren"]
    python, *check = json.loads(steps["HEALTHCHECK"].removeprefix("CMD "))
    assert python == "python"
    allowed = float(compose()["services"]["billing"]["stop_grace_period"].removesuffix("s"))
    arguments = json.loads(steps["CMD"])
    becomes_ready_and_stops(arguments, folder, broker.url, allowed=allowed, check=[sys.executable, *check])


def test_the_exporter_of_the_unit_serves_the_signals_of_the_broker(folder: Path, broker: BrokerUnderTest) -> None:
    _, *arguments = shlex.split(unit("warren-exporter.service")["Service"]["ExecStart"])
    port = free_port()
    with running_cli(*arguments, "--port", str(port), cwd=folder, broker=url_with_management(broker)) as running:
        running.wait(lambda: status_of(port, "/metrics") == 200, "/metrics answers")
        running.signal(signal.SIGTERM)
        assert running.finish() == 0


def test_a_login_that_may_not_configure_runs_a_worker_that_does_not_apply(
    folder: Path, broker: BrokerUnderTest
) -> None:
    """It may read and write: docs/deployment/index.md."""
    cli("topology", "apply", "billing:app", cwd=folder, broker=broker.url)
    with user(broker, configure="^$", write=".*", read=".*") as url:
        arguments = ["run", "billing:app", "--no-apply", "--health-port", "8080", "--metrics-port", "9464"]
        becomes_ready_and_stops(arguments, folder, url, allowed=60.0)


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_says_what_systemd_knows(name: str, tmp_path: Path) -> None:
    read = unit(name)
    for section in read.sections():
        assert set(read[section]) <= DIRECTIVES[section]
    systemd_analyze = shutil.which("systemd-analyze")
    if systemd_analyze is not None:
        program = shutil.which("true")
        text = re.sub(r"^ExecStart=\S+", f"ExecStart={program}", shown("systemd.md", name), flags=re.MULTILINE)
        file = tmp_path / name
        file.write_text(text)
        environment = {**os.environ, "SYSTEMD_LOG_LEVEL": "warning"}
        done = subprocess.run(
            [systemd_analyze, "verify", "--man=no", str(file)],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        said = [line for line in done.stderr.splitlines() if name in line]
        assert not said


def test_a_unit_leaves_time_to_stop_and_does_not_repeat_what_waiting_does_not_cure() -> None:
    service = unit("billing.service")["Service"]
    assert float(service["TimeoutStopSec"]) >= Warren("x").settings.grace + SUPERVISION
    assert service["RestartPreventExitStatus"] == "2"
    assert service["SuccessExitStatus"] == "3"


def test_the_environment_of_the_unit_is_what_warren_reads() -> None:
    given = settings(shown("systemd.md", "/etc/billing/environment"))
    assert given.keys() <= documented_variables()
    assert [host.name for host in BrokerSettings.parse(given["WARREN_BROKER"]).hosts] == [
        "rabbit-1",
        "rabbit-2",
        "rabbit-3",
    ]
    state = unit("billing.service")["Service"]["StateDirectory"]
    assert given["WARREN_STORE"].startswith(f"sqlite:////var/lib/{state}/")


def test_the_image_runs_as_nobody_in_particular_and_opens_the_ports_it_serves() -> None:
    steps = dict(instructions())
    assert set(steps) <= INSTRUCTIONS
    assert steps["USER"] == str(deployment()["spec"]["template"]["spec"]["securityContext"]["runAsUser"])
    arguments = json.loads(steps["CMD"])
    assert steps["EXPOSE"].split() == [arguments[arguments.index(name) + 1] for name in PORT_OPTIONS]
    order = [name for name, _ in instructions()]
    assert order.index("USER") > max(place for place, name in enumerate(order) if name == "RUN")


def test_the_compose_file_connects_the_service_to_its_broker() -> None:
    services, volumes = compose()["services"], compose()["volumes"]
    assert all(set(service) <= SERVICE_KEYS for service in services.values())
    assert {each.partition(":")[0] for service in services.values() for each in service["volumes"]} == set(volumes)
    given, rabbitmq = services["billing"]["environment"], services["rabbitmq"]
    assert given.keys() <= documented_variables()
    url = BrokerSettings.parse(given["WARREN_BROKER"])
    assert [host.name for host in url.hosts] == ["rabbitmq"]
    login = (rabbitmq["environment"]["RABBITMQ_DEFAULT_USER"], rabbitmq["environment"]["RABBITMQ_DEFAULT_PASS"])
    assert given["WARREN_BROKER"].startswith(f"amqp://{login[0]}:{login[1]}@rabbitmq:5672/")
    assert rabbitmq["hostname"] == "rabbitmq"
    assert dict(instructions())["VOLUME"] == services["billing"]["volumes"][0].partition(":")[2]
    assert float(services["billing"]["stop_grace_period"].removesuffix("s")) >= Warren("x").settings.grace + SUPERVISION
    _, program, *arguments = rabbitmq["healthcheck"]["test"]
    assert_is_known(program, *(each for each in arguments if not each.startswith("-")))
