"""A connection of a command's own, open while the command works.

Not here: what is done with it (`lease.py`), or how it recovers (`transport/connection.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from warren.config import BrokerSettings
from warren.observability.events import EventBus
from warren.transport.connection import Connection
from warren.transport.io_thread import IoThread

__all__ = ["open_connection"]

TIMEOUT: Final = 10.0


@contextmanager
def open_connection(settings: BrokerSettings, name: str, *, timeout: float = TIMEOUT) -> Iterator[Connection]:
    """Open a connection on an I/O thread of its own; close both at the end. `name` is what the broker shows.

    Raises `BrokerUnavailable` after `timeout` seconds, and `BrokerRefused` at once.
    """
    io = IoThread(f"{name}-io")
    connection = Connection(settings, io=io, bus=EventBus(), name=name)
    connection.start()
    try:
        connection.wait_open(timeout)
        yield connection
    finally:
        connection.close()
        io.stop()
