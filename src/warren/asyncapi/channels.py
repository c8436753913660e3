"""The channels and operations of an AsyncAPI document: exchanges it sends to, queues it receives from.

Not here: the messages on them (`messages.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from warren.asyncapi.application import Described
from warren.asyncapi.messages import BINDING_VERSION
from warren.asyncapi.names import add, key_of
from warren.contracts.message import Message
from warren.topology import Exchange, Headers, dead_letter_queue, queue_arguments
from warren.topology.duration import format_duration
from warren.topology.exchange import Source
from warren.worker.spec import ConsumerSpec

__all__ = ["channels_and_operations"]

Objects = dict[str, Any]
Keys = Mapping[type[Message], str]

_PERSISTENT: Final = 2


def channels_and_operations(described: Described, keys: Keys) -> tuple[Objects, Objects]:
    """Return both, by name: an exchange and routing key is sent to, a consumer's queue received from."""
    channels: Objects = {}
    operations: Objects = {}
    for (exchange, routing_key), messages in _destinations(described.published).items():
        channel = _sent_to(messages[0], described.virtual_host, [keys[each] for each in messages])
        key = add(channels, key_of("exchange", exchange or "default", routing_key), channel)
        add(operations, key_of("send", routing_key or exchange), _send(key, [keys[each] for each in messages]))
    for spec in described.consumers:
        read = [keys[each] for each in spec.contracts.classes]
        key = add(channels, key_of("queue", spec.queue.name), _received_from(spec, described.virtual_host, read))
        add(operations, key_of("receive", spec.name), _receive(spec, key, read))
    return dict(sorted(channels.items())), dict(sorted(operations.items()))


def _destinations(messages: Sequence[type[Message]]) -> dict[tuple[str, str], list[type[Message]]]:
    found: dict[tuple[str, str], list[type[Message]]] = {}
    for message in messages:
        declared = message.__warren__
        if declared.is_publishable:
            found.setdefault((declared.exchange, declared.routing_key), []).append(message)
    return found


def _sent_to(message: type[Message], virtual_host: str, keys: list[str]) -> Objects:
    declared = message.__warren__
    exchange: Objects = {"name": declared.exchange, "vhost": virtual_host}
    if not declared.exchange:
        exchange["type"] = "default"
    elif isinstance(declared.declared_exchange, Exchange):
        known = declared.declared_exchange
        exchange |= {"type": str(known.type), "durable": known.durable, "autoDelete": known.auto_delete}
    return {
        "address": declared.routing_key or None,
        "messages": _references(keys),
        "bindings": {"amqp": {"is": "routingKey", "exchange": exchange, "bindingVersion": BINDING_VERSION}},
    }


def _received_from(spec: ConsumerSpec, virtual_host: str, keys: list[str]) -> Objects:
    queue = spec.queue
    shown: Objects = {
        "name": queue.name,
        "durable": queue.durable,
        "exclusive": False,
        "autoDelete": False,
        "vhost": virtual_host,
    }
    channel: Objects = {
        "address": queue.name,
        "messages": _references(keys),
        "bindings": {"amqp": {"is": "queue", "queue": shown, "bindingVersion": BINDING_VERSION}},
    }
    if not queue.external:
        channel["x-queue-arguments"] = dict(sorted(_declared(spec).items()))
    if spec.bindings:
        channel["x-queue-bindings"] = [_binding(source) for source in spec.bindings]
    return channel


def _declared(spec: ConsumerSpec) -> Objects:
    own = next(queue for queue in spec.topology.queues if queue.name == spec.queue.name)
    return {name: value for name, value in queue_arguments(own).items() if isinstance(value, str | int | float | bool)}


def _binding(source: Source) -> Objects:
    exchange, match = source
    wanted = {"arguments": match.arguments} if isinstance(match, Headers) else {"routingKey": match}
    return {"exchange": exchange.name, "exchangeType": str(exchange.type), **wanted}


def _send(channel: str, keys: list[str]) -> Objects:
    bindings = {"deliveryMode": _PERSISTENT, "mandatory": True, "timestamp": True, "bindingVersion": BINDING_VERSION}
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": _on(channel, keys),
        "bindings": {"amqp": bindings},
    }


def _receive(spec: ConsumerSpec, channel: str, keys: list[str]) -> Objects:
    told: Objects = {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": _on(channel, keys),
        "bindings": {"amqp": {"ack": True, "bindingVersion": BINDING_VERSION}},
        "x-retry": {"attempts": spec.retry.attempts, "delays": [format_duration(each) for each in spec.retry.delays]},
        "x-dead-letter-queue": dead_letter_queue(spec.queue.name),
        "x-idempotent": spec.idempotency is not None,
    }
    older = [
        key_of(each.__warren__.type, f"v{step}")
        for each in spec.contracts.classes
        for step in sorted(each.__upcasters__)
    ]
    if older:
        told["x-also-reads"] = older  # through upcasters; only their authors know how such a body looks
    description = (spec.handler.function.__doc__ or "").strip()
    return {**told, "summary": description.splitlines()[0]} if description else told


def _references(keys: list[str]) -> Objects:
    return {key: {"$ref": f"#/components/messages/{key}"} for key in keys}


def _on(channel: str, keys: list[str]) -> list[Objects]:
    return [{"$ref": f"#/channels/{channel}/messages/{key}"} for key in keys]
