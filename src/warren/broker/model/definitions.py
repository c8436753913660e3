"""What storage keeps of a virtual host's exchanges, queues, bindings and policies, and how they come back from it.

Not here: how it is kept (`storage/definitions.py`), nor RabbitMQ's JSON of definitions (`management/definitions.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from warren.broker.model.bindings import Binding, Kind
from warren.broker.model.delayed import DelayedExchange
from warren.broker.model.policy import Policy

if TYPE_CHECKING:
    from warren.broker.model.exchange import Exchange, Target
    from warren.broker.model.queue import Queue
    from warren.broker.model.vhost import VirtualHost

__all__ = ["of_exchange", "of_queue", "policy_kind", "restore"]


def of_exchange(exchange: Exchange) -> dict[str, Any]:
    """Return what is kept of a durable exchange: with an id if messages may wait in it."""
    return {
        "kind": exchange.type,
        "durable": True,
        "auto_delete": exchange.auto_delete,
        "internal": exchange.internal,
        "arguments": exchange.arguments,
        **({"id": exchange.room.id} if isinstance(exchange, DelayedExchange) else {}),
    }


def of_queue(queue: Queue) -> dict[str, Any]:
    """Return what is kept of a durable queue."""
    return {"id": queue.id, "durable": True, "auto_delete": queue.auto_delete, "arguments": queue.arguments}


def policy_kind(*, operator: bool) -> str:
    """Return the kind of definition that a policy is."""
    return "operator_policy" if operator else "policy"


def restore(vhost: VirtualHost, kind: str, key: tuple[str, ...], value: Mapping[str, Any]) -> None:
    """Take back one definition. The name of the virtual host is the first in the key."""
    match kind, key:
        case "exchange", (_, name):
            vhost.add_exchange(name, **value)
        case "queue", (_, name):
            vhost.add_queue(name, **value)
        case "binding", (_, source, to, destination, routing_key, _):
            target: Target = vhost.queues[destination] if to == Kind.QUEUE else vhost.exchanges[destination]
            vhost.add_binding(Binding(vhost.exchanges[source], Kind(to), target, routing_key, value["arguments"]))
        case "policy" | "operator_policy", (_, name):
            policy = Policy(**{field.replace("-", "_"): one for field, one in value.items()})
            vhost.policies.of(operator=kind == "operator_policy")[name] = policy
            vhost.apply_policies()
        case _:
            raise ValueError(f"nothing of a virtual host: {kind} {key}")
