"""Trace context in and out of a message's headers.

Not here: whose parent it is (`tracers.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opentelemetry import context, propagate, trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter, Setter
from opentelemetry.trace import Span, SpanContext
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from warren.contracts.headers import PREVIOUS_ATTEMPT
from warren.contracts.properties import FieldValue, Headers

__all__ = ["context_given", "creation_context", "inject", "inside", "is_in_a_trace", "previous_attempt", "span_context"]

_NOWHERE: Final = Context()
_W3C: Final = TraceContextTextMapPropagator()


class _HeaderGetter(Getter[Mapping[str, FieldValue]]):
    def get(self, carrier: Mapping[str, FieldValue], key: str) -> list[str] | None:
        value = carrier.get(key)
        if isinstance(value, bytes):
            value = value.decode("ascii", "replace")
        return [value] if isinstance(value, str) else None

    def keys(self, carrier: Mapping[str, FieldValue]) -> list[str]:
        return list(carrier)


class _HeaderSetter(Setter[dict[str, FieldValue]]):
    def set(self, carrier: dict[str, FieldValue], key: str, value: str) -> None:
        carrier[key] = value


_GETTER: Final = _HeaderGetter()
_SETTER: Final = _HeaderSetter()


def span_context(inside: Context) -> SpanContext | None:
    found = trace.get_current_span(inside).get_span_context()
    return found if found.is_valid else None


def inside(span: Span, around: Context) -> Context:
    """Return the context inside a span; the one around it where nothing records, so that it passes through."""
    return trace.set_span_in_context(span, around) if span.get_span_context().is_valid else around


def creation_context(headers: Headers) -> Context:
    """Return the context a message was created in, empty where it brings none.

    Never the thread's own: what is current on a worker's threads belongs to whoever started the worker.
    """
    return propagate.extract(headers, _NOWHERE, _GETTER)


def inject(headers: Headers, carried: Context) -> Headers:
    """Return the headers with a context in them."""
    carrier = dict(headers)
    propagate.inject(carrier, carried, _SETTER)
    return carrier


def is_in_a_trace() -> bool:
    """Whether what is published here and now belongs to a trace."""
    return span_context(context.get_current()) is not None


def context_given(headers: Headers) -> SpanContext | None:
    """Return the context that the caller gave the message itself. It is not replaced."""
    if len(headers) <= 2:  # Warren's own
        return None
    return span_context(creation_context(headers))


def previous_attempt(headers: Headers) -> SpanContext | None:
    value = headers.get(PREVIOUS_ATTEMPT)
    if not isinstance(value, str):
        return None
    return span_context(_W3C.extract({"traceparent": value}, _NOWHERE))
