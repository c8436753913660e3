"""The connection an application publishes through, with its I/O thread and the process they belong to.

Not here: publishing (`publishing.py`), and when another link is made (`app.py`).
"""

from __future__ import annotations

import os

from warren.config import BrokerSettings
from warren.observability.events import EventBus
from warren.transport.connection import Connection, State
from warren.transport.io_thread import IoThread

__all__ = ["PublishLink"]


class PublishLink:
    """Connects at once, in the background, until `close`."""

    def __init__(self, name: str, broker: BrokerSettings, bus: EventBus) -> None:
        self._pid = os.getpid()
        self._io = IoThread(f"{name}-publish-io")
        self.connection = Connection(broker, io=self._io, bus=bus, name=f"{name} publisher")
        self.connection.start()

    @property
    def is_own(self) -> bool:
        """Whether it was made in this process: of a fork, a child has the object without its thread."""
        return self._pid == os.getpid()

    @property
    def is_usable(self) -> bool:
        """Whether it can be published through."""
        # On its own thread it cannot be replaced; whoever publishes there is refused anyway.
        return self.is_own and (self.connection.state is not State.CLOSED or self._io.is_current)

    def close(self) -> None:
        """Close the connection and end the thread."""
        self.connection.close()
        self._io.stop()
