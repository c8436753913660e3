"""Where the services are found on this machine, and what to say where one is missing.

Not here: installing them (install.py).
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from warren.errors import ConfigurationError
from warren.integrations.rabbitmq_installation import find_installation

REPOSITORY = Path(__file__).resolve().parents[2]
SERVICES = Path(os.environ.get("WARREN_SERVICES") or REPOSITORY / ".services").resolve()


class ServiceMissing(Exception):
    """A server the tests need is not installed, or cannot be run here; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Release:
    """A RabbitMQ release the tests run on, and the Debian suite that packages it."""

    series: str  # "3.10"
    suite: str

    @property
    def folder(self) -> Path:
        """Where a Debian system with this release is kept, on a machine whose own RabbitMQ is another."""
        return SERVICES / f"debian-{self.suite}-rabbitmq"

    def is_own(self) -> bool:
        """Whether the RabbitMQ installed on this machine is of this series."""
        try:
            return find_installation().version.startswith(f"{self.series}.")
        except ConfigurationError:
            return False

    def root(self) -> Path | None:
        """Return what a RabbitmqNode takes as `root`: None for the machine's own installation."""
        if self.is_own():
            return None
        if self.folder.is_dir():
            return self.folder
        raise ServiceMissing(
            f"there is no RabbitMQ {self.series}; as root, `make services` makes a Debian {self.suite} folder with it"
        )


RELEASES = {release.series: release for release in (Release("3.10", "bookworm"), Release("4.0", "trixie"))}


def postgres_binaries() -> Path:
    """Return the newest folder with PostgreSQL's server programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    raise ServiceMissing("PostgreSQL is not installed; install it with: apt-get install postgresql")


def redis_server() -> Path:
    """Return Redis's server program."""
    found = shutil.which("redis-server")
    if found:
        return Path(found)
    raise ServiceMissing("Redis is not installed; install it with: apt-get install redis-server")


def prometheus() -> Path:
    """Return Prometheus's server program; `promtool` comes with it."""
    found = shutil.which("prometheus")
    if found and shutil.which("promtool"):
        return Path(found)
    raise ServiceMissing("Prometheus is not installed; install it with: apt-get install prometheus")


def openssl() -> Path:
    """Return the program that makes the certificates of the TLS tests."""
    found = shutil.which("openssl")
    if found:
        return Path(found)
    raise ServiceMissing("openssl is not installed; install it with: apt-get install openssl")


ASYNCAPI_SPECS = "6.11.1"


def asyncapi_schema() -> Path:
    """Return the JSON Schema of AsyncAPI 3.0.0 documents, as the npm package @asyncapi/specs has it."""
    found = SERVICES / f"asyncapi-specs-{ASYNCAPI_SPECS}" / "3.0.0.json"
    if found.is_file():
        return found
    raise ServiceMissing("the schema of AsyncAPI is not here; fetch it with: make services (it takes npm)")


def chromium() -> Path:
    """Return the browser that the dashboard's tests drive."""
    found = shutil.which("chromium")
    if found:
        return Path(found)
    raise ServiceMissing("Chromium is not installed; install it with: apt-get install chromium")


AXE = "4.14.1"


def axe() -> Path:
    """Return the script that looks for accessibility violations in a page, as the npm package axe-core has it."""
    found = SERVICES / f"axe-core-{AXE}" / "axe.min.js"
    if found.is_file():
        return found
    raise ServiceMissing("axe-core is not here; fetch it with: make services (it takes npm)")
