"""`warren init` as a user has it: from a wheel, in an environment of its own, and what it wrote at work.

Not here: the names it chooses (tests/unit/cli/test_scaffold.py).
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support import BrokerUnderTest
from tests.support.cli import cli, running_cli, url_with_management
from tests.support.markdown import fences
from tests.support.newcomer import build_wheel, clean_environment, new_environment
from tests.support.walkthrough import commands_of
from warren.integrations.loopback_ports import free_port


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """A service that was written just now."""
    done = cli("init", "billing", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path / "billing"


def pytest_in(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the service's own tests, without this repository's settings or other plugins."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=100.0)


# -- what it writes works -----------------------------------------------------------------


@pytest.mark.timeout(300)
def test_from_a_wheel_it_writes_a_service_that_passes_its_tests_and_consumes(tmp_path: Path) -> None:
    """What is shipped, what it asks for, and the commands of its README, in an environment with nothing else."""
    programs = new_environment(tmp_path / "venv", str(build_wheel(tmp_path)))
    environment = clean_environment(programs)

    def run(*command: str, folder: Path) -> str:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("warren", "init", "billing", folder=tmp_path)
    service = tmp_path / "billing"
    run("pip", "install", "--quiet", "--editable", ".[test]", folder=service)
    assert "6 passed" in run("pytest", "-q", folder=service)

    port, management = str(free_port()), str(free_port())
    broker = [str(programs / "warren"), "broker", "--port", port, "--management-port", management]
    at = f"amqp://guest:guest@127.0.0.1:{port}/%2F?management=http%3A%2F%2F127.0.0.1%3A{management}"
    environment["WARREN_BROKER"] = at
    readme = [shlex.split(each.text) for block in fences(service / "README.md") for each in commands_of(block)]
    commands = [command for command in readme if command[0] == "warren" and command[1] not in ("broker", "run")]
    assert [command[1] for command in commands] == ["publish", "publish", "inspect", "replay", "replay", "contracts"]
    with subprocess.Popen(broker, env=environment, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        try:
            assert started.stdout.readline().startswith("listening")
            with running_cli("run", "billing.app:app", cwd=service, broker=at) as worker:
                worker.wait(lambda: any("consumes" in line for line in worker.stderr), "it consumes")
                run(*commands[0], folder=service)
                worker.wait(lambda: "orders.created: order_id 1\n" in worker.stdout, "the message is handled")
                run(*commands[1], folder=service)
                worker.wait(lambda: any("dead-lettered" in line for line in worker.stderr), "the other is dead")
                assert "there is no order_id 0" in run(*commands[2], folder=service)
                assert "1 would go to billing.orders" in run(*commands[3], folder=service)
                run(*commands[4], folder=service)
                run(*commands[5], folder=service)
        finally:
            started.terminate()


def test_its_tests_pass_on_the_broker_in_their_process_and_on_rabbitmq(service: Path, broker: BrokerUnderTest) -> None:
    options = [] if broker.name == "embedded" else ["--warren-broker", url_with_management(broker)]
    done = pytest_in(service, *options)
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout


def test_its_tests_see_a_handler_that_no_longer_does_what_they_say(service: Path) -> None:
    """Tests that cannot fail prove nothing."""
    app = service / "billing" / "app.py"
    app.write_text(app.read_text().replace("raise Permanent", "raise TimeoutError"))
    done = pytest_in(service)
    assert done.returncode == 1
    assert "test_what_cannot_succeed_is_a_dead_letter_that_says_why" in done.stdout


def test_any_message_and_any_folder_make_a_service_that_works(tmp_path: Path) -> None:
    done = cli("init", "Order Books", "--message", "PaymentReceived", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "cd 'Order Books' && " in done.stderr
    assert "6 passed" in pytest_in(tmp_path / "Order Books").stdout


@pytest.mark.parametrize("message", ["OrderCreated", "BigOrderLost", "Ping"])
def test_its_contract_is_locked_as_it_is(tmp_path: Path, message: str) -> None:
    assert cli("init", "billing", "--message", message, cwd=tmp_path).returncode == 0
    service = tmp_path / "billing"
    checked = cli("contracts", "check", "billing.app:app", cwd=service)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "compatible (backward and forward)\n")
    before = json.loads((service / "contracts.lock.json").read_text())
    assert cli("contracts", "lock", "billing.app:app", cwd=service).returncode == 0
    assert json.loads((service / "contracts.lock.json").read_text()) == before


def test_ci_runs_the_commands_that_the_tests_here_run(service: Path) -> None:
    jobs = yaml.safe_load((service / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    commands = [step["run"] for step in jobs["test"]["steps"] if "run" in step]
    assert commands == [
        'pip install --editable ".[test]"',
        "warren contracts check billing.app:app",
        "pytest",
        "pytest --warren-broker amqp://guest:guest@localhost:5672/%2F",
    ]


# -- what it refuses ----------------------------------------------------------------------


def test_this_folder_is_the_default_and_gives_the_name(tmp_path: Path) -> None:
    folder = tmp_path / "shipping"
    folder.mkdir()
    done = cli("init", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "shipping" / "app.py").is_file()
    assert done.stdout.splitlines()[0] == "pyproject.toml"


def test_nothing_is_overwritten_and_nothing_written_beside_it(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    done = cli("init", ".", "--name", "billing", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "error: README.md is there already, and nothing is overwritten; name another folder\n"
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"README.md": "mine"}


def test_a_link_that_leads_nowhere_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").symlink_to(tmp_path / "elsewhere")
    assert cli("init", ".", "--name", "billing", cwd=tmp_path).returncode == 2
    assert not (tmp_path / "elsewhere").exists()


def test_a_second_time_says_how_much_is_there(service: Path) -> None:
    done = cli("init", "billing", cwd=service.parent)
    assert done.returncode == 2
    assert done.stderr.startswith("error: billing/pyproject.toml is there already (and 11 more)")
    assert len(done.stderr.splitlines()) == 1


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = cli("init", "file/billing", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot write into file/billing: ")
    assert len(done.stderr.splitlines()) == 1


def test_what_was_written_before_an_error_is_taken_away(tmp_path: Path) -> None:
    (tmp_path / "billing").write_text("a file where the package belongs")
    done = cli("init", ".", "--name", "billing", cwd=tmp_path)
    assert done.returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["billing"]
