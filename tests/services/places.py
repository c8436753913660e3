"""Where the services are found on this machine, and what to say where one is missing.

Not here: installing them (install.py).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SERVICES = Path(os.environ.get("WARREN_SERVICES") or REPOSITORY / ".services")

# RabbitMQ 4.0 comes with Debian 13: a folder with that system, run with chroot.
DEBIAN_13 = SERVICES / "debian-13-rabbitmq"
POSTGRES_BINARIES = Path("/usr/lib/postgresql")


class ServiceMissing(Exception):
    """A server the tests need is not installed, or cannot be run here; the text says what to do."""


def postgres_binaries() -> Path:
    """Return the newest folder with PostgreSQL's server programs."""
    found = sorted(POSTGRES_BINARIES.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3].split(".")[0]))
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


def debian_13() -> Path:
    """Return the Debian 13 folder with RabbitMQ 4.0."""
    if not DEBIAN_13.is_dir():
        raise ServiceMissing(
            "there is no Debian 13 folder with RabbitMQ 4.0; as root, `python -m tests.services.install` makes it"
        )
    return DEBIAN_13
