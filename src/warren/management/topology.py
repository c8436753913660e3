"""Maps the management API's exchanges, queues and bindings to `Actual`.

Not here: the requests (`client.py`), and the comparison (`topology/plan.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from warren.topology.actual import Actual, ActualExchange, ActualQueue
from warren.topology.frozen import Arguments, frozen
from warren.topology.model import Binding, DestinationKind

__all__ = ["BINDING_COLUMNS", "EXCHANGE_COLUMNS", "QUEUE_COLUMNS", "read_actual"]

EXCHANGE_COLUMNS: Final = "name,type,durable,auto_delete,internal,arguments"
QUEUE_COLUMNS: Final = (
    "name,type,durable,auto_delete,exclusive,arguments,policy,operator_policy,effective_policy_definition"
)
BINDING_COLUMNS: Final = "source,destination,destination_type,routing_key,arguments"

_Json = Mapping[str, Any]


def read_actual(*, exchanges: Iterable[_Json], queues: Iterable[_Json], bindings: Iterable[_Json]) -> Actual:
    """Read three lists of the API, each asked for with its columns."""
    return Actual.of(map(_exchange, exchanges), map(_queue, queues), map(_binding, bindings))


def _exchange(told: _Json) -> ActualExchange:
    return ActualExchange(
        name=told["name"],
        type=told["type"],
        durable=told["durable"],
        auto_delete=told["auto_delete"],
        internal=told["internal"],
        arguments=_arguments(told["arguments"]),
    )


def _queue(told: _Json) -> ActualQueue:
    arguments = _arguments(told["arguments"])
    return ActualQueue(
        name=told["name"],
        type=told.get("type") or str(arguments.get("x-queue-type", "classic")),
        durable=told["durable"],
        auto_delete=told["auto_delete"],
        exclusive=told["exclusive"],
        arguments=arguments,
        policy=told.get("policy") or told.get("operator_policy"),
        settings=_arguments(told.get("effective_policy_definition") or {}),
    )


def _binding(told: _Json) -> Binding:
    return Binding(
        source=told["source"],
        destination=told["destination"],
        destination_kind=DestinationKind(told["destination_type"]),
        routing_key=told["routing_key"],
        arguments=_arguments(told["arguments"]),
    )


def _arguments(told: Any) -> Arguments:
    """Read an argument table. An empty one may come as a list; a void value comes as the text "undefined"."""
    return frozen({name: None if value == "undefined" else value for name, value in dict(told).items()})
