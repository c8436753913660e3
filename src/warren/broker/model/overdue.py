"""Deliveries that are not acknowledged for too long: the channel that has them is closed, as RabbitMQ does.

Not here: closing it (`Sink.fail`).

Nothing is written down for a delivery. The watch notes at each look which delivery tag a channel had reached; so a
delivery is at least as old as the first note that is not before it. That is exact to one interval, as in RabbitMQ.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from warren.broker.model.channel import Channel
    from warren.broker.node import Node

__all__ = ["OverdueWatch"]

_LONGEST_INTERVAL: Final = 60.0
_LOOKS: Final = 10
"""Looks within the node's timeout, at least."""


class OverdueWatch:
    """Looks at the oldest delivery of every channel now and then."""

    __slots__ = ("_channels", "_interval", "_node", "_notes")

    def __init__(self, node: Node, channels: Callable[[], Iterable[Channel]]) -> None:
        self._node = node
        self._channels = channels
        self._interval = min(_LONGEST_INTERVAL, node.config.consumer_timeout / _LOOKS)
        self._notes: dict[Channel, deque[tuple[float, int]]] = {}  # time and tag, of channels with deliveries

    def start(self) -> None:
        """Look every interval, from now on."""
        self._node.timers.after(self._interval, self._fired)

    def _fired(self) -> None:
        self.look()
        self.start()

    def look(self) -> None:
        """Close every channel whose oldest delivery is overdue."""
        now = self._node.clock.monotonic()
        noted, self._notes = self._notes, {}
        for channel in list(self._channels()):
            if not channel.unacked:
                continue
            notes = self._notes[channel] = noted.get(channel, deque())
            notes.append((now, channel.last_tag))
            tag, entry = next(iter(channel.unacked.items()))
            while notes[0][1] < tag:
                notes.popleft()
            timeout = entry.queue.settings.consumer_timeout or self._node.config.consumer_timeout
            if now - notes[0][0] >= timeout:
                channel.sink.fail(406, _explanation(channel.number, timeout))


def _explanation(channel: int, timeout: float) -> str:
    return (
        f"delivery acknowledgement on channel {channel} timed out. Timeout value used: {round(timeout * 1000)} ms. "
        "This timeout value can be configured, see consumers doc guide to learn more"
    )
