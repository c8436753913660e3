"""What a span is begun for: a publish, an attempt, a settlement. Each ends once, from any thread, and is measured then.

Not here: what spans are named and told (`tracers.py`).
"""

from __future__ import annotations

import threading
import time
from typing import Any

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode

from warren.contracts.properties import Headers
from warren.observability.otel.attributes import Attributes, error_type
from warren.observability.otel.harmless import harmless
from warren.observability.otel.instruments import Instruments

__all__ = ["AttemptSpan", "SendingSpan", "SettlingSpan"]


class Operation:
    """One span with its metrics. Ends once."""

    __slots__ = ("_began", "_error", "_instruments", "_is_over", "_measured", "span")

    def __init__(self, span: Span, instruments: Instruments, measured: Attributes) -> None:
        self.span = span
        self._instruments = instruments
        self._measured = measured  # attributes of bounded cardinality
        self._error: BaseException | None = None
        self._is_over = False
        self._began = time.monotonic()

    @harmless
    def fail(self, error: BaseException) -> None:
        if self._error is not None or self._is_over:
            return
        self._error = error
        self._measured = {**self._measured, "error.type": error_type(error)}
        self.span.set_attribute("error.type", error_type(error))
        self.span.set_status(Status(StatusCode.ERROR, error_type(error)))

    def _end(self) -> float | None:
        """End the span; return its seconds, the first time only."""
        if self._is_over:
            return None
        self._is_over = True
        self.span.end()
        return time.monotonic() - self._began


class SendingSpan(Operation):
    """A publish, from the call to its confirm."""

    __slots__ = ("headers",)

    def __init__(self, span: Span, instruments: Instruments, measured: Attributes, headers: Headers) -> None:
        super().__init__(span, instruments, measured)
        self.headers = headers

    @harmless
    def end(self, error: BaseException | None = None) -> None:
        if error is not None:
            self.fail(error)
        seconds = self._end()
        if seconds is not None:
            self._instruments.operation.record(seconds, self._measured)
            self._instruments.sent.add(1, self._measured)


class SettlingSpan(Operation):
    """A settlement, from the outcome to the acknowledgement."""

    __slots__ = ()

    @harmless
    def end(self, error: BaseException | None = None) -> None:
        if error is not None:
            self.fail(error)
        seconds = self._end()
        if seconds is not None:
            self._instruments.operation.record(seconds, self._measured)


class AttemptSpan(Operation):
    """A handler's run. Its context is current on the thread or task it began on."""

    __slots__ = ("_hides_errors", "_thread", "_token", "context")

    def __init__(
        self, span: Span, instruments: Instruments, measured: Attributes, inside: Context, *, hides_errors: bool
    ) -> None:
        super().__init__(span, instruments, measured)
        self._hides_errors = hides_errors
        self.context = inside
        self._thread = threading.get_ident()
        self._token: Any = context.attach(inside)

    @property
    def trace_id(self) -> str:
        own = self.span.get_span_context()
        return trace.format_trace_id(own.trace_id) if own.is_valid else ""

    @property
    def traceparent(self) -> str:
        own = self.span.get_span_context()
        if not own.is_valid:
            return ""
        return f"00-{trace.format_trace_id(own.trace_id)}-{trace.format_span_id(own.span_id)}-{own.trace_flags:02x}"

    @harmless
    def fail(self, error: BaseException) -> None:
        if self._error is None and not self._is_over and not self._hides_errors:
            self.span.record_exception(error)
        super().fail(error)

    @harmless
    def end(self) -> None:
        if self._token is not None and threading.get_ident() == self._thread:
            token, self._token = self._token, None
            context.detach(token)
        seconds = self._end()
        if seconds is not None:
            self._instruments.process.record(seconds, self._measured)
