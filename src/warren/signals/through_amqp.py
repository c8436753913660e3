"""Sees queues over AMQP alone, where there is no management API: how many messages wait, and how many consumers.

Not here: the calls (`transport/declare.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from warren.errors import TopologyMissing
from warren.signals.samples import BrokerSample, QueueSample
from warren.signals.seen import Seen, missing
from warren.topology.naming import dead_letter_queue
from warren.transport.connection import Connection
from warren.transport.declare import ChannelDeclarer, QueueDown

__all__ = ["see_over_amqp"]

_UNSEEN: Final = (
    "unacked messages, rates, redeliveries, prefetch and alarms: AMQP tells only how many messages are ready, and how "
    "many consumers there are"
)


def see_over_amqp(
    connection: Connection,
    queues: Iterable[str],
    *,
    beside: Iterable[str] = (),
    may_be_missing: bool = False,
    timeout: float = 10.0,
) -> Seen:
    """Count the messages of queues, of their dead-letter queues, and of those `beside` them that there are.

    Raises `BrokerUnavailable`, and `TopologyMissing` where a queue is not there, or tells of it in `unknown` if it may
    be. A queue whose node is down is told in `unknown`.
    """
    declarer = ChannelDeclarer(connection, timeout=timeout)
    wanted = tuple(dict.fromkeys(queues))
    found: dict[str, QueueSample] = {}
    absent: list[str] = []
    for name in dict.fromkeys([*wanted, *beside, *map(dead_letter_queue, wanted)]):
        try:
            found[name] = _count(declarer, name)
        except QueueDown as down:
            absent.append(str(down))
        except TopologyMissing:
            if name not in wanted:
                continue
            if not may_be_missing:
                raise missing(name) from None
            absent.append(str(missing(name)))
    stream = connection.stream
    told = stream.server_properties if stream is not None else {}
    version, cluster = told.get("version"), told.get("cluster_name")
    return Seen(
        queues=found,
        names=None,
        broker=BrokerSample(version=str(version) if version else None, cluster_name=str(cluster) if cluster else None),
        unknown=(_UNSEEN, *absent),
    )


def _count(declarer: ChannelDeclarer, name: str) -> QueueSample:
    count = declarer.count_queue(name)
    return QueueSample(name=name, ready=count.ready, consumers=count.consumers)
