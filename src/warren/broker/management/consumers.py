"""Consumers: list them all, or those of a virtual host.

Not here: what they are delivered (`model/consumers.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from warren.broker.management.access import entered_vhosts
from warren.broker.management.listing import Json, respond_list
from warren.broker.management.request import Request, Response
from warren.broker.management.routing import Route

if TYPE_CHECKING:
    from warren.broker.model.consumers import Consumer
    from warren.broker.session.connection import Connection

__all__ = ["ROUTES", "consumer_json"]


def consumer_json(request: Request, connection: Connection, consumer: Consumer) -> Json:
    """Return a consumer as the API shows it, here and with its queue and its channel."""
    queue, number = consumer.queue, consumer.channel.number
    timeout = queue.settings.consumer_timeout or request.node.config.consumer_timeout
    return {
        "arguments": dict(consumer.arguments),
        "ack_required": not consumer.no_ack,
        "active": consumer.active,
        "activity_status": _status(consumer),
        "channel_details": {
            "connection_name": connection.name,
            "name": f"{connection.name} ({number})",
            "node": request.node.config.node_name,
            "number": number,
            "peer_host": connection.peer.peer_host,
            "peer_port": connection.peer.peer_port,
            "user": connection.user,
        },
        "consumer_tag": consumer.tag,
        "consumer_timeout": int(timeout * 1000),
        "exclusive": consumer.exclusive,
        "prefetch_count": consumer.prefetch,
        "queue": {"name": queue.name, "vhost": queue.vhost.name},
    }


def _status(consumer: Consumer) -> str:
    if not consumer.active:
        return "waiting"
    return "single_active" if consumer.queue.settings.single_active else "up"


def _list(request: Request) -> Response:
    vhosts = {vhost.name for vhost in entered_vhosts(request)}
    found = [
        consumer_json(request, connection, consumer)
        for connection in request.node.connections
        if connection.vhost in vhosts
        for channel in connection.channels.values()
        for consumer in channel.consumers.values()
    ]
    return respond_list(request, found, order=("channel_details.name", "consumer_tag"))


ROUTES: Final = (
    Route("GET", "consumers", _list),
    Route("GET", "consumers/{vhost}", _list),
)
