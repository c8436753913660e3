"""Virtual hosts: list, create, describe, delete.

Not here: what is in them, and their limits (`limits.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from warren.broker import parameters
from warren.broker.auth import Permission
from warren.broker.management.access import Need, visible_vhosts
from warren.broker.management.listing import Json, respond_list, respond_one
from warren.broker.management.rates import message_stats, with_details
from warren.broker.management.request import CREATED, NO_CONTENT, Request, Response, bad_request
from warren.broker.management.routing import Route
from warren.broker.management.samples import queue_depths, traffic, vhost_messages
from warren.broker.management.users import tag_list

if TYPE_CHECKING:
    from warren.broker.model.vhost import VirtualHost
    from warren.broker.node import Node

__all__ = ["ROUTES", "describe", "put_vhost"]


_QUEUE_TYPES: Final = ("classic", "quorum", "stream", "undefined")
"""What queues of a virtual host may be that do not say it; the last is RabbitMQ's word for none."""


def describe(node: Node, name: str) -> Json:
    """Return what is told of a virtual host, as the API and definitions show it."""
    metadata = parameters.vhost_metadata(node, name)
    return {
        "name": name,
        "description": metadata["description"],
        "metadata": metadata,
        "tags": metadata["tags"],
        "default_queue_type": metadata["default_queue_type"],
    }


def put_vhost(node: Node, name: str, told: Mapping[str, Any]) -> bool:
    """Create a virtual host, or change what is told of it; return whether it is new. Raises 400."""
    is_new = name not in node.vhosts
    kept = _metadata(told)
    node.add_vhost(name)
    if told or not is_new:
        parameters.put(node, (name, *parameters.METADATA), kept)
    return is_new


def _metadata(told: Mapping[str, Any]) -> Json:
    metadata = told.get("metadata")
    known = {**metadata, **told} if isinstance(metadata, dict) else told
    queue_type = known.get("default_queue_type") or "classic"
    if queue_type not in _QUEUE_TYPES:
        raise bad_request(f"unsupported queue type '{queue_type}'")
    return {
        "description": str(known.get("description") or ""),
        "tags": tag_list(known.get("tags")),
        "default_queue_type": queue_type,
    }


def _vhost_json(request: Request, vhost: VirtualHost) -> Json:
    statistics = request.context.statistics
    depths = queue_depths(vhost.queues.values())
    received, sent = traffic(one for one in request.node.connections if one.vhost == vhost.name)
    octets = with_details(
        request,
        statistics.of(("vhost traffic", vhost.name)),
        {"recv_oct": received, "send_oct": sent},
        age="data_rates",
    )
    return {
        **describe(request.node, vhost.name),
        "tracing": False,
        "cluster_state": {request.node.config.node_name: "running"},
        **(octets if received else {}),
        **with_details(request, statistics.of(("vhost depths", vhost.name)), depths, age="lengths"),
        **message_stats(request, ("vhost", vhost.name), vhost_messages(vhost)),
    }


# -- handlers -----------------------------------------------------------------------------


def _list(request: Request) -> Response:
    found = [_vhost_json(request, vhost) for vhost in visible_vhosts(request)]
    return respond_list(request, found, order=("name",), paged=True)


def _read(request: Request) -> Response:
    return respond_one(request, _vhost_json(request, request.vhost))


def _put(request: Request) -> Response:
    name = request.path["vhost"]
    told = request.content()
    if told.get("tracing"):
        raise bad_request("there is no message tracing in the embedded broker")
    is_new = put_vhost(request.node, name, told)
    if is_new:
        _permit(request, name)
    return CREATED if is_new else NO_CONTENT


def _permit(request: Request, vhost: str) -> None:
    """Give who made a virtual host every right in it, as RabbitMQ's API does."""
    request.node.accounts.put_permission(vhost, request.user.name, Permission(".*", ".*", ".*"))


def _delete(request: Request) -> Response:
    name = request.vhost.name
    request.node.delete_vhost(name)
    parameters.drop_vhost(request.node, name)
    return NO_CONTENT


def _start(request: Request) -> Response:
    """A virtual host that is there runs; one that is not is refused."""
    _ = request.vhost
    return NO_CONTENT


ROUTES: Final = (
    Route("GET", "vhosts", _list),
    Route("GET", "vhosts/{vhost}", _read, Need.ADMINISTRATOR),
    Route("PUT", "vhosts/{vhost}", _put, Need.ADMINISTRATOR),
    Route("DELETE", "vhosts/{vhost}", _delete, Need.ADMINISTRATOR),
    Route("POST", "vhosts/{vhost}/start/{node}", _start, Need.ADMINISTRATOR),
)
