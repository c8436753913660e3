"""OpenTelemetry: spans, metrics and trace context of messages, by its semantic conventions for messaging.

Not here: when they begin and end (`publish_core.py`, `worker/`). Only this package knows opentelemetry.

    from warren.observability.otel import instrument

    instrument(app)

A message carries the context of its `send` span, and its copies keep it. Each attempt's `process` span is its child, so
that one trace holds them all, and links to the attempt before. An exporter or sampler that fails is logged.
"""

from __future__ import annotations

from typing import Any, Protocol

try:
    from opentelemetry import metrics, trace
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError("tracing needs OpenTelemetry: pip install 'warren-mq[otel]'", name=missing.name) from None

import warren
from warren.observability.otel.instruments import Instruments
from warren.observability.otel.tracers import ConsumeSpans, PublishSpans
from warren.observability.tracing import UNTRACED, Consumption, Server, Tracing, set_default_tracing

__all__ = ["OpenTelemetry", "WarrenInstrumentor", "instrument"]


class Traceable(Protocol):
    """A `Warren` application."""

    tracing: Tracing | None


def instrument(
    app: Traceable,
    *,
    tracer_provider: trace.TracerProvider | None = None,
    meter_provider: metrics.MeterProvider | None = None,
) -> None:
    """Trace what an application publishes and consumes. Call it before its first publish and before it works.

    The providers default to the global ones, which may be set later.
    """
    app.tracing = OpenTelemetry(tracer_provider=tracer_provider, meter_provider=meter_provider)


class WarrenInstrumentor:
    """Switches tracing on for all applications of the process: for `opentelemetry-instrument`, and by hand."""

    def instrument(
        self,
        *,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
        **_: Any,
    ) -> None:
        """Trace every application that was not told otherwise, from its next publisher or worker on."""
        set_default_tracing(OpenTelemetry(tracer_provider=tracer_provider, meter_provider=meter_provider))

    def uninstrument(self, **_: Any) -> None:
        """Trace no further publishers and workers."""
        set_default_tracing(UNTRACED)


class OpenTelemetry:
    """A `Tracing` by OpenTelemetry."""

    def __init__(
        self,
        *,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        self._tracer = trace.get_tracer("warren", warren.__version__, tracer_provider)
        self._instruments = Instruments(metrics.get_meter("warren", warren.__version__, meter_provider))

    def publisher(self, server: Server) -> PublishSpans:
        return PublishSpans(self._tracer, self._instruments, server)

    def consumer(self, consumption: Consumption, server: Server) -> ConsumeSpans:
        return ConsumeSpans(self._tracer, self._instruments, server, consumption)
