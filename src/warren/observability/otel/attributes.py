"""Names and attributes of spans and metrics. Pure.

Not here: opentelemetry.
"""

from __future__ import annotations

from warren.observability.tracing import Server

__all__ = ["Attributes", "add_server", "error_type", "joined", "measured_by", "of_message", "span_name"]

Attributes = dict[str, str | int]


def joined(*parts: str) -> str:
    return ":".join(part for part in parts if part)


def measured_by(name: str, kind: str, destination: str) -> Attributes:
    """Return what metrics are kept apart by: a destination made of names that the application declares."""
    measured: Attributes = {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": name,
        "messaging.operation.type": kind,
    }
    if destination:
        measured["messaging.destination.name"] = destination
    return measured


def span_name(measured: Attributes) -> str:
    return f"{measured['messaging.operation.name']} {measured.get('messaging.destination.name', '')}".rstrip()


def of_message(
    measured: Attributes, destination: str, routing_key: str, message_id: str, correlation_id: str | None
) -> Attributes:
    attributes = {**measured, "messaging.message.id": message_id}
    if destination:
        attributes["messaging.destination.name"] = destination
    if routing_key:
        attributes["messaging.rabbitmq.destination.routing_key"] = routing_key
    if correlation_id:
        attributes["messaging.message.conversation_id"] = correlation_id
    return attributes


def add_server(attributes: Attributes, server: Server) -> None:
    host = server()
    if host is not None:
        attributes["server.address"] = host.name
        attributes["server.port"] = host.port


def error_type(error: BaseException) -> str:
    kind = type(error)
    is_known = kind.__module__ == "builtins" or kind.__module__.partition(".")[0] == "warren"
    return kind.__qualname__ if is_known else f"{kind.__module__}.{kind.__qualname__}"
