"""The HTTP API on a loop: where it listens, and the samples it takes.

Not here: the protocol (`server.py`) and the answers (`api.py`).
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Final

from warren.broker.management.api import Api
from warren.broker.management.context import Context, Listener
from warren.broker.management.samples import read_all
from warren.broker.management.server import HttpConnection
from warren.broker.statistics import Statistics
from warren.errors import BrokerUnavailable

if TYPE_CHECKING:
    from warren.broker.node import Node
    from warren.broker.timers import Timer

__all__ = ["ManagementService"]

_BACKLOG: Final = 128


class ManagementService:
    """The HTTP API of one node, on the loop it runs on. `amqp_port` and `tls_port` are where it listens for AMQP."""

    def __init__(self, node: Node, *, amqp_port: int | None = None, tls_port: int | None = None) -> None:
        self._node = node
        self._statistics = Statistics(lambda: read_all(node))
        self._context = Context(node, self._statistics)
        first = "amqp/ssl" if node.config.is_tls_only else "amqp"
        for protocol, port in ((first, amqp_port), ("amqp/ssl", tls_port)):
            if port is not None:
                self._context.listeners.append(Listener(protocol, node.config.host, port))
        self.api = Api(self._context)
        self._listener: asyncio.Server | None = None
        self._timer: Timer | None = None

    async def listen(self, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> int:
        """Listen; return the port. Raises `BrokerUnavailable` when the address cannot be had."""
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(
                lambda: HttpConnection(self.api), host, port, ssl=tls, backlog=_BACKLOG
            )
        except OSError as error:
            raise BrokerUnavailable(
                f"cannot listen on {host}:{port} for the HTTP API: {error.strerror or error}; choose another port"
            ) from error
        bound: int = self._listener.sockets[0].getsockname()[1]
        self._context.listeners.append(Listener("https" if tls else "http", host, bound))
        self._sample()
        return bound

    async def close(self) -> None:
        """Stop listening and sampling."""
        if self._timer is not None:
            self._timer.cancel()
        if self._listener is not None:
            self._listener.close()

    def _sample(self) -> None:
        now = self._node.clock.monotonic()
        self._statistics.sample(now)
        self._timer = self._node.timers.at(now + self._node.config.statistics_interval, self._sample)
        self._node.wake()
