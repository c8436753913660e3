"""Spans of deliveries: attempts and settlements, in the message's own context, whatever becomes of them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy
from opentelemetry import context, trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import StatusCode

from tests.support.consuming import QUEUE, Consuming, InboxDouble, OrderCreated
from tests.support.telemetry import Telemetry, ids, link_kinds
from warren import Permanent, Retry
from warren.contracts.headers import EXCHANGE, PREVIOUS_ATTEMPT, ROUTING_KEY
from warren.contracts.incoming import Incoming
from warren.contracts.properties import Properties
from warren.errors import StoreUnavailable
from warren.observability.otel import OpenTelemetry
from warren.observability.tracing import Consumption
from warren.reliability.stores.memory import MemoryStore
from warren.transport.wire import decode_properties

Consume = Callable[..., Consuming]
TRACE, SPAN = 0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7
HEADERS = {"traceparent": f"00-{TRACE:032x}-{SPAN:016x}-01"}


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


@pytest.fixture
def consume(telemetry: Telemetry) -> Iterator[Consume]:
    open_ones: list[Consuming] = []

    def start(handler: Callable[..., Any], **options: Any) -> Consuming:
        options = {"retry": Retry("10s"), "tracing": telemetry.tracing, **options}
        open_ones.append(Consuming(handler, **options))
        return open_ones[-1]

    yield start
    for one in open_ones:
        one.close()


def outcome(span: ReadableSpan) -> tuple[str, StatusCode, object]:
    return span.name, span.status.status_code, (span.attributes or {}).get("error.type")


def confirm_copies(consuming: Consuming, count: int = 1) -> None:
    consuming.wait_copied(count)
    consuming.broker.ack(consuming.copies, count, multiple=True)


def parent_of(span: ReadableSpan) -> tuple[int, int]:
    assert span.parent is not None
    return span.parent.trace_id, span.parent.span_id


# -- attempts -------------------------------------------------------------------------------------


def test_the_attempt_is_current_while_the_handler_runs_and_not_after(consume: Consume, telemetry: Telemetry) -> None:
    seen: list[tuple[int, int]] = []

    def handle(_order: OrderCreated) -> None:
        own = trace.get_current_span().get_span_context()
        seen.append((own.trace_id, own.span_id))

    consuming = consume(handle, concurrency=1)
    consuming.deliver(1, headers=HEADERS)
    consuming.wait_in_flight(0)
    consuming.deliver(2, first_tag=2)
    consuming.wait_in_flight(0)

    first, second = telemetry.spans("process")
    assert seen == [ids(first), ids(second)]
    assert parent_of(first) == (TRACE, SPAN)
    assert second.parent is None, "the thread must have forgotten the first one's context"


def test_what_was_current_when_the_threads_began_is_no_parent(telemetry: Telemetry) -> None:
    """As tools that carry the context into new threads make it."""
    tracer = telemetry.tracing.consumer(Consumption(QUEUE, frozenset()), lambda: None)
    incoming = Incoming(b"{}", Properties(headers=HEADERS), "orders", "orders.created", False, 1, 1, "c")
    with telemetry.tracer.start_as_current_span("start-up") as ambient:
        attempt = tracer.process(incoming, "m-1")
        assert attempt is not None
        attempt.end()
        assert trace.get_current_span() is ambient

    assert parent_of(telemetry.spans("process")[0]) == (TRACE, SPAN)


def test_a_failed_attempt_tells_its_error_and_leads_on_from_the_copy(consume: Consume, telemetry: Telemetry) -> None:
    def handle(_order: OrderCreated) -> None:
        raise TimeoutError("the bank is slow")

    consuming = consume(handle)
    consuming.deliver(1, headers=HEADERS)
    confirm_copies(consuming)
    consuming.wait_in_flight(0)

    (process,), (settle,) = telemetry.spans("process"), telemetry.spans("retry")
    assert outcome(process) == (f"process {QUEUE}", StatusCode.ERROR, "TimeoutError")
    assert [event.name for event in process.events] == ["exception"]
    assert outcome(settle)[1:] == (StatusCode.UNSET, None)
    assert parent_of(settle) == ids(process)
    headers = copy_headers(consuming)
    assert headers["traceparent"] == HEADERS["traceparent"]
    trace_id, span_id = ids(process)
    assert str(headers[PREVIOUS_ATTEMPT]).startswith(f"00-{trace_id:032x}-{span_id:016x}-")


def copy_headers(consuming: Consuming) -> dict[str, Any]:
    return dict(decode_properties(consuming.broker.publishes[-1].properties, 0).headers)


def test_an_attempt_links_to_the_one_before(consume: Consume, telemetry: Telemetry) -> None:
    consuming = consume(lambda order: None)
    headers = {**HEADERS, PREVIOUS_ATTEMPT: f"00-{TRACE:032x}-{9:016x}-01", EXCHANGE: "", ROUTING_KEY: QUEUE}
    consuming.deliver(1, headers=headers)
    consuming.wait_in_flight(0)

    (process,) = telemetry.spans("process")
    assert link_kinds(process) == {"creation": (TRACE, SPAN), "previous_attempt": (TRACE, 9)}
    assert process.name == f"process {QUEUE}"


@pytest.mark.parametrize("value", ["nonsense", 7, b"00-1-2-3"], ids=["text", "number", "bytes"])
def test_a_senseless_attempt_before_is_no_error(consume: Consume, telemetry: Telemetry, value: Any) -> None:
    consuming = consume(lambda order: None)
    consuming.deliver(1, headers={PREVIOUS_ATTEMPT: value})
    consuming.wait_in_flight(0)

    assert not telemetry.spans("process")[0].links


def test_a_message_that_breaks_its_contract_has_a_failed_attempt(consume: Consume, telemetry: Telemetry) -> None:
    consuming = consume(lambda order: None)
    consuming.deliver(1, type="orders.shipped", headers=HEADERS)
    confirm_copies(consuming)
    consuming.wait_in_flight(0)

    (process,), (settle,) = telemetry.spans("process"), telemetry.spans("dead_letter")
    assert outcome(process)[1:] == (StatusCode.ERROR, "UnknownType")
    assert parent_of(process) == (TRACE, SPAN)
    assert outcome(settle)[1:] == (StatusCode.UNSET, None)
    assert copy_headers(consuming)["x-warren-dead-trace-id"] == f"{TRACE:032x}"


def test_a_duplicate_is_settled_without_an_attempt(consume: Consume, telemetry: Telemetry) -> None:
    consuming = consume(lambda order: None, store=MemoryStore(), idempotent=lambda order: "the same")
    consuming.deliver(1, headers=HEADERS)
    consuming.wait_in_flight(0)
    consuming.deliver(2, first_tag=2, headers=HEADERS)
    consuming.wait_in_flight(0)

    (process,), (first, second) = telemetry.spans("process"), telemetry.spans("ack")
    assert (parent_of(first), parent_of(second)) == (ids(process), (TRACE, SPAN))


def test_a_handler_beyond_its_time_limit_ends_its_attempt_then(consume: Consume, telemetry: Telemetry) -> None:
    go_on = threading.Event()
    consuming = consume(lambda order: go_on.wait(30.0) and None, time_limit="20ms")
    consuming.deliver(1, headers=HEADERS)
    confirm_copies(consuming)

    assert outcome(telemetry.wait_spans("process")[0])[1:] == (StatusCode.ERROR, "HandlerTimeout")
    go_on.set()
    consuming.wait_in_flight(0)
    assert len(telemetry.spans("process")) == 1


def test_the_commit_of_the_inbox_is_part_of_the_attempt(consume: Consume, telemetry: Telemetry) -> None:
    store = InboxDouble()
    store.commit_errors = [StoreUnavailable("no route"), ValueError("a constraint")]

    def handle(order: OrderCreated, connection: sqlalchemy.Connection) -> None: ...

    consuming = consume(handle, store=store)
    consuming.deliver(1, headers=HEADERS)
    confirm_copies(consuming)
    consuming.wait_in_flight(0)

    assert [outcome(span)[2] for span in telemetry.spans("process")] == ["StoreUnavailable", "ValueError"]
    assert [span.name.split()[0] for span in telemetry.spans()] == ["process", "process", "retry"]


def test_texts_of_errors_are_not_told_where_they_are_redacted(telemetry: Telemetry) -> None:
    tracer = telemetry.tracing.consumer(Consumption(QUEUE, frozenset(), hides_errors=True), lambda: None)
    attempt = tracer.process(Incoming(b"{}", Properties(), "", QUEUE, False, 1, 1, "c"), "m-1")
    assert attempt is not None
    attempt.fail(Permanent("card 4111 1111 1111 1111"))
    attempt.end()

    (span,) = telemetry.spans()
    assert "4111" not in span.to_json()
    assert outcome(span)[1:] == (StatusCode.ERROR, "Permanent")


# -- settlements ----------------------------------------------------------------------------------


def fail(_order: OrderCreated) -> None:
    raise Permanent("no")


def test_a_copy_that_is_refused_first_is_one_settlement(consume: Consume, telemetry: Telemetry) -> None:
    consuming = consume(fail)
    consuming.deliver(1)
    consuming.wait_copied(1)
    consuming.broker.nack(consuming.copies, 1)
    assert not telemetry.spans("dead_letter")
    consuming.connection.loop.advance(1.0)
    consuming.wait_copied(2)
    consuming.broker.ack(consuming.copies, 2)

    (settle,) = telemetry.spans("dead_letter")
    assert outcome(settle)[1:] == (StatusCode.UNSET, None)


def test_a_settlement_whose_channel_is_gone_fails(consume: Consume, telemetry: Telemetry) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def handle(_order: OrderCreated) -> None:
        begun.set()
        may_end.wait(10.0)

    consuming = consume(handle, concurrency=1)
    consuming.deliver(1, 2)
    assert begun.wait(10.0)
    consuming.reconnect()
    may_end.set()
    consuming.wait_in_flight(0)

    # The second was not begun, and has nothing to tell.
    assert [outcome(span)[1:] for span in telemetry.spans("ack")] == [(StatusCode.ERROR, "Indeterminate")]
    assert len(telemetry.spans()) == 2


# -- telemetry that fails -------------------------------------------------------------------------


class Refusing(SpanProcessor):
    def on_start(self, span: Any, parent_context: Any = None) -> None:
        raise RuntimeError("the collector is on fire")


def test_telemetry_that_fails_leaves_every_delivery_its_outcome(
    consume: Consume, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    telemetry.tracer_provider.add_span_processor(Refusing())
    handled: list[int] = []

    def handle(order: OrderCreated) -> None:
        handled.append(order.order_id)
        if order.order_id == 2:
            raise Permanent("no")

    with caplog.at_level(logging.CRITICAL):
        consuming = consume(handle)
        consuming.deliver(1, 2)
        confirm_copies(consuming)
        consuming.wait_in_flight(0)

    assert sorted(handled) == [1, 2]
    assert consuming.copied() == [f"{QUEUE}.dead"]


def test_without_an_sdk_nothing_is_told_and_the_context_passes_through(consume: Consume) -> None:
    seen: list[int] = []

    def handle(_order: OrderCreated) -> None:
        seen.append(trace.get_current_span(context.get_current()).get_span_context().trace_id)

    consuming = consume(handle, tracing=OpenTelemetry(tracer_provider=trace.NoOpTracerProvider()))
    consuming.deliver(1, headers=HEADERS)
    consuming.wait_in_flight(0)
    consuming.deliver(2, first_tag=2)
    consuming.wait_in_flight(0)

    assert seen == [TRACE, 0]
