"""What exists on the broker for an application: exchanges, queues and bindings as values, and plans to get there.

Not here: any connection. Reading and declaring go through ports (`apply.py`) that other layers implement.
"""

from warren.topology.arguments import exchange_arguments, queue_arguments
from warren.topology.consumer import consumer_topology
from warren.topology.duration import format_duration, parse_duration
from warren.topology.model import (
    DEFAULT_EXCHANGE,
    Binding,
    DestinationKind,
    Exchange,
    ExchangeType,
    Headers,
    Match,
    Overflow,
    Queue,
    QueueType,
    Source,
    Topology,
)
from warren.topology.naming import dead_letter_queue, retry_delay, retry_queue

__all__ = [
    "DEFAULT_EXCHANGE",
    "Binding",
    "DestinationKind",
    "Exchange",
    "ExchangeType",
    "Headers",
    "Match",
    "Overflow",
    "Queue",
    "QueueType",
    "Source",
    "Topology",
    "consumer_topology",
    "dead_letter_queue",
    "exchange_arguments",
    "format_duration",
    "parse_duration",
    "queue_arguments",
    "retry_delay",
    "retry_queue",
]
