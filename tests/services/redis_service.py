"""A Redis server of the test session's own, on a loopback port, in memory only.

Not here: a system's Redis service, which is never touched.
"""

from __future__ import annotations

import socket
from types import TracebackType

from tests.services.places import redis_server
from tests.services.server import Server
from warren.integrations.loopback_ports import free_port


class RedisService:
    """Started on creation; `url(number)` is the URL of one of its 16 databases."""

    def __init__(self) -> None:
        program = redis_server()
        self.port = free_port()
        self._server = Server("redis")
        where = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._server.data_dir)]
        try:
            self._server.start([str(program), *where, "--save", "", "--appendonly", "no"], self._is_ready)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> RedisService:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def url(self, number: int) -> str:
        """Return the URL of database `number`."""
        return f"redis://127.0.0.1:{self.port}/{number}"

    def flush(self) -> None:
        """Empty all databases."""
        self._call(b"FLUSHALL")

    def stop(self) -> None:
        """End the server."""
        self._server.stop()

    def _is_ready(self) -> bool:
        try:
            return self._call(b"PING").startswith(b"+PONG")
        except OSError:
            return False

    def _call(self, command: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5.0) as connection:
            connection.sendall(command + b"\r\n")
            return connection.recv(64)
