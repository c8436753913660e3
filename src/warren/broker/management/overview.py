"""The overview: versions, totals, rates, listeners; and the cluster's name.

Not here: the node's process (`nodes.py`).
"""

from __future__ import annotations

import platform
from typing import Any, Final

from warren.broker import parameters
from warren.broker.management.access import Need, entered_vhosts, is_monitor
from warren.broker.management.listing import Json, respond_one
from warren.broker.management.rates import message_stats, with_details
from warren.broker.management.request import NO_CONTENT, Request, Response, respond
from warren.broker.management.routing import Route
from warren.broker.management.samples import queue_depths, sum_counters, vhost_messages

__all__ = ["ROUTES", "churn", "contexts", "exchange_types"]

_EXCHANGE_TYPES: Final = {
    "direct": "AMQP direct exchange, as per the AMQP specification",
    "fanout": "AMQP fanout exchange, as per the AMQP specification",
    "headers": "AMQP headers exchange, as per the AMQP specification",
    "topic": "AMQP topic exchange, as per the AMQP specification",
    "x-consistent-hash": "Consistent hashing exchange",
    "x-delayed-message": "Delayed message exchange",
}


def exchange_types(request: Request) -> list[Json]:
    """The exchange types there are."""
    return [{"name": name, "description": text, "enabled": True} for name, text in _EXCHANGE_TYPES.items()]


def contexts(request: Request) -> list[Json]:
    """Where the HTTP API is served."""
    return [
        {
            "description": "RabbitMQ Management",
            "path": "/",
            "cowboy_opts": "[]",
            "ip": one.host,
            "port": str(one.port),
        }
        for one in request.context.listeners
        if one.protocol.startswith("http")
    ]


def churn(request: Request) -> Json:
    """What came and went since the node started."""
    series = request.context.statistics.of(("churn",))
    return with_details(request, series, request.node.churn.counters(), age="churn")


def _overview(request: Request) -> Response:
    version = request.node.config.profile.version
    told: Json = {
        "management_version": version,
        "rates_mode": "basic",
        "sample_retention_policies": {"global": [600], "basic": [600], "detailed": [60]},
        "exchange_types": exchange_types(request),
        "product_version": version,
        "product_name": "RabbitMQ",
        "rabbitmq_version": version,
        "cluster_name": request.context.cluster_name,
        "cluster_tags": {},
        "node_tags": {},
        "erlang_version": "",
        "erlang_full_version": f"none: Python {platform.python_version()}",
        "disable_stats": False,
        "default_queue_type": "classic",
        "is_op_policy_updating_enabled": True,
        "enable_queue_totals": False,
        **_totals(request),
        "churn_rates": churn(request),
        "statistics_db_event_queue": 0,
    }
    if is_monitor(request.user):
        told |= _places(request)
    return respond_one(request, told)


def _totals(request: Request) -> Json:
    everything = is_monitor(request.user)
    vhosts = list(request.node.vhosts.values()) if everything else list(entered_vhosts(request))
    names = {vhost.name for vhost in vhosts}
    queues = [queue for vhost in vhosts for queue in vhost.queues.values()]
    connections = [
        one for one in request.node.connections if everything or (one.vhost in names and one.user == request.user.name)
    ]
    statistics = request.context.statistics
    counters = sum_counters(vhost_messages(vhost) for vhost in vhosts)
    return {
        **({"message_stats": {}} | message_stats(request, ("overview",), counters)),
        "queue_totals": with_details(request, statistics.of(("overview depths",)), queue_depths(queues), age="lengths"),
        "object_totals": {
            "channels": sum(len(one.sessions) for one in connections),
            "consumers": sum(queue.consumer_count for queue in queues),
            "exchanges": sum(len(vhost.exchanges) for vhost in vhosts),
            "queues": len(queues),
            "connections": len(connections),
        },
    }


def _places(request: Request) -> dict[str, Any]:
    node = request.node.config.node_name
    return {
        "node": node,
        "listeners": [
            {"node": node, "protocol": one.protocol, "ip_address": one.host, "port": one.port, "socket_opts": []}
            for one in request.context.listeners
        ],
        "contexts": [{"node": node, "ssl_opts": [], **one} for one in contexts(request)],
    }


# -- the cluster's name -------------------------------------------------------------------


def _name(request: Request) -> Response:
    return respond({"name": request.context.cluster_name})


def _rename(request: Request) -> Response:
    parameters.put(request.node, ("cluster_name",), str(request.content("name")["name"]))
    return NO_CONTENT


def _version(request: Request) -> Response:
    return respond(request.node.config.profile.version)


ROUTES: Final = (
    Route("GET", "overview", _overview),
    Route("GET", "version", _version),
    Route("GET", "cluster-name", _name),
    Route("PUT", "cluster-name", _rename, Need.ADMINISTRATOR),
)
