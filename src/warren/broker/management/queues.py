"""Queues: list, read, declare, delete, purge.

Not here: their messages (`messages.py`) and bindings (`bindings.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from warren.broker.auth import Access
from warren.broker.management.access import entered_vhosts
from warren.broker.management.consumers import consumer_json
from warren.broker.management.listing import Json, respond_list, respond_one
from warren.broker.management.rates import message_stats, with_details
from warren.broker.management.request import (
    CREATED,
    NO_CONTENT,
    Refusal,
    Request,
    Response,
    as_bool,
    as_table,
    bad_request,
)
from warren.broker.management.routing import Route
from warren.broker.management.samples import queue_depths, queue_messages
from warren.broker.model.queue_settings import Kind
from warren.broker.settings import Profile

if TYPE_CHECKING:
    from warren.broker.model.queue import Queue
    from warren.broker.session.connection import Connection

__all__ = ["ROUTES", "find_queue", "queue_arguments"]


def queue_arguments(queue: Queue) -> Json:
    """Return the arguments of a queue, with its type since RabbitMQ 4.0 also where its declaration did not say it."""
    if queue.node.config.profile is Profile.RABBITMQ_3_10:
        return dict(queue.arguments)
    return {**queue.arguments, "x-queue-type": queue.kind.value}


def find_queue(request: Request) -> Queue:
    """Return the queue of the path. Raises 404."""
    found = request.vhost.queues.get(request.path["queue"])
    if found is None:
        raise Refusal.missing()
    return found


def _summary(request: Request, queue: Queue) -> Json:
    """What the list of all queues tells of one."""
    key = ("queue", queue.vhost.name, queue.name)
    total_bytes = queue.ready_bytes + queue.unacked_bytes
    count = queue.consumer_count
    is_kept_up_with = float(count > 0 and not queue.ready_count)
    policies = queue.vhost.policies
    return {
        "arguments": queue_arguments(queue),
        "auto_delete": queue.auto_delete,
        "consumer_capacity": is_kept_up_with,
        "consumer_utilisation": is_kept_up_with,
        "consumers": count,
        "durable": queue.durable,
        "effective_policy_definition": policies.effective(queue.kind.value, queue.name) or {},
        "exclusive": queue.exclusive_owner is not None,
        "memory": total_bytes,
        "message_bytes": total_bytes,
        "message_bytes_ready": queue.ready_bytes,
        "message_bytes_unacknowledged": queue.unacked_bytes,
        **message_stats(request, key, queue_messages(queue)),
        **with_details(request, request.context.statistics.of(key), queue_depths([queue]), age="lengths"),
        "name": queue.name,
        "node": request.node.config.node_name,
        **_policies(queue),
        "state": "running",
        "type": queue.kind.value,
        "vhost": queue.vhost.name,
        **_of_kind(request, queue),
    }


def _policies(queue: Queue) -> Json:
    policies, kind = queue.vhost.policies, queue.kind.value
    found = {
        "policy": policies.matching(kind, queue.name),
        "operator_policy": policies.matching(kind, queue.name, operator=True),
    }
    return {name: policy.name for name, policy in found.items() if policy is not None}


def _of_kind(request: Request, queue: Queue) -> Json:
    if queue.kind is Kind.CLASSIC:
        return {"storage_version": 2}
    node = request.node.config.node_name
    limit = queue.settings.delivery_limit
    return {
        "delivery_limit": "unlimited" if limit is None else limit,
        "leader": node,
        "members": [node],
        "online": [node],
        "messages_dlx": queue.undelivered.count,
    }


def _detailed(request: Request, queue: Queue) -> Json:
    """What the detailed list tells of one."""
    consumers = list(queue.consumers)
    active = next((one.tag for one in consumers if one.active), None)
    told: Json = {
        "policy": None,
        "operator_policy": None,
        **_summary(request, queue),
        "single_active_consumer_tag": active if queue.settings.single_active else None,
    }
    if queue.kind is Kind.CLASSIC:
        told["exclusive_consumer_tag"] = next((one.tag for one in consumers if one.exclusive), None)
        told["head_message_timestamp"] = None
    return told


def _everything(request: Request, queue: Queue) -> Json:
    """What a queue tells when it is asked for alone."""
    connections = {channel: one for one in request.node.connections for channel in one.channels.values()}
    found = [
        consumer_json(request, connections[one.channel], one) for one in queue.consumers if one.channel in connections
    ]
    owner: Any = queue.exclusive_owner
    return {
        **_detailed(request, queue),
        "consumer_details": found,
        "deliveries": [],
        "incoming": [],
        **({"owner_pid_details": _owner(owner)} if owner is not None else {}),
    }


def _owner(connection: Connection) -> Json:
    peer = connection.peer
    return {"name": connection.name, "peer_host": peer.peer_host, "peer_port": peer.peer_port}


# -- handlers -----------------------------------------------------------------------------


def _list(request: Request) -> Response:
    found = [_summary(request, queue) for vhost in entered_vhosts(request) for queue in vhost.queues.values()]
    return respond_list(request, found, order=("vhost", "name"), paged=True)


def _list_detailed(request: Request) -> Response:
    found = [_detailed(request, queue) for vhost in entered_vhosts(request) for queue in vhost.queues.values()]
    return respond_list(request, found, order=("vhost", "name"), paged=True)


def _read(request: Request) -> Response:
    return respond_one(request, _everything(request, find_queue(request)))


def _declare(request: Request) -> Response:
    vhost, name = request.target_vhost, request.path["queue"]
    told = request.content()
    durable, auto_delete, arguments = (
        as_bool(told, "durable"),
        as_bool(told, "auto_delete"),
        as_table(told, "arguments"),
    )
    is_new = name not in vhost.queues
    request.check(Access.CONFIGURE, "queue", name)
    vhost.declare_queue(
        name,
        passive=False,
        durable=durable,
        exclusive=False,
        auto_delete=auto_delete,
        arguments=arguments,
        owner=None,
    )
    return CREATED if is_new else NO_CONTENT


def _delete(request: Request) -> Response:
    queue = find_queue(request)
    request.check(Access.CONFIGURE, "queue", queue.name)
    request.vhost.delete_queue(
        queue.name, if_unused=request.wants("if-unused"), if_empty=request.wants("if-empty"), owner=None
    )
    return NO_CONTENT


def _purge(request: Request) -> Response:
    queue = find_queue(request)
    request.check(Access.READ, "queue", queue.name)
    request.vhost.queue(queue.name, None).purge()
    return NO_CONTENT


def _act(request: Request) -> Response:
    """RabbitMQ 4 knows no action but for streams."""
    find_queue(request)
    raise bad_request(["unknown", request.content("action")["action"]])


ROUTES: Final = (
    Route("GET", "queues", _list),
    Route("GET", "queues/detailed", _list_detailed),
    Route("GET", "queues/{vhost}", _list),
    Route("GET", "queues/{vhost}/{queue}", _read),
    Route("PUT", "queues/{vhost}/{queue}", _declare),
    Route("DELETE", "queues/{vhost}/{queue}", _delete),
    Route("DELETE", "queues/{vhost}/{queue}/contents", _purge),
    Route("POST", "queues/{vhost}/{queue}/actions", _act),
)
