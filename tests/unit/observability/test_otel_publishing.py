"""Spans of publishes: each ends once, says how, and its context travels with the message."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Sampler, SamplingResult
from opentelemetry.trace import StatusCode

from tests.support.scripted_broker import ScriptedConnection
from tests.support.telemetry import Telemetry, ids, link_kinds
from warren import Blocked, Message, MessageTooLarge, PublishManyError, Warren
from warren.async_publishing import AsyncPublisher
from warren.clock import SystemClock
from warren.config import Host
from warren.observability.otel import OpenTelemetry, WarrenInstrumentor, harmless, instrument
from warren.observability.tracing import UNTRACED, Tracing, default_tracing
from warren.publish_core import PublishingCore
from warren.publishing import Publisher
from warren.transport.wire import decode_properties

MAX_BODY = 1_000


class Parcel(Message, exchange="shop", routing_key="parcels"):
    number: int
    note: str = ""


class Publishing:
    """A publisher on a scripted broker, and what it was sent."""

    def __init__(self, tracing: Tracing, *, window: int = 10, timeout: float = 60.0) -> None:
        self.connection = ScriptedConnection()
        self.connection.host = Host("broker.example", 5671)
        self.core = PublishingCore(
            self.connection,
            app_id="shop",
            clock=SystemClock(),
            window=window,
            timeout=timeout,
            max_body=MAX_BODY,
            tracing=tracing,
        )
        self.connection.attach(self.core.channel)
        self.broker = self.connection.up()
        self.publisher = Publisher(self.core)

    def submit(self, number: int = 1, **options: Any) -> Any:
        future = self.publisher.submit(Parcel(number=number), **options)
        self.broker.run()
        return future

    def headers(self) -> dict[str, Any]:
        return dict(decode_properties(self.broker.publishes[-1].properties, 0).headers)


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


@pytest.fixture
def publishing(telemetry: Telemetry) -> Publishing:
    return Publishing(telemetry.tracing)


def outcome(span: ReadableSpan) -> tuple[StatusCode, object]:
    return span.status.status_code, (span.attributes or {}).get("error.type")


# -- from the call to the confirm -----------------------------------------------------------------


def test_a_span_ends_with_the_confirm(publishing: Publishing, telemetry: Telemetry) -> None:
    publishing.submit()
    assert not telemetry.spans()
    publishing.broker.ack(1, 1)

    (span,) = telemetry.spans()
    assert (span.name, outcome(span)) == ("send shop:parcels", (StatusCode.UNSET, None))
    assert span.attributes is not None
    assert (span.attributes["server.address"], span.attributes["server.port"]) == ("broker.example", 5671)


def test_the_context_of_the_span_travels_in_the_headers(publishing: Publishing, telemetry: Telemetry) -> None:
    publishing.submit(headers={"tenant": "a"})
    publishing.broker.ack(1, 1)

    trace_id, span_id = ids(telemetry.spans()[0])
    assert publishing.headers()["traceparent"].startswith(f"00-{trace_id:032x}-{span_id:016x}-")
    assert publishing.headers()["tenant"] == "a"


def test_baggage_travels_with_it(publishing: Publishing) -> None:
    token = context.attach(baggage.set_baggage("customer", "4711"))
    publishing.submit()
    context.detach(token)

    assert publishing.headers()["baggage"] == "customer=4711"


def test_the_configured_propagator_writes_the_headers(publishing: Publishing) -> None:
    class OwnFormat(TextMapPropagator):
        fields = {"x-trace"}  # noqa: RUF012

        def extract(self, carrier: Any, context: Any = None, getter: Any = None) -> Any:
            return context

        def inject(self, carrier: Any, context: Any = None, setter: Any = None) -> None:
            setter.set(carrier, "x-trace", f"{trace.get_current_span(context).get_span_context().trace_id:x}")

    before = propagate.get_global_textmap()
    propagate.set_global_textmap(OwnFormat())
    publishing.submit()
    propagate.set_global_textmap(before)

    assert int(publishing.headers()["x-trace"], 16)
    assert "traceparent" not in publishing.headers()


def test_a_context_that_the_caller_gives_is_kept_and_linked(publishing: Publishing, telemetry: Telemetry) -> None:
    given = f"00-{5:032x}-{7:016x}-01"
    publishing.submit(headers={"traceparent": given})
    publishing.broker.ack(1, 1)

    assert publishing.headers()["traceparent"] == given
    assert link_kinds(telemetry.spans()[0]) == {"creation": (5, 7)}


def test_a_context_that_is_not_sampled_travels_and_is_counted() -> None:
    telemetry = Telemetry(sampler=ALWAYS_OFF)
    publishing = Publishing(telemetry.tracing)
    publishing.submit()
    publishing.broker.ack(1, 1)

    flags = int(publishing.headers()["traceparent"].rpartition("-")[2], 16)
    assert not flags & trace.TraceFlags.SAMPLED
    assert not telemetry.spans()
    assert [point.value for point in telemetry.points("messaging.client.sent.messages")] == [1]


def test_messages_go_untouched_where_nothing_is_traced() -> None:
    publishing = Publishing(UNTRACED)
    publishing.submit()

    assert set(publishing.headers()) == {"x-warren-version", "x-warren-sent-at"}


def test_without_an_sdk_the_callers_context_passes_through(telemetry: Telemetry) -> None:
    publishing = Publishing(OpenTelemetry(tracer_provider=trace.NoOpTracerProvider()))
    with telemetry.tracer.start_as_current_span("request") as request:
        publishing.submit()

    assert f"{request.get_span_context().trace_id:032x}" in publishing.headers()["traceparent"]


# -- failures -------------------------------------------------------------------------------------


def test_a_refused_message_ends_its_span_with_the_error(publishing: Publishing, telemetry: Telemetry) -> None:
    publishing.submit()
    publishing.broker.nack(1, 1)

    assert outcome(telemetry.spans()[0]) == (StatusCode.ERROR, "Nacked")


def test_an_unroutable_message_does(publishing: Publishing, telemetry: Telemetry) -> None:
    publishing.submit()
    publishing.broker.give_back(publishing.broker.publishes[0])
    publishing.broker.ack(1, 1)

    assert outcome(telemetry.spans()[0]) == (StatusCode.ERROR, "Unroutable")


def test_a_message_that_is_not_answered_does(publishing: Publishing, telemetry: Telemetry) -> None:
    publishing.submit()
    publishing.core.channel.expire(float("inf"))

    assert outcome(telemetry.spans()[0]) == (StatusCode.ERROR, "Indeterminate")


def test_a_message_that_never_left_does(telemetry: Telemetry) -> None:
    publishing = Publishing(telemetry.tracing)
    publishing.connection.down(publishing.broker)
    publishing.publisher.submit(Parcel(number=1))
    publishing.connection.loop.run()
    publishing.core.channel.expire(float("inf"))

    assert outcome(telemetry.spans()[0]) == (StatusCode.ERROR, "Blocked")


def test_a_message_that_gets_no_place_in_the_window_does(telemetry: Telemetry) -> None:
    publishing = Publishing(telemetry.tracing, window=1, timeout=0.01)
    publishing.submit(1)
    with pytest.raises(Blocked):
        publishing.publisher.submit(Parcel(number=2))

    assert [outcome(span) for span in telemetry.spans()] == [(StatusCode.ERROR, "Blocked")]


def test_a_publish_that_is_cancelled_while_it_waits_for_a_place_does(telemetry: Telemetry) -> None:
    publishing = Publishing(telemetry.tracing, window=1)
    publisher = AsyncPublisher(publishing.core)

    async def body() -> None:
        await publisher.submit(Parcel(number=1))
        waiting = asyncio.create_task(publisher.submit(Parcel(number=2)))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(body())
    assert [outcome(span) for span in telemetry.spans()] == [(StatusCode.ERROR, "asyncio.exceptions.CancelledError")]


def test_a_message_that_is_too_large_does(publishing: Publishing, telemetry: Telemetry) -> None:
    large = Parcel(number=1, note="x" * MAX_BODY)
    with pytest.raises(MessageTooLarge):
        publishing.publisher.publish(large)
    with pytest.raises(PublishManyError):
        publishing.publisher.publish_many([large])

    assert [outcome(span) for span in telemetry.spans()] == [(StatusCode.ERROR, "MessageTooLarge")] * 2


# -- names and metrics ----------------------------------------------------------------------------


def test_a_key_of_its_own_is_in_the_span_but_makes_no_new_name_or_series(
    publishing: Publishing, telemetry: Telemetry
) -> None:
    for number in range(3):
        publishing.submit(number, routing_key=f"parcels.{number}")
    publishing.broker.ack(1, 3, multiple=True)

    spans = telemetry.spans()
    assert {span.name for span in spans} == {"send shop"}
    assert [(span.attributes or {})["messaging.destination.name"] for span in spans] == [
        f"shop:parcels.{number}" for number in range(3)
    ]
    (point,) = telemetry.points("messaging.client.sent.messages")
    assert (point.value, point.attributes["messaging.destination.name"]) == (3, "shop")


def test_durations_have_the_advised_buckets(publishing: Publishing, telemetry: Telemetry) -> None:
    publishing.submit()
    publishing.broker.ack(1, 1)

    (point,) = telemetry.points("messaging.client.operation.duration")
    assert point.bounds == (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


# -- telemetry that fails -------------------------------------------------------------------------


class Failing(SpanProcessor, Sampler):
    """Raises at one of the places where a processor or sampler is called."""

    def __init__(self, place: str) -> None:
        self.place = place

    def _maybe(self, place: str) -> None:
        if place == self.place:
            raise RuntimeError("the collector is on fire")

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self._maybe("start")

    def on_end(self, span: ReadableSpan) -> None:
        self._maybe("end")

    def should_sample(self, *args: Any, **options: Any) -> SamplingResult:
        self._maybe("sample")
        return ALWAYS_OFF.should_sample(*args, **options)

    def get_description(self) -> str:
        return "failing"


@pytest.fixture
def fresh_complaints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harmless, "complaints", harmless.Complaints())


@pytest.mark.parametrize("place", ["start", "end", "sample"])
@pytest.mark.usefixtures("fresh_complaints")
def test_telemetry_that_fails_changes_no_outcome_and_is_logged_once_in_a_while(
    place: str, caplog: pytest.LogCaptureFixture
) -> None:
    failing = Failing(place)
    telemetry = Telemetry(sampler=failing if place == "sample" else None)
    telemetry.tracer_provider.add_span_processor(failing)
    publishing = Publishing(telemetry.tracing)

    with caplog.at_level(logging.ERROR, logger="warren.otel"):
        futures = [publishing.submit(number) for number in range(3)]
        publishing.broker.ack(1, 3, multiple=True)

    assert len({future.result(0.0).message_id for future in futures}) == 3
    assert len([record for record in caplog.records if record.name == "warren.otel"]) == 1


@pytest.mark.usefixtures("fresh_complaints")
def test_a_propagator_that_fails_costs_the_context_only(
    publishing: Publishing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(propagate, "inject", fail)
    future = publishing.submit()
    publishing.broker.ack(1, 1)

    assert future.result(0.0)
    assert "traceparent" not in publishing.headers()


# -- switching it on ------------------------------------------------------------------------------


@pytest.fixture
def restored_default() -> Iterator[Callable[[], None]]:
    yield WarrenInstrumentor().uninstrument
    WarrenInstrumentor().uninstrument()


def test_one_application_is_instrumented_alone(telemetry: Telemetry) -> None:
    app, other = Warren("shop"), Warren("billing")
    instrument(app, **telemetry.providers)

    assert isinstance(app.tracing, OpenTelemetry)
    assert other.tracing is None


def test_the_instrumentor_of_the_entry_point_instruments_the_process(
    telemetry: Telemetry, restored_default: Callable[[], None]
) -> None:
    from importlib.metadata import entry_points

    (found,) = entry_points(group="opentelemetry_instrumentor", name="warren")
    found.load()().instrument(**telemetry.providers, skip_dep_check=True)
    assert isinstance(default_tracing(), OpenTelemetry)

    restored_default()
    assert default_tracing() is UNTRACED
