"""Serves a registry over HTTP at `/metrics`.

Not here: what is in it.
"""

from __future__ import annotations

from types import TracebackType
from typing import Final

from prometheus_client import CollectorRegistry, start_http_server

from warren.errors import ConfigurationError

__all__ = ["MetricsServer"]

LOOPBACK: Final = "127.0.0.1"


class MetricsServer:
    """Serves while its block runs, each scrape on a thread of its own. Port 0 takes a free one.

    Raises `ConfigurationError` where the port cannot be had.
    """

    def __init__(self, registry: CollectorRegistry, port: int, *, host: str = LOOPBACK) -> None:
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except OSError as error:
            raise ConfigurationError(
                f"cannot serve metrics on {host}:{port}: {error.strerror or error}; choose another port or host"
            ) from error
        self.port = int(self._server.server_address[1])

    def __enter__(self) -> MetricsServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
