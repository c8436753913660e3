"""What this broker can do, told as RabbitMQ tells it: feature flags, deprecated features, extensions.

Not here: exchange types and login mechanisms (`overview.py`, `nodes.py`).
"""

from __future__ import annotations

from typing import Final

from warren.broker.management.listing import respond_list
from warren.broker.management.request import Request, Response, respond
from warren.broker.management.routing import Route

__all__ = ["ROUTES"]

_FLAGS: Final = {
    "classic_queue_type_delivery_support": "Deliveries of classic queues name their queue type",
    "detailed_queues_endpoint": "/api/queues/detailed tells more of each queue than /api/queues",
    "direct_exchange_routing_v2": "Direct exchanges look routing keys up in one table",
    "drop_unroutable_metric": "Messages that no queue took are counted",
    "empty_basic_get_metric": "basic.get on an empty queue is counted",
    "implicit_default_bindings": "Bindings of the default exchange are not stored",
    "message_containers": "Messages keep the form in which they came",
    "message_containers_deaths_v2": "Cycles of dead letters are detected",
    "quorum_queue": "Queues of type quorum, with one member here",
    "rabbitmq_4.0.0": "Behaves as RabbitMQ 4.0",
    "user_limits": "Users have limits of connections and channels",
    "virtual_host_metadata": "Virtual hosts have a description and tags",
}
_ABSENT_FLAGS: Final = {
    "khepri_db": "The Raft-based store of definitions",
    "stream_queue": "Queues of type stream",
}
_DEPRECATED: Final = {
    "global_qos": "Prefetch that the consumers of a channel share",
    "transient_nonexcl_queues": "Queues that are neither durable nor exclusive",
}


def _flags(request: Request) -> Response:
    states = [(name, text, "enabled") for name, text in _FLAGS.items()]
    states += [(name, text, "unavailable") for name, text in _ABSENT_FLAGS.items()]
    flags = [
        {
            "name": name,
            "desc": text,
            "doc_url": "",
            "state": state,
            "stability": "stable",
            "provided_by": "rabbit",
        }
        for name, text, state in states
    ]
    return respond_list(request, flags, order=("name",))


def _deprecated(request: Request) -> Response:
    features = [
        {
            "name": name,
            "desc": text,
            "deprecation_phase": "permitted_by_default",
            "doc_url": "",
            "provided_by": "rabbit",
        }
        for name, text in _DEPRECATED.items()
    ]
    return respond_list(request, features, order=("name",))


def _extensions(request: Request) -> Response:
    return respond([])


ROUTES: Final = (
    Route("GET", "feature-flags", _flags),
    Route("GET", "deprecated-features", _deprecated),
    Route("GET", "extensions", _extensions),
)
