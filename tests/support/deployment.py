"""The pages on deployment: the files they show, and their commands run as a process manager would.

Not here: what the files have to say (tests/acceptance/test_deployment*.py).
"""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import give_up
from tests.services.places import ServiceMissing
from tests.support import BrokerUnderTest
from tests.support.cli import running_cli
from tests.support.markdown import ROOT, fences
from tests.support.walkthrough import commands_of
from warren.integrations.loopback_ports import free_port

__all__ = [
    "PAGES",
    "SUPERVISION",
    "assert_is_known",
    "becomes_ready_and_stops",
    "commands",
    "compose",
    "deployment",
    "documented_variables",
    "instructions",
    "manifests",
    "service_in",
    "settings",
    "shown",
    "status_of",
    "unit",
    "user",
    "with_free_ports",
]

PAGES = ROOT / "docs" / "deployment"
SUPERVISION = 15.0
"""What docs/worker.md asks for beyond the grace time."""


def shown(page: str, title: str) -> str:
    """Return the file that a page shows."""
    (found,) = (fence.text for fence in fences(PAGES / page) if fence.title == title)
    return found


def manifests(page: str, title: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(shown(page, title)))


def commands(page: str) -> list[list[str]]:
    blocks = [fence for fence in fences(PAGES / page) if fence.language == "console"]
    return [shlex.split(command.text) for block in blocks for command in commands_of(block)]


def settings(text: str) -> dict[str, str]:
    """Read lines of `name = value`."""
    lines = (line.partition("=") for line in text.splitlines() if line.strip())
    return {name.strip(): value.strip() for name, _, value in lines}


def documented_variables() -> set[str]:
    return set(re.findall(r"^\| `(WARREN_\w+)`", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE))


def service_in(folder: Path) -> Path:
    """Write the README's service into a folder, as `billing:app` and as `billing.app:app`."""
    package = folder / "billing"
    package.mkdir()
    shutil.copy(ROOT / "examples" / "billing.py", package / "app.py")
    (package / "__init__.py").write_text("from billing.app import app\n")
    return folder


@contextmanager
def user(broker: BrokerUnderTest, **permissions: str) -> Iterator[str]:
    """Make a user with these permissions, and yield the URL it connects with."""
    name = f"billing-{uuid.uuid4().hex[:8]}"
    broker.api("PUT", f"users/{name}", {"password": "secret", "tags": ""})
    broker.api("PUT", f"permissions/{{vhost}}/{name}", permissions)
    yield broker.url.replace("guest:guest@", f"{name}:secret@")
    broker.api("DELETE", f"users/{name}")


def with_free_ports(arguments: list[str]) -> tuple[list[str], dict[str, int]]:
    """Return the arguments with other ports, and those by the port that is shown."""
    ports = {shown: free_port() for option, shown in pairwise(arguments) if "port" in option}
    return [str(ports.get(each, each)) for each in arguments], ports


def status_of(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5.0) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code
    except OSError:
        return 0


def becomes_ready_and_stops(
    arguments: list[str], folder: Path, broker: str, *, allowed: float, check: list[str] | None = None
) -> None:
    """Run `warren ARGUMENTS` until its probes and metrics answer 200, then end it as a process manager would.

    `check` is a command that must succeed meanwhile; the ports it names are exchanged like those of the arguments.
    """
    arguments, ports = with_free_ports(arguments)
    health, metrics = ports["8080"], ports["9464"]
    store = f"sqlite:///{folder}/warren.db"
    with running_cli(*arguments, cwd=folder, broker=broker, env={"WARREN_STORE": store}) as running:
        for port, path in ((health, "/livez"), (health, "/readyz"), (metrics, "/metrics")):
            running.wait(lambda port=port, path=path: status_of(port, path) == 200, f"{path} answers")
        if check is not None:
            subprocess.run([each.replace(":8080/", f":{health}/") for each in check], check=True, timeout=30.0)
        running.signal(signal.SIGTERM)
        assert running.finish(timeout=allowed) == 0, "".join(running.stderr)


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read_string(shown("systemd.md", name))
    return parser


def instructions() -> list[tuple[str, str]]:
    lines = shown("container.md", "Dockerfile").splitlines()
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load(shown("container.md", "compose.yaml")))


def deployment() -> dict[str, Any]:
    return next(each for each in manifests("kubernetes.md", "billing.yaml") if each["kind"] == "Deployment")


def assert_is_known(program: str, name: str) -> None:
    """Ask one of RabbitMQ's tools for its help with a command; it fails where there is none."""
    if shutil.which(program) is None:
        give_up(ServiceMissing(f"{program} is not installed; it comes with RabbitMQ"))
    done = subprocess.run([program, "help", name], capture_output=True, text=True, check=False, timeout=60.0)
    assert done.returncode == 0, f"{program} {name}: {done.stdout}{done.stderr}"
