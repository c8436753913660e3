"""Begins the spans of a publisher and of a consumer: kind, name, attributes, parent and links.

Not here: what ends them (`operations.py`), or how a context gets into headers (`propagation.py`).
"""

from __future__ import annotations

from typing import Final

from opentelemetry import context, trace
from opentelemetry.trace import Link, SpanKind

from warren.contracts.envelope import Outgoing
from warren.contracts.headers import origin_of
from warren.contracts.incoming import Incoming
from warren.observability.otel.attributes import Attributes, add_server, joined, measured_by, of_message, span_name
from warren.observability.otel.harmless import harmless
from warren.observability.otel.instruments import Instruments
from warren.observability.otel.operations import AttemptSpan, SendingSpan, SettlingSpan
from warren.observability.otel.propagation import (
    context_given,
    creation_context,
    inject,
    inside,
    previous_attempt,
    span_context,
)
from warren.observability.tracing import Attempt, Consumption, Sending, Server, Settlement, Settling

__all__ = ["ConsumeSpans", "PublishSpans"]

CREATION: Final = {"warren.link": "creation"}
PREVIOUS: Final = {"warren.link": "previous_attempt"}


class PublishSpans:
    """Traces the publishes of one publisher."""

    def __init__(self, tracer: trace.Tracer, instruments: Instruments, server: Server) -> None:
        self._tracer = tracer
        self._instruments = instruments
        self._server = server

    @harmless
    def send(self, outgoing: Outgoing, *, has_own_key: bool) -> Sending | None:
        properties = outgoing.properties
        route = (outgoing.exchange, outgoing.routing_key)
        measured = measured_by("send", "send", joined(outgoing.exchange) if has_own_key else joined(*route))
        add_server(measured, self._server)
        given = context_given(properties.headers)
        span = self._tracer.start_span(
            span_name(measured),
            kind=SpanKind.PRODUCER,
            links=() if given is None else [Link(given, CREATION)],
            attributes=of_message(
                measured, joined(*route), outgoing.routing_key, outgoing.message_id, properties.correlation_id
            ),
        )
        headers = properties.headers
        if given is None:
            headers = inject(headers, inside(span, context.get_current()))
        return SendingSpan(span, self._instruments, measured, headers)


class ConsumeSpans:
    """Traces the deliveries of one consumer."""

    def __init__(
        self, tracer: trace.Tracer, instruments: Instruments, server: Server, consumption: Consumption
    ) -> None:
        self._tracer = tracer
        self._instruments = instruments
        self._server = server
        self._queue = consumption.queue
        self._hides_errors = consumption.hides_errors
        self._declared = consumption.declared | {("", consumption.queue)}

    @harmless
    def process(self, incoming: Incoming, message_id: str) -> Attempt | None:
        headers = incoming.properties.headers
        created = creation_context(headers)
        links = [Link(creation, CREATION)] if (creation := span_context(created)) is not None else []
        if (previous := previous_attempt(headers)) is not None:
            links.append(Link(previous, PREVIOUS))
        measured, attributes = self._attributes("process", "process", incoming, message_id)
        span = self._tracer.start_span(
            span_name(measured), created, SpanKind.CONSUMER, attributes=attributes, links=links
        )
        self._instruments.consumed.add(1, measured)
        own = inside(span, created)
        return AttemptSpan(span, self._instruments, measured, own, hides_errors=self._hides_errors)

    @harmless
    def settle(
        self, operation: Settlement, incoming: Incoming, message_id: str, attempt: Attempt | None
    ) -> Settling | None:
        headers = incoming.properties.headers
        parent = attempt.context if isinstance(attempt, AttemptSpan) else creation_context(headers)
        measured, attributes = self._attributes(operation.value, "settle", incoming, message_id)
        span = self._tracer.start_span(span_name(measured), parent, SpanKind.CLIENT, attributes=attributes)
        return SettlingSpan(span, self._instruments, measured)

    def _attributes(self, name: str, kind: str, incoming: Incoming, message_id: str) -> tuple[Attributes, Attributes]:
        """Return the attributes of metrics and those of the span. A copy is named by where its original came from."""
        properties = incoming.properties
        route = origin_of(properties, incoming.exchange, incoming.routing_key)
        whole = self._destination(*route)
        measured = measured_by(name, kind, whole if route in self._declared else self._queue)
        add_server(measured, self._server)
        attributes = of_message(measured, whole, route[1], message_id, properties.correlation_id)
        attributes["messaging.rabbitmq.message.delivery_tag"] = incoming.delivery_tag
        return measured, attributes

    def _destination(self, exchange: str, routing_key: str) -> str:
        return joined(exchange, "" if routing_key == self._queue else routing_key, self._queue)
