"""Each event becomes one record: a line for people, fields for programs, at a level that fits."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import fields

import pytest

from warren.observability import events
from warren.observability.events import Event, EventBus
from warren.observability.logs import LEVELS, JsonFormatter, log_events

MESSAGE = ("m-1", "orders.created")
CONSUMER = ("billing.invoices", "billing")

D, I, W, E = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR  # noqa: E741

LINES: list[tuple[Event, int, str]] = [
    (
        events.Published(*MESSAGE, "orders", "orders.created"),
        D,
        "publishing orders.created m-1 to exchange orders, key orders.created",
    ),
    (
        events.Confirmed(*MESSAGE, "", "jobs", 0.0123),
        D,
        "published orders.created m-1 to queue jobs, confirmed in 12.3 ms",
    ),
    (
        events.Returned(*MESSAGE, "audit", "", "312 NO_ROUTE"),
        E,
        "not routed: orders.created m-1 to exchange audit: 312 NO_ROUTE",
    ),
    (
        events.ConfirmFailed(*MESSAGE, "", "jobs", "nacked", "its queue is full"),
        E,
        "not confirmed (nacked): orders.created m-1 to queue jobs: its queue is full",
    ),
    (
        events.Delivered(*CONSUMER, *MESSAGE, 1, True),
        D,
        "delivered orders.created m-1 from billing.invoices, attempt 1, redelivered",
    ),
    (
        events.Delivered(*CONSUMER, "m-1", "", 2, False),
        D,
        "delivered message m-1 from billing.invoices, attempt 2",
    ),
    (
        events.Processed(*CONSUMER, *MESSAGE, 1, 0.002, 1.5),
        D,
        "processed orders.created m-1 from billing.invoices in 2.0 ms, attempt 1, lag 1.5 s",
    ),
    (
        events.Processed(*CONSUMER, *MESSAGE, 1, 2.0, None),
        D,
        "processed orders.created m-1 from billing.invoices in 2.0 s, attempt 1",
    ),
    (
        events.Retried(
            *CONSUMER, *MESSAGE, 1, 10.0, "transient", "ConnectionError: refused", "ConnectionError@shop/a.py:f"
        ),
        W,
        (
            "attempt 1 of orders.created m-1 from billing.invoices failed (transient), again in 10.0 s: "
            "ConnectionError: refused"
        ),
    ),
    (
        events.DeadLettered(*CONSUMER, *MESSAGE, 4, "exhausted", "KeyError: 'sku'", "KeyError@shop/a.py:f"),
        E,
        (
            "dead-lettered orders.created m-1 from billing.invoices (exhausted) after attempt 4: "
            "KeyError: 'sku' [KeyError@shop/a.py:f]"
        ),
    ),
    (
        events.DuplicateAbsorbed(*CONSUMER, "m-1", "4821", "orders.created"),
        I,
        "duplicate absorbed: message m-1 from billing.invoices, key '4821' is done",
    ),
    (
        events.InProgressDeferred(*CONSUMER, "m-1", "4821", "orders.created"),
        I,
        "deferred message m-1 from billing.invoices: key '4821' is being processed elsewhere",
    ),
    (
        events.TimeLimitExceeded(*CONSUMER, "m-1", 30.0),
        W,
        "handler of billing ran longer than 30.0 s on message m-1 from billing.invoices",
    ),
    (
        events.SettleDelayed(*CONSUMER, "m-1", "billing.invoices.dead", "returned", 0.2),
        W,
        (
            "message m-1 from billing.invoices stays unacknowledged: its copy to billing.invoices.dead "
            "is not confirmed (returned); again in 200.0 ms"
        ),
    ),
    (
        events.AckDropped(*CONSUMER, 3),
        W,
        "3 acknowledgements of billing.invoices came after their channel was gone; the broker redelivers",
    ),
    (events.Connected("billing", "rabbit:5672", 1), I, "billing connected to rabbit:5672"),
    (events.Connected("billing", "rabbit:5672", 3), I, "billing connected to rabbit:5672 at attempt 3"),
    (events.Disconnected("billing", "rabbit:5672", "reset"), W, "billing lost its connection to rabbit:5672: reset"),
    (events.Reconnecting("billing", 2, 0.5, "refused"), W, "billing connects again in 500.0 ms, attempt 2: refused"),
    (events.Blocked("billing", "low on disk"), W, "billing is blocked by the broker, publishing waits: low on disk"),
    (events.Unblocked("billing"), I, "billing is no longer blocked, publishing goes on"),
    (events.Subscribed(*CONSUMER, 1), I, "billing consumes billing.invoices"),
    (events.Subscribed(*CONSUMER, 2), I, "billing consumes billing.invoices, subscription 2"),
    (
        events.ConsumerCancelled(*CONSUMER, "queue deleted"),
        W,
        "billing lost its subscription to billing.invoices and subscribes again: queue deleted",
    ),
    (events.TopologyApplied(("queue a", "queue b")), I, "created on the broker: queue a, queue b"),
    (events.TopologyApplied(()), I, "nothing to create on the broker"),
    (events.WorkerStarted(7, ("billing", "audit")), I, "worker 7 started with billing, audit"),
    (events.WorkerExited(7, -9, "killed", 1.0), W, "worker 7 ended with exit code -9 (killed), replaced in 1.0 s"),
    (events.WorkerExited(7, 0, "stopped", None), W, "worker 7 ended with exit code 0 (stopped), not replaced"),
    (events.ShutdownStarted("SIGTERM", 4, 30.0), I, "shutting down (SIGTERM): 4 deliveries in flight have 30.0 s"),
    (events.ShutdownFinished(0), I, "shut down, all finished"),
    (events.ShutdownFinished(2), I, "shut down, 2 deliveries unfinished, the broker redelivers them"),
]


class Kept(logging.Handler):
    """Keeps records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def logger(kept: Kept) -> Iterator[logging.Logger]:
    logger = logging.Logger("test", logging.DEBUG)
    logger.addHandler(kept)
    yield logger
    logger.removeHandler(kept)


@pytest.mark.parametrize(("event", "level", "text"), LINES)
def test_an_event_becomes_one_line_at_its_level(
    event: Event, level: int, text: str, logger: logging.Logger, kept: Kept
) -> None:
    bus = EventBus()
    log_events(bus, logger)

    bus.emit(event)

    (record,) = kept.records
    assert (record.levelno, record.getMessage()) == (level, text)


def test_every_event_has_a_level_and_a_line() -> None:
    defined = {each for each in vars(events).values() if isinstance(each, type) and issubclass(each, Event)} - {Event}

    assert set(LEVELS) == defined
    assert {type(event) for event, _, _ in LINES} == defined


def test_the_fields_of_an_event_are_attributes_of_its_record(logger: logging.Logger, kept: Kept) -> None:
    bus = EventBus()
    log_events(bus, logger)

    bus.emit(events.DeadLettered(*CONSUMER, *MESSAGE, 4, "exhausted", "KeyError: 'sku'", "f"))
    bus.emit(events.Connected("billing", "rabbit:5672", 1))

    dead, connected = (vars(record) for record in kept.records)
    assert (dead["event"], dead["queue"], dead["message_id"]) == ("dead_lettered", "billing.invoices", "m-1")
    assert (dead["attempt"], dead["reason"]) == (4, "exhausted")
    assert (connected["event"], connected["connection"]) == ("connected", "billing")


def test_no_field_takes_a_name_that_log_records_have(logger: logging.Logger, kept: Kept) -> None:
    bus = EventBus()
    log_events(bus, logger)

    for event, _, _ in LINES:
        bus.emit(event)

    for record, (event, _, _) in zip(kept.records, LINES, strict=True):
        values = vars(record).values()
        assert all(getattr(event, field.name) in values for field in fields(event))


def test_events_below_the_loggers_level_are_not_subscribed_to(logger: logging.Logger) -> None:
    logger.setLevel(logging.WARNING)
    bus = EventBus()
    log_events(bus, logger)

    wanted = {event_type for event_type in LEVELS if bus.wants(event_type)}
    assert wanted == {event_type for event_type, level in LEVELS.items() if level >= logging.WARNING}
    assert events.Processed not in wanted


def test_without_a_logger_the_one_named_warren_is_used(caplog: pytest.LogCaptureFixture) -> None:
    bus = EventBus()
    with caplog.at_level(logging.WARNING, "warren"):
        log_events(bus)
        bus.emit(events.Blocked("billing", "low on disk"))

    assert [record.name for record in caplog.records] == ["warren"]


def test_a_line_break_in_a_message_id_does_not_forge_a_record(logger: logging.Logger, kept: Kept) -> None:
    bus = EventBus()
    log_events(bus, logger)

    bus.emit(events.DuplicateAbsorbed("q", "c", "m\nERROR all is lost", "k", "t"))

    assert kept.records[0].getMessage() == "duplicate absorbed: message m\\nERROR all is lost from q, key 'k' is done"


# -- JSON ---------------------------------------------------------------------------------


def test_a_json_line_holds_the_text_and_the_fields(logger: logging.Logger, kept: Kept) -> None:
    bus = EventBus()
    log_events(bus, logger)
    bus.emit(events.TopologyApplied(("queue ä",)))
    record = kept.records[0]
    record.created = 1_700_000_000.25

    line = JsonFormatter().format(record)

    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.250+00:00",
        "level": "info",
        "logger": "test",
        "process": record.process,
        "message": "created on the broker: queue ä",
        "event": "topology_applied",
        "created_on_broker": ["queue ä"],
    }
    assert "\n" not in line


def test_a_json_line_holds_the_exception_and_what_json_does_not_know(logger: logging.Logger, kept: Kept) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        logger.exception("failed %s", "badly", extra={"where": {1}}, stack_info=True)

    line = JsonFormatter().format(kept.records[0])

    read = json.loads(line)
    assert "\n" not in line
    assert read["message"] == "failed badly"
    assert read["where"] == "{1}"
    assert read["exception"].endswith("ValueError: broken")
    assert read["stack"].startswith("Stack")


def test_a_json_line_can_always_be_written(logger: logging.Logger, kept: Kept) -> None:
    logger.warning("type %s", b"\xff".decode("utf-8", "surrogateescape"))

    JsonFormatter().format(kept.records[0]).encode("utf-8")
