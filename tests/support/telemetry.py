"""What OpenTelemetry was told, in memory.

Not here: what is right (tests/unit/observability/test_otel_*.py, tests/contract/test_tracing.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Sampler

from tests.support.waiting import wait_until
from warren.observability.otel import OpenTelemetry

__all__ = ["Point", "Telemetry", "ids", "link_kinds"]


class Point(NamedTuple):
    """One time series of a metric as it is now."""

    attributes: dict[str, Any]
    value: Any  # of a counter
    count: int  # of a histogram
    bounds: tuple[float, ...]


class Telemetry:
    """Providers that keep everything."""

    def __init__(self, *, sampler: Sampler | None = None) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracer_provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meter_provider = MeterProvider([self._reader], shutdown_on_exit=False)
        self.tracer = self.tracer_provider.get_tracer("test")
        self.tracing = OpenTelemetry(tracer_provider=self.tracer_provider, meter_provider=self.meter_provider)

    @property
    def providers(self) -> dict[str, Any]:
        return {"tracer_provider": self.tracer_provider, "meter_provider": self.meter_provider}

    def spans(self, name: str = "") -> list[ReadableSpan]:
        """The ended spans whose name begins so, in the order they ended."""
        return [span for span in self._exporter.get_finished_spans() if span.name.startswith(name)]

    def wait_spans(self, name: str, count: int = 1) -> list[ReadableSpan]:
        wait_until(
            lambda: len(self.spans(name)) >= count,
            message=lambda: f"{count} spans {name}; there are {[span.name for span in self.spans()]}",
        )
        return self.spans(name)

    def points(self, metric: str) -> list[Point]:
        data = self._reader.get_metrics_data()
        return [
            Point(
                dict(point.attributes or {}),
                getattr(point, "value", None),
                getattr(point, "count", 0),
                tuple(getattr(point, "explicit_bounds", ())),
            )
            for resource in (data.resource_metrics if data is not None else ())
            for scope in resource.scope_metrics
            for each in scope.metrics
            if each.name == metric
            for point in each.data.data_points
        ]


def ids(span: ReadableSpan) -> tuple[int, int]:
    """Trace and span id."""
    found = span.get_span_context()
    assert found is not None
    return found.trace_id, found.span_id


def link_kinds(span: ReadableSpan) -> dict[str, tuple[int, int]]:
    """What a span links to, by kind."""
    kinds: dict[str, tuple[int, int]] = {}
    for link in span.links:
        attributes: Mapping[str, Any] = link.attributes or {}
        kinds[str(attributes["warren.link"])] = (link.context.trace_id, link.context.span_id)
    return kinds
