"""Connections: list, read, close.

Not here: their channels (`channels.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from warren.broker.management.access import Need, entered_vhosts, is_administrator, is_monitor
from warren.broker.management.listing import Json, respond_list, respond_one
from warren.broker.management.rates import with_details
from warren.broker.management.request import NO_CONTENT, Refusal, Request, Response
from warren.broker.management.routing import Route

if TYPE_CHECKING:
    from warren.broker.session.connection import Connection

__all__ = ["ROUTES", "find_connection", "visible_connections"]

_DEFAULT_REASON: Final = "Closed via management plugin"
_NO_TLS: Final = (
    "peer_cert_issuer",
    "peer_cert_subject",
    "peer_cert_validity",
    "ssl_cipher",
    "ssl_hash",
    "ssl_key_exchange",
    "ssl_protocol",
)


def visible_connections(request: Request) -> Iterator[Connection]:
    """The connections the user may see: monitors see all, others their own."""
    vhosts = {vhost.name for vhost in entered_vhosts(request)} if "vhost" in request.path else None
    for connection in request.node.connections:
        is_own = is_monitor(request.user) or connection.user == request.user.name
        if is_own and (vhosts is None or connection.vhost in vhosts):
            yield connection


def find_connection(request: Request) -> Connection:
    """Return the connection of the path. Raises 404, and 401 where it is another user's."""
    for connection in request.node.connections:
        if connection.name == request.path["connection"]:
            if not (is_monitor(request.user) or connection.user == request.user.name):
                raise Refusal.unauthorised("User not authorised to access object")
            return connection
    raise Refusal.missing()


def _connection_json(request: Request, connection: Connection) -> Json:
    peer = connection.peer
    octets = {"recv_oct": connection.bytes_received, "send_oct": connection.bytes_sent}
    series = request.context.statistics.of(("connection", connection.name))
    return {
        "auth_mechanism": connection.mechanism,
        "channel_max": connection.channel_max,
        "channels": len(connection.sessions),
        "client_properties": dict(connection.client_properties),
        "connected_at": int(connection.connected_at * 1000),
        "frame_max": connection.frame_max,
        "host": peer.host,
        "name": connection.name,
        "node": request.node.config.node_name,
        "peer_host": peer.peer_host,
        "peer_port": peer.peer_port,
        "port": peer.port,
        "protocol": connection.protocol,
        "send_pend": connection.out_bytes,
        "ssl": peer.ssl,
        "state": "blocked" if connection.is_blocked else "running",
        "timeout": connection.timeout,
        "type": "network",
        "user": connection.user,
        "user_who_performed_action": connection.user,
        "vhost": connection.vhost,
        **dict.fromkeys(_NO_TLS),
        **with_details(request, series, octets, age="data_rates"),
    }


# -- handlers -----------------------------------------------------------------------------


def _list(request: Request) -> Response:
    found = [_connection_json(request, one) for one in visible_connections(request)]
    return respond_list(request, found, order=("vhost", "name"), paged=True)


def _read(request: Request) -> Response:
    return respond_one(request, _connection_json(request, find_connection(request)))


def _close(request: Request) -> Response:
    connection = find_connection(request)
    if connection.user != request.user.name and not is_administrator(request.user):
        raise Refusal.unauthorised("User not authorised to access object")
    connection.close_by_operator(request.headers.get("x-reason") or _DEFAULT_REASON)
    return NO_CONTENT


def _of_user(request: Request) -> list[Connection]:
    return [one for one in visible_connections(request) if one.user == request.path["user"]]


def _list_of_user(request: Request) -> Response:
    node = request.node.config.node_name
    found = [{"name": one.name, "vhost": one.vhost, "user": one.user, "node": node} for one in _of_user(request)]
    return respond_list(request, found, order=("vhost", "name"))


def _close_of_user(request: Request) -> Response:
    for connection in _of_user(request):
        connection.close_by_operator(request.headers.get("x-reason") or _DEFAULT_REASON)
    return NO_CONTENT


ROUTES: Final = (
    Route("GET", "connections", _list),
    Route("GET", "connections/{connection}", _read),
    Route("DELETE", "connections/{connection}", _close),
    Route("GET", "connections/username/{user}", _list_of_user),
    Route("DELETE", "connections/username/{user}", _close_of_user, Need.ADMINISTRATOR),
    Route("GET", "vhosts/{vhost}/connections", _list),
)
