"""Serves an application over HTTP, on a thread of its own, for as long as a block runs.

Not here: the application (`service.py`), and when the block ends (`cli/dashboard.py`, `cli/demo/`).
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import uvicorn
from starlette.types import ASGIApp

from warren.errors import ConfigurationError

__all__ = ["Serving", "Tls", "serving"]

GRACE: Final = 1  # seconds for what browsers have open, at the end
PROXIES: Final = "FORWARDED_ALLOW_IPS"  # uvicorn's: whose word on where a request came from is believed
_START: Final = 30.0
_TICK: Final = 0.02
MOST_AT_ONCE: Final = 4_000_000
"""Bytes of one message from a browser. A body that somebody has edited comes in one."""


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate and its key, both files of PEM."""

    certificate: Path
    key: Path


@final
class Serving:
    """A server that runs. `address` is where it listens."""

    def __init__(self, address: str, thread: threading.Thread) -> None:
        self.address = address
        self._thread = thread

    @property
    def is_over(self) -> bool:
        """Whether it has ended, by itself."""
        return not self._thread.is_alive()


@contextmanager
def serving(app: ASGIApp, *, host: str, port: int, prefix: str = "", tls: Tls | None = None) -> Iterator[Serving]:
    """Serve while the block runs; port 0 takes a free one. At the end sockets get a moment, and are closed then.

    Raises `ConfigurationError` where the address cannot be had, or the certificate cannot be used.
    """
    listening = _listen(host, port)
    with listening:
        server = _Server(_config(app, tls))
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listening]}, name="warren-dashboard-http", daemon=True
        )
        thread.start()
        _wait_until_started(server, thread)
        shown = f"[{host}]" if ":" in host else host
        scheme = "http" if tls is None else "https"
        try:
            yield Serving(f"{scheme}://{shown}:{listening.getsockname()[1]}{prefix}/", thread)
        finally:
            server.should_exit = True
            thread.join(GRACE + 5.0)


class _Server(uvicorn.Server):
    """Leaves signals to the thread that has them."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _not_had(host, port, error) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise _not_had(host, port, error) from error
    return listening


def _not_had(host: str, port: int, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"cannot serve the dashboard on {host}:{port}: {error.strerror or error}; choose another --port or --host"
    )


def _config(app: ASGIApp, tls: Tls | None) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(os.environ.get(PROXIES)),  # else anybody here could say to come from anywhere
        timeout_graceful_shutdown=GRACE,
        ws_max_size=MOST_AT_ONCE,
        ssl_certfile=None if tls is None else str(tls.certificate),
        ssl_keyfile=None if tls is None else str(tls.key),
    )
    try:
        config.load()
    except OSError as error:  # among them ssl.SSLError
        raise ConfigurationError(f"the certificate or its key cannot be used: {error.strerror or error}") from error
    return config


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START
    while not server.started and thread.is_alive() and time.monotonic() < deadline:
        thread.join(_TICK)
    if not server.started:
        server.should_exit = True
        raise ConfigurationError("the dashboard did not start; what was logged says why")
