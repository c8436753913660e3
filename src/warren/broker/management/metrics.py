"""Metrics in Prometheus' text format, by the names of RabbitMQ's plugin.

Not here: the same counters as JSON (`overview.py`, `queues.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from warren.broker.management.request import Response
from warren.broker.management.samples import queue_depths, sum_counters, traffic, vhost_messages
from warren.broker.management.usage import free_disk_space, most_files, open_files
from warren.broker.memory import memory_limit, resident_memory

if TYPE_CHECKING:
    from warren.broker.management.context import Context
    from warren.broker.node import Node

__all__ = ["read"]

_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class _Metric(NamedTuple):
    name: str
    kind: Literal["counter", "gauge", "untyped"]
    help: str
    value: float
    labels: str = ""


_CHANNEL: Final = "rabbitmq_channel_"
_GLOBAL: Final = "rabbitmq_global_messages_"
_MESSAGES: Final = {
    "publish": ("messages_published", "received", "Messages published"),
    "confirm": ("messages_confirmed", "confirmed", "Messages confirmed to publishers"),
    "return_unroutable": ("messages_unroutable_returned", "unroutable_returned", "Mandatory messages returned"),
    "drop_unroutable": ("messages_unroutable_dropped", "unroutable_dropped", "Messages dropped as unroutable"),
    "deliver": ("messages_delivered_ack", "delivered_consume_manual_ack", "Messages delivered, to be acknowledged"),
    "deliver_no_ack": ("messages_delivered", "delivered_consume_auto_ack", "Messages delivered and settled by it"),
    "get": ("get_ack", "delivered_get_manual_ack", "Messages taken with basic.get, to be acknowledged"),
    "get_no_ack": ("get", "delivered_get_auto_ack", "Messages taken with basic.get and settled by it"),
    "ack": ("messages_acked", "acknowledged", "Messages acknowledged"),
    "redeliver": ("messages_redelivered", "redelivered", "Messages delivered again"),
}
"""By the management API's names: the names of channels' metrics, of global ones, and what they count."""

_CHURN: Final = {
    "connection_created": ("rabbitmq_connections_opened_total", "Connections opened"),
    "connection_closed": ("rabbitmq_connections_closed_total", "Connections closed"),
    "channel_created": ("rabbitmq_channels_opened_total", "Channels opened"),
    "channel_closed": ("rabbitmq_channels_closed_total", "Channels closed"),
    "queue_declared": ("rabbitmq_queues_declared_total", "Queues declared"),
    "queue_created": ("rabbitmq_queues_created_total", "Queues created"),
    "queue_deleted": ("rabbitmq_queues_deleted_total", "Queues deleted"),
}


def read(context: Context) -> Response:
    """Return all metrics. As in RabbitMQ's plugin no login is asked for."""
    lines = [_identity(context)]
    for metric in _metrics(context.node):
        lines.append(f"# TYPE {metric.name} {metric.kind}\n# HELP {metric.name} {metric.help}")
        lines.append(f"{metric.name}{metric.labels} {float(metric.value):.15g}")
    return Response(200, ("\n".join(lines) + "\n").encode("utf-8", "replace"), {"content-type": _TYPE})


def _identity(context: Context) -> str:
    config = context.node.config
    labels = {
        "rabbitmq_node": config.node_name,
        "rabbitmq_cluster": context.cluster_name,
        "rabbitmq_version": config.profile.version,
        "product_name": "Warren",
    }
    name = "rabbitmq_identity_info"
    told = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels.items())
    build = f'rabbitmq_build_info{{rabbitmq_version="{config.profile.version}",product_name="Warren"}} 1'
    return (
        f"# TYPE {name} untyped\n# HELP {name} RabbitMQ node & cluster identity info\n{name}{{{told}}} 1\n"
        f"# TYPE rabbitmq_build_info untyped\n# HELP rabbitmq_build_info Version info\n{build}"
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _metrics(node: Node) -> Iterator[_Metric]:
    for name, (text, value) in {**_object_gauges(node), **_node_gauges(node)}.items():
        yield _Metric(name, "gauge", text, value)
    for name, resource in (("memory_used_watermark", "memory"), ("free_disk_space_watermark", "disk")):
        yield _Metric(f"rabbitmq_alarms_{name}", "untyped", f"1 while {resource} is short", resource in node.alarms)
    received, sent = traffic(node.connections)
    yield _Metric("rabbitmq_connection_incoming_bytes_total", "counter", "Bytes received", received)
    yield _Metric("rabbitmq_connection_outgoing_bytes_total", "counter", "Bytes sent", sent)
    messages = sum_counters(vhost_messages(vhost) for vhost in node.vhosts.values())
    for counter, (of_channels, of_all, text) in _MESSAGES.items():
        yield _Metric(f"{_CHANNEL}{of_channels}_total", "counter", text, messages[counter])
        yield _Metric(f"{_GLOBAL}{of_all}_total", "counter", text, messages[counter], '{protocol="amqp091"}')
    churn = node.churn.counters()
    for counter, (name, text) in _CHURN.items():
        yield _Metric(name, "counter", text, churn[counter])


def _object_gauges(node: Node) -> dict[str, tuple[str, float]]:
    queues = [queue for vhost in node.vhosts.values() for queue in vhost.queues.values()]
    channels = [channel for one in node.connections for channel in one.channels.values()]
    depths = queue_depths(queues)
    return {
        "rabbitmq_connections": ("Connections currently open", len(node.connections)),
        "rabbitmq_channels": ("Channels currently open", len(channels)),
        "rabbitmq_consumers": ("Consumers currently connected", sum(queue.consumer_count for queue in queues)),
        "rabbitmq_queues": ("Queues available", len(queues)),
        "rabbitmq_queue_messages": ("Messages ready or unacknowledged", depths["messages"]),
        "rabbitmq_queue_messages_ready": ("Messages ready to be delivered", depths["messages_ready"]),
        "rabbitmq_queue_messages_unacked": ("Messages delivered, not settled", depths["messages_unacknowledged"]),
        "rabbitmq_queue_messages_ready_bytes": ("Bytes of ready messages", sum(one.ready_bytes for one in queues)),
        "rabbitmq_queue_messages_unacked_bytes": (
            "Bytes of unacknowledged messages",
            sum(one.unacked_bytes for one in queues),
        ),
        "rabbitmq_channel_messages_unacked": (
            "Messages unacknowledged on channels",
            sum(len(channel.unacked) for channel in channels),
        ),
        "rabbitmq_channel_messages_unconfirmed": (
            "Messages published, not confirmed",
            sum(channel.unconfirmed for channel in channels),
        ),
    }


def _node_gauges(node: Node) -> dict[str, tuple[str, float]]:
    limit = memory_limit(node.config.memory_limit)
    return {
        "rabbitmq_process_resident_memory_bytes": ("Memory used in bytes", resident_memory()),
        "rabbitmq_resident_memory_limit_bytes": ("Memory at which publishers are blocked", limit),
        "rabbitmq_process_open_fds": ("Open file descriptors", open_files()),
        "rabbitmq_process_max_fds": ("Open file descriptors limit", most_files()),
        "rabbitmq_disk_space_available_bytes": ("Disk space available in bytes", free_disk_space(node.config)),
        "rabbitmq_disk_space_available_limit_bytes": (
            "Disk space below which publishers are blocked",
            node.config.disk_free_limit,
        ),
        "rabbitmq_erlang_uptime_seconds": ("Seconds the node runs", node.clock.now() - node.started_at),
    }
