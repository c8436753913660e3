"""A whole broker on a loop: storage, node, AMQP server, HTTP API, and the watch on memory.

Not here: the thread (`embedded.py`) or the process (`warren.cli.broker`) it runs in.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

from warren.broker.memory import memory_limit, resident_memory
from warren.broker.node import Node
from warren.broker.server import Server
from warren.broker.settings import BrokerConfig
from warren.clock import Clock, SystemClock

if TYPE_CHECKING:
    from warren.broker.storage.port import Storage

__all__ = ["RunningBroker", "new_event_loop", "running"]

_LOOK_EVERY: Final = 0.1
"""Seconds between two looks at the memory."""


class RunningBroker:
    """What `running` yields: the node, and where it listens."""

    def __init__(self, node: Node, server: Server, management_port: int | None) -> None:
        self.node = node
        self.server = server
        self.management_port = management_port

    @property
    def port(self) -> int:
        return self.server.port


@contextlib.asynccontextmanager
async def running(config: BrokerConfig, clock: Clock | None = None) -> AsyncIterator[RunningBroker]:
    """Run a broker on the current loop while the block runs; what is stored is flushed at its end.

    Raises `BrokerUnavailable` for an address that cannot be had, and `ConfigurationError` for what cannot be used.
    """
    chosen = clock or SystemClock()
    node = Node(config, _open_storage(config, chosen), chosen)
    try:
        node.start()
        _import_definitions(node)
        server = Server(node)
        await server.listen()
    except BaseException:
        node.close()  # It knows what was redelivered before, and must stay so.
        raise
    async with contextlib.AsyncExitStack() as ends:
        ends.callback(node.close)
        ends.push_async_callback(server.close)
        watch = asyncio.create_task(_watch_memory(node))
        ends.callback(watch.cancel)
        management_port = None
        if config.management_port is not None:
            from warren.broker.management.service import ManagementService

            management = ManagementService(node, amqp_port=server.port, tls_port=server.tls_port)
            ends.push_async_callback(management.close)
            management_port = await management.listen(config.host, config.management_port)
        yield RunningBroker(node, server, management_port)


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a uvloop loop where there is uvloop."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def _open_storage(config: BrokerConfig, clock: Clock) -> Storage:
    if config.data is None:
        from warren.broker.storage.memory import MemoryStorage

        return MemoryStorage()
    from warren.broker.storage.journal import Journal

    return Journal(
        config.data,
        clock=clock,
        call_soon_threadsafe=asyncio.get_running_loop().call_soon_threadsafe,
        disk_free_limit=config.disk_free_limit,
    )


def _import_definitions(node: Node) -> None:
    if node.config.definitions is not None:
        from warren.broker.definitions import import_file

        import_file(node, node.config.definitions)


async def _watch_memory(node: Node) -> Any:
    limit = memory_limit(node.config.memory_limit)
    is_short = False
    while True:
        used = resident_memory()
        if (used > limit) is not is_short:
            is_short = not is_short
            node.set_alarm("memory", f"{used} bytes resident, {limit} allowed" if is_short else None)
        await asyncio.sleep(_LOOK_EVERY)
