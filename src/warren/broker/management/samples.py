"""What is counted in the model, by the names of RabbitMQ; and all of it at once, for the samples.

Not here: rates (`statistics.py`, `rates.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from warren.broker.memory import resident_memory
from warren.broker.statistics import Key, channel_counters, queue_counters

if TYPE_CHECKING:
    from warren.broker.model.channel import Channel
    from warren.broker.model.exchange import Exchange
    from warren.broker.model.queue import Queue
    from warren.broker.model.vhost import VirtualHost
    from warren.broker.node import Node
    from warren.broker.session.connection import Connection

__all__ = [
    "channel_messages",
    "exchange_messages",
    "queue_depths",
    "queue_messages",
    "read_all",
    "sum_counters",
    "traffic",
    "vhost_messages",
]

_Counters = Mapping[str, int]
_NONE: Final = dict.fromkeys(
    (
        *("publish", "confirm", "return_unroutable", "drop_unroutable"),
        *("ack", "deliver", "deliver_no_ack", "get", "get_no_ack", "deliver_get", "redeliver"),
    ),
    0,
)


def queue_messages(queue: Queue) -> _Counters:
    """What came into a queue and what left it."""
    return {"publish": queue.published, **queue_counters(queue)}


def exchange_messages(exchange: Exchange) -> _Counters:
    """What was published to an exchange, and how often it went to a queue."""
    return {"publish_in": exchange.published_in, "publish_out": exchange.published_out}


def channel_messages(channel: Channel) -> _Counters:
    """What was published on a channel, and delivered on it."""
    return {**channel_counters(channel), "deliver_get": channel.last_tag}


def vhost_messages(vhost: VirtualHost) -> _Counters:
    """What was published in a virtual host, and what left its queues, since the node started."""
    return _vhost_messages(vhost, map(queue_counters, vhost.queues.values()))


def _vhost_messages(vhost: VirtualHost, of_queues: Iterable[_Counters]) -> _Counters:
    of_channels = (
        channel_counters(channel)
        for connection in vhost.node.connections
        if connection.vhost == vhost.name
        for channel in connection.channels.values()
    )
    return sum_counters((vhost.past, _NONE, *of_channels, *(one for one in of_queues if one["deliver_get"])))


def queue_depths(queues: Iterable[Queue]) -> _Counters:
    """The messages that lie in queues now."""
    ready = unacked = 0
    for queue in queues:
        ready += queue.ready_count
        unacked += queue.unacked_count
    return {"messages": ready + unacked, "messages_ready": ready, "messages_unacknowledged": unacked}


def traffic(connections: Iterable[Connection]) -> tuple[int, int]:
    """The bytes that connections received and sent."""
    received = sent = 0
    for connection in connections:
        received += connection.bytes_received
        sent += connection.bytes_sent
    return received, sent


def sum_counters(all_counters: Iterable[_Counters]) -> _Counters:
    """Add counters of the same names up."""
    total: Counter[str] = Counter()
    for counters in all_counters:
        total.update(counters)
    return total


# -- everything ---------------------------------------------------------------------------


def read_all(node: Node) -> Iterator[tuple[Key, _Counters]]:
    """All counters of a node, each thing under its key."""
    totals, depths = [], []
    for vhost in node.vhosts.values():
        queues = {queue: queue_counters(queue) for queue in vhost.queues.values()}
        for queue, counters in queues.items():
            yield ("queue", vhost.name, queue.name), {"publish": queue.published, **counters, **queue_depths((queue,))}
        for exchange in vhost.exchanges.values():
            yield ("exchange", vhost.name, exchange.name), exchange_messages(exchange)
        totals.append(_vhost_messages(vhost, queues.values()))
        depths.append(queue_depths(vhost.queues.values()))
        received, sent = traffic(one for one in node.connections if one.vhost == vhost.name)
        yield ("vhost", vhost.name), totals[-1]
        yield ("vhost depths", vhost.name), depths[-1]
        yield ("vhost traffic", vhost.name), {"recv_oct": received, "send_oct": sent}
    yield from _read_connections(node)
    yield ("overview",), sum_counters(totals)
    yield ("overview depths",), sum_counters(depths)
    yield ("churn",), node.churn.counters()
    yield ("node",), {"mem_used": resident_memory(), "sockets_used": len(node.connections)}


def _read_connections(node: Node) -> Iterator[tuple[Key, _Counters]]:
    for connection in node.connections:
        octets = {"recv_oct": connection.bytes_received, "send_oct": connection.bytes_sent}
        yield ("connection", connection.name), octets
        for channel in connection.channels.values():
            yield ("channel", f"{connection.name} ({channel.number})"), channel_messages(channel)
