"""A PostgreSQL server of the test session's own, on a loopback port, with fsync on as in production.

Not here: a system's PostgreSQL service, which is never touched.
"""

from __future__ import annotations

import os
import signal
import subprocess
from types import TracebackType

from tests.services.places import ServiceMissing, postgres_binaries
from tests.services.server import Server, existing_user, unprivileged
from warren.integrations.loopback_ports import free_port

# The server refuses to run as root.
_USERS = ("postgres", "nobody")


class PostgresServer:
    """Started on creation; `url(database)` is a SQLAlchemy URL."""

    def __init__(self) -> None:
        binaries = postgres_binaries()
        self.port = free_port()
        self._server = Server("postgres")
        cluster = self._server.data_dir / "cluster"
        if os.geteuid() == 0:
            os.chown(self._server.data_dir, existing_user(*_USERS).pw_uid, -1)
        drop = unprivileged(*_USERS)
        try:
            initialise = [
                *drop,
                str(binaries / "initdb"),
                "-D",
                str(cluster),
                "-U",
                "warren",
                "-A",
                "trust",
                "--no-sync",
            ]
            done = subprocess.run(initialise, capture_output=True, text=True, check=False, cwd=self._server.data_dir)
            if done.returncode != 0:
                raise ServiceMissing(f"initdb failed: {done.stderr[-1000:]}")
            settings = {"listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": ""}
            options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
            self._server.start([*drop, str(binaries / "postgres"), "-D", str(cluster), *options], self._is_ready)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> PostgresServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://warren:warren@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str) -> None:
        """Run one statement outside of a transaction."""
        import psycopg

        with psycopg.connect(self._administration, autocommit=True) as connection:
            connection.execute(statement.encode())

    def stop(self) -> None:
        """End the server at once, whoever is connected, and remove its data."""
        self._server.stop(signal.SIGQUIT)

    @property
    def _administration(self) -> str:
        return f"host=127.0.0.1 port={self.port} user=warren dbname=postgres connect_timeout=2"

    def _is_ready(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self._administration).close()
        except psycopg.OperationalError:
            return False
        return True
