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
from warren.transport.declare import ChannelDeclarer

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
    be.
    """
    declarer = ChannelDeclarer(connection, timeout=timeout)
    wanted = tuple(dict.fromkeys(queues))
    found: dict[str, QueueSample] = {}
    absent: list[str] = []
    for name in wanted:
        sample = _count(declarer, name)
        if sample is not None:
            found[name] = sample
        elif may_be_missing:
            absent.append(str(missing(name)))
        else:
            raise missing(name)
    for name in dict.fromkeys([*beside, *map(dead_letter_queue, wanted)]):
        if name not in found and (sample := _count(declarer, name)) is not None:
            found[name] = sample
    stream = connection.stream
    told = stream.server_properties if stream is not None else {}
    version, cluster = told.get("version"), told.get("cluster_name")
    return Seen(
        queues=found,
        names=None,
        broker=BrokerSample(version=str(version) if version else None, cluster_name=str(cluster) if cluster else None),
        unknown=(_UNSEEN, *absent),
    )


def _count(declarer: ChannelDeclarer, name: str) -> QueueSample | None:
    try:
        count = declarer.count_queue(name)
    except TopologyMissing:
        return None
    return QueueSample(name=name, ready=count.ready, consumers=count.consumers)
