"""Events as log records: one readable line each, their fields beside it, and a formatter that writes JSON lines.

Not here: the events (`events.py`), or where records go: that is the application's logging set-up.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final

from warren.observability import events
from warren.observability.events import Event, EventBus

__all__ = ["LEVELS", "JsonFormatter", "log_events"]

LOGGER: Final = "warren"

LEVELS: Final[dict[type[Event], int]] = {
    events.Published: logging.DEBUG,
    events.Confirmed: logging.DEBUG,
    events.Returned: logging.ERROR,
    events.ConfirmFailed: logging.ERROR,
    events.Delivered: logging.DEBUG,
    events.Processed: logging.DEBUG,
    events.Retried: logging.WARNING,
    events.DeadLettered: logging.ERROR,
    events.DuplicateAbsorbed: logging.INFO,
    events.InProgressDeferred: logging.INFO,
    events.TimeLimitExceeded: logging.WARNING,
    events.SettleDelayed: logging.WARNING,
    events.AckDropped: logging.WARNING,
    events.Connected: logging.INFO,
    events.Disconnected: logging.WARNING,
    events.Reconnecting: logging.WARNING,
    events.Blocked: logging.WARNING,
    events.Unblocked: logging.INFO,
    events.Subscribed: logging.INFO,
    events.ConsumerCancelled: logging.WARNING,
    events.TopologyApplied: logging.INFO,
    events.WorkerStarted: logging.INFO,
    events.WorkerExited: logging.WARNING,
    events.ShutdownStarted: logging.INFO,
    events.ShutdownFinished: logging.INFO,
}
"""How loud each event is."""

# Fields whose names a log record has taken.
_RENAMED: Final = {"name": "connection", "created": "created_on_broker"}


def log_events(bus: EventBus, logger: logging.Logger | None = None) -> None:
    """Write the bus's events to a logger, `warren` unless another is given.

    Only events whose level is enabled now are subscribed to, so that those of every message cost nothing unless DEBUG
    is on; set the level first. A record's `event` is the event's name (`dead_lettered`), and each field of the event
    is an attribute of the record. Handlers of the logger run on the emitting thread: they must not block.
    """
    target = logger if logger is not None else logging.getLogger(LOGGER)
    for event_type, level in LEVELS.items():
        if target.isEnabledFor(level):
            bus.subscribe(_writer(target, event_type, level), event_type)


def _writer(logger: logging.Logger, event_type: type[Event], level: int) -> Callable[[Event], None]:
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", event_type.__name__).lower()
    names = [(field.name, _RENAMED.get(field.name, field.name)) for field in fields(event_type)]

    def write(event: Event) -> None:
        extra = {shown: getattr(event, own) for own, shown in names}
        logger.log(level, "%s", _printable(text_of(event)), extra={"event": name, **extra})

    return write


# -- the line -----------------------------------------------------------------------------


def text_of(event: Event) -> str:  # noqa: C901 - one line an event
    """Return the readable line of an event."""
    match event:
        case events.Published(id_, type_, exchange, key):
            return f"publishing {_message(id_, type_)} to {_target(exchange, key)}"
        case events.Confirmed(id_, type_, exchange, key, seconds):
            return f"published {_message(id_, type_)} to {_target(exchange, key)}, confirmed in {_span(seconds)}"
        case events.Returned(id_, type_, exchange, key, reason):
            return f"not routed: {_message(id_, type_)} to {_target(exchange, key)}: {reason}"
        case events.ConfirmFailed(id_, type_, exchange, key, outcome, reason):
            return f"not confirmed ({outcome}): {_message(id_, type_)} to {_target(exchange, key)}: {reason}"
        case events.Delivered(queue, _, id_, type_, attempt, redelivered):
            again = ", redelivered" if redelivered else ""
            return f"delivered {_message(id_, type_)} from {queue}, attempt {attempt}{again}"
        case events.Processed(queue, _, id_, type_, attempt, seconds, lag):
            behind = "" if lag is None else f", lag {_span(lag)}"
            return f"processed {_message(id_, type_)} from {queue} in {_span(seconds)}, attempt {attempt}{behind}"
        case events.Retried(queue, _, id_, type_, attempt, delay, classification, error):
            what = f"attempt {attempt} of {_message(id_, type_)} from {queue} failed"
            return f"{what} ({classification}), again in {_span(delay)}: {error}"
        case events.DeadLettered(queue, _, id_, type_, attempt, reason, error, fingerprint):
            what = f"dead-lettered {_message(id_, type_)} from {queue} ({reason}) after attempt {attempt}"
            return f"{what}: {error} [{fingerprint}]"
        case events.DuplicateAbsorbed(queue, _, id_, key):
            return f"duplicate absorbed: message {id_} from {queue}, key {key!r} is done"
        case events.InProgressDeferred(queue, _, id_, key):
            return f"deferred message {id_} from {queue}: key {key!r} is being processed elsewhere"
        case events.TimeLimitExceeded(queue, consumer, id_, limit):
            return f"handler of {consumer} ran longer than {_span(limit)} on message {id_} from {queue}"
        case events.SettleDelayed(queue, _, id_, target, reason, next_try):
            what = f"message {id_} from {queue} stays unacknowledged: its copy to {target} is not confirmed"
            return f"{what} ({reason}); again in {_span(next_try)}"
        case events.AckDropped(queue, _, count):
            return f"{count} acknowledgements of {queue} came after their channel was gone; the broker redelivers"
        case events.Connected(name, host, attempt):
            return f"{name} connected to {host}" + (f" at attempt {attempt}" if attempt > 1 else "")
        case events.Disconnected(name, host, reason):
            return f"{name} lost its connection to {host}: {reason}"
        case events.Reconnecting(name, attempt, delay, reason):
            return f"{name} connects again in {_span(delay)}, attempt {attempt}: {reason}"
        case events.Blocked(name, reason):
            return f"{name} is blocked by the broker, publishing waits: {reason}"
        case events.Unblocked(name):
            return f"{name} is no longer blocked, publishing goes on"
        case events.Subscribed(queue, consumer, generation):
            return f"{consumer} consumes {queue}" + (f", subscription {generation}" if generation > 1 else "")
        case events.ConsumerCancelled(queue, consumer, reason):
            return f"{consumer} lost its subscription to {queue} and subscribes again: {reason}"
        case events.TopologyApplied(created):
            return f"created on the broker: {', '.join(created)}" if created else "nothing to create on the broker"
        case events.WorkerStarted(pid, consumers):
            return f"worker {pid} started with {', '.join(consumers)}"
        case events.WorkerExited(pid, exit_code, reason, restart_in):
            then = "not replaced" if restart_in is None else f"replaced in {_span(restart_in)}"
            return f"worker {pid} ended with exit code {exit_code} ({reason}), {then}"
        case events.ShutdownStarted(reason, in_flight, grace):
            return f"shutting down ({reason}): {in_flight} deliveries in flight have {_span(grace)}"
        case events.ShutdownFinished(unfinished):
            rest = f"{unfinished} deliveries unfinished, the broker redelivers them" if unfinished else "all finished"
            return f"shut down, {rest}"
        case _:
            return repr(event)


def _printable(text: str) -> str:
    # Ids, types and keys come from other programs; a line break in one must not forge a record.
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _message(message_id: str, message_type: str) -> str:
    return f"{message_type} {message_id}" if message_type else f"message {message_id}"


def _target(exchange: str, routing_key: str) -> str:
    if not exchange:
        return f"queue {routing_key}"
    return f"exchange {exchange}, key {routing_key}" if routing_key else f"exchange {exchange}"


def _span(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if abs(seconds) < 1 else f"{seconds:.1f} s"


# -- JSON ---------------------------------------------------------------------------------

_STANDARD: Final = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"})


class JsonFormatter(logging.Formatter):
    """Writes each record as one line of JSON.

    `time` (UTC), `level`, `logger`, `process` (its id) and `message` come first, then what is in `extra`.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD and name not in line}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        text = json.dumps(line, ensure_ascii=False, default=str)
        # A name that is not UTF-8 on the wire is read with surrogates, which no stream takes.
        return text.encode("utf-8", "backslashreplace").decode()
