"""Faults on demand, for tests: lost connections, refused and late confirms, an alarm.

Not here: how a test reaches the broker's thread (`embedded.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warren.broker.node import Node
    from warren.broker.session.connection import Connection

__all__ = ["Faults"]

_ALARM = "memory"


class Faults:
    """What goes wrong next at one node. Call it on the broker's thread: `broker.call(lambda node: node.faults…)`."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._drops_before = 0
        self._drops_after = 0
        self._nacks = 0
        self._late: list[tuple[Connection, bytes]] = []  # confirms held back, in order
        self._delay = 0.0
        self.is_idle = True  # nothing is to go wrong; looked at with every publish

    def __repr__(self) -> str:
        return f"<Faults {self._drops_before + self._drops_after} drops, {self._nacks} nacks to come>"

    # -- what tests ask for ----------------------------------------------------------------

    def drop_connections(self) -> None:
        """Cut all connections now, as a network does."""
        for connection in list(self._node.connections):
            connection.cut()

    def drop_before_confirm(self, times: int = 1) -> None:
        """Cut the connection instead of sending the next confirm: the message is safe, its publisher does not know."""
        self._drops_before += times
        self._look()

    def drop_after_confirm(self, times: int = 1) -> None:
        """Cut the connection right after the next confirm."""
        self._drops_after += times
        self._look()

    def nack(self, times: int = 1) -> None:
        """Refuse the next publishes: none of them reaches a queue, and each is nacked."""
        self._nacks += times
        self._look()

    def delay_confirms(self, seconds: float) -> None:
        """Send each confirm that many seconds late, by the broker's clock. 0 ends it."""
        self._delay = seconds
        self._look()

    def block(self) -> None:
        """Block connections that publish, as a memory alarm does."""
        self._node.set_alarm(_ALARM, "asked for by a test")

    def unblock(self) -> None:
        """End what `block` began."""
        self._node.set_alarm(_ALARM, None)

    def clear(self) -> None:
        """End everything that was asked for. Confirms that are held back come late as they were to."""
        self._drops_before = self._drops_after = self._nacks = 0
        self._delay = 0.0
        self._look()
        self.unblock()

    # -- what sessions ask -----------------------------------------------------------------

    def refuses_publish(self) -> bool:
        """Whether this publish is to be nacked."""
        if not self._nacks:
            return False
        self._nacks -= 1
        self._look()
        return True

    def takes_confirm(self, connection: Connection, frame: bytes) -> bool:
        """Whether the confirm is dealt with here, and not to be written."""
        if self._drops_before:
            self._drops_before -= 1
            self._look()
            connection.cut()
            return True
        if self._delay:
            self._late.append((connection, frame))
            self._node.timers.at(self._node.clock.monotonic() + self._delay, self._send_late)
            return True
        if self._drops_after:
            self._drops_after -= 1
            self._look()
            connection.write(frame)
            connection.cut(flush=True)
            return True
        return False

    def _look(self) -> None:
        self.is_idle = not (self._drops_before or self._drops_after or self._nacks or self._delay)

    def _send_late(self) -> None:
        connection, frame = self._late.pop(0)
        connection.write(frame)
