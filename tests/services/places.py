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


def openssl() -> Path:
    """Return the program that makes the certificates of the TLS tests."""
    found = shutil.which("openssl")
    if found:
        return Path(found)
    raise ServiceMissing("openssl is not installed; install it with: apt-get install openssl")
