"""Channels: list and read.

Not here: their connections (`connections.py`) and consumers (`consumers.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from warren.broker.management.connections import find_connection, visible_connections
from warren.broker.management.consumers import consumer_json
from warren.broker.management.listing import Json, respond_list, respond_one
from warren.broker.management.rates import message_stats
from warren.broker.management.request import Refusal, Request, Response
from warren.broker.management.routing import Route
from warren.broker.management.samples import channel_messages
from warren.broker.settings import Profile

if TYPE_CHECKING:
    from warren.broker.model.channel import Channel
    from warren.broker.session.connection import Connection

__all__ = ["ROUTES"]

_Pairs = Iterator[tuple["Connection", "Channel"]]


def _pairs(connections: Iterable[Connection]) -> _Pairs:
    for connection in connections:
        for channel in connection.channels.values():
            yield connection, channel


def _channel_json(request: Request, connection: Connection, channel: Channel) -> Json:
    name = f"{connection.name} ({channel.number})"
    transaction = channel.transaction
    return {
        "acks_uncommitted": sum(len(taken) for _, taken in transaction.settlements) if transaction else 0,
        "confirm": channel.confirming,
        "connection_details": {
            "name": connection.name,
            "peer_host": connection.peer.peer_host,
            "peer_port": connection.peer.peer_port,
        },
        "consumer_count": len(channel.consumers),
        **message_stats(request, ("channel", name), channel_messages(channel)),
        "messages_unacknowledged": len(channel.unacked),
        "messages_uncommitted": len(transaction.publishes) if transaction else 0,
        "messages_unconfirmed": channel.unconfirmed,
        "name": name,
        "node": request.node.config.node_name,
        "number": channel.number,
        "pending_raft_commands": 0,
        "prefetch_count": channel.prefetch_count,
        **_of_3_10(request, channel),
        "state": "running",
        "transactional": transaction is not None,
        "user": connection.user,
        "user_who_performed_action": connection.user,
        "vhost": connection.vhost,
    }


def _of_3_10(request: Request, channel: Channel) -> Json:
    if request.node.config.profile is Profile.RABBITMQ_3_10:
        return {"global_prefetch_count": channel.prefetch_count_global}
    return {}


def _respond(request: Request, found: _Pairs) -> Response:
    return respond_list(request, [_channel_json(request, *one) for one in found], order=("vhost", "name"), paged=True)


# -- handlers -----------------------------------------------------------------------------


def _list(request: Request) -> Response:
    return _respond(request, _pairs(visible_connections(request)))


def _list_of_connection(request: Request) -> Response:
    return _respond(request, _pairs([find_connection(request)]))


def _read(request: Request) -> Response:
    for connection, channel in _pairs(visible_connections(request)):
        if f"{connection.name} ({channel.number})" == request.path["channel"]:
            consumers = [consumer_json(request, connection, one) for one in channel.consumers.values()]
            more = {"consumer_details": consumers, "deliveries": [], "publishes": []}
            return respond_one(request, _channel_json(request, connection, channel) | more)
    raise Refusal.missing()


ROUTES: Final = (
    Route("GET", "channels", _list),
    Route("GET", "channels/{channel}", _read),
    Route("GET", "connections/{connection}/channels", _list_of_connection),
    Route("GET", "vhosts/{vhost}/channels", _list),
)
