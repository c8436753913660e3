"""What a message that is held tells of itself: where it comes from, how old it is, and what it failed of.

Not here: its body (`body.py`), and how it is shown (`cli/`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, final

from warren.contracts.headers import MAX_EPOCH_SECONDS, VERSION, attempt_of, origin_of, sent_at_of
from warren.contracts.properties import Headers, Properties
from warren.operations.body import json_of_body
from warren.operations.lease import DELIVERY_COUNT, Held
from warren.operations.plain import as_plain
from warren.operations.resolve import deaths_of
from warren.reliability import dead_letter

__all__ = ["Described", "WhyDead", "describe", "fingerprint_of", "iso_time", "why_dead"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WhyDead:
    """Why a message was dead-lettered: as a worker wrote it down, else as the broker did.

    What nobody wrote down is empty or None, as is what the application blanked. Times are in seconds since the epoch.
    """

    reason: str
    fingerprint: str
    error_type: str = ""
    error: str = ""
    stack: str = ""
    queue: str = ""
    consumer: str = ""
    host: str = ""
    code_version: str = ""
    trace_id: str = ""
    attempts: int | None = None
    first_failed_at: float | None = None
    last_failed_at: float | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A message in the words of who looks for it. `exchange` and `routing_key` are those it was published with.

    `delivery_count` counts the deliveries before this one that ended without an acknowledgement; only quorum queues
    count them. `sent_at` is in seconds since the epoch.
    """

    message_id: str
    type: str
    version: int | None
    exchange: str
    routing_key: str
    redelivered: bool
    delivery_count: int | None
    attempts: int
    sent_at: float | None
    dead: WhyDead | None
    properties: Properties
    body: bytes

    @property
    def fingerprint(self) -> str:
        """What names its failure; made of its type where no failure is known."""
        return self.dead.fingerprint if self.dead is not None else _unknown(self.properties)

    def age(self, now: float) -> float | None:
        """Return how many seconds ago it was published first."""
        return None if self.sent_at is None else max(0.0, now - self.sent_at)

    def as_json(self, *, now: float, full: bool = False) -> dict[str, Any]:
        """Return it as JSON would have it. The stack, which may be long, only where `full`."""
        age = self.age(now)
        return {
            "message_id": self.message_id or None,
            "type": self.type or None,
            "version": self.version,
            "exchange": self.exchange,
            "routing_key": self.routing_key,
            "redelivered": self.redelivered,
            "delivery_count": self.delivery_count,
            "attempts": self.attempts,
            "sent_at": iso_time(self.sent_at),
            "age_seconds": None if age is None else round(age, 3),
            "dead": None if self.dead is None else _dead_as_json(self.dead, full=full),
            "properties": _properties_as_json(self.properties),
            "headers": _headers_as_json(self.properties.headers, full=full),
            "size": len(self.body),
            **json_of_body(self.body, self.properties.content_encoding),
        }


def describe(held: Held) -> Described:
    """Read all of a message but its body; never raises, whatever its headers hold."""
    properties = held.properties
    dead = why_dead(properties)
    attempts = dead.attempts if dead is not None and dead.attempts is not None else attempt_of(properties)
    exchange, routing_key = _origin(held)
    return Described(
        message_id=properties.message_id or "",
        type=properties.type or "",
        version=_int(properties.headers.get(VERSION)),
        exchange=exchange,
        routing_key=routing_key,
        redelivered=held.redelivered,
        delivery_count=delivery_count_of(properties.headers),
        attempts=attempts,
        sent_at=sent_at_of(properties),
        dead=dead,
        properties=properties,
        body=held.body,
    )


def fingerprint_of(properties: Properties) -> str:
    """Return what names a message's failure, without looking at anything else."""
    written = properties.headers.get(dead_letter.FINGERPRINT)
    if isinstance(written, str) and written:
        return written
    dead = why_dead(properties)
    return dead.fingerprint if dead is not None else _unknown(properties)


def delivery_count_of(headers: Headers) -> int | None:
    """Return how often a quorum queue has delivered the message in vain; None where none counted."""
    return _int(headers.get(DELIVERY_COUNT))


def why_dead(properties: Properties) -> WhyDead | None:
    """Return why a message was dead-lettered; None where it was not, or nobody wrote it down."""
    headers = properties.headers
    if dead_letter.REASON in headers or dead_letter.FINGERPRINT in headers:
        return _as_workers_say(properties)
    death = next(deaths_of(headers), None)
    return None if death is None else _as_the_broker_says(death)


def _as_workers_say(properties: Properties) -> WhyDead:
    headers = properties.headers
    return WhyDead(
        reason=_text(headers, dead_letter.REASON),
        fingerprint=_text(headers, dead_letter.FINGERPRINT) or _unknown(properties),
        error_type=_text(headers, dead_letter.ERROR_TYPE),
        error=_text(headers, dead_letter.ERROR),
        stack=_text(headers, dead_letter.STACK),
        queue=_text(headers, dead_letter.QUEUE),
        consumer=_text(headers, dead_letter.CONSUMER),
        host=_text(headers, dead_letter.HOST),
        code_version=_text(headers, dead_letter.CODE_VERSION),
        trace_id=_text(headers, dead_letter.TRACE_ID),
        attempts=_int(headers.get(dead_letter.ATTEMPTS)),
        first_failed_at=_seconds(headers.get(dead_letter.FIRST_FAILED_AT)),
        last_failed_at=_seconds(headers.get(dead_letter.LAST_FAILED_AT)),
    )


def _as_the_broker_says(death: Mapping[str, Any]) -> WhyDead:
    """`expired@orders`: the broker knows no error, only why and from where."""
    reason, queue = _text(death, "reason") or "unknown", _text(death, "queue") or "unknown"
    time = death.get("time")
    at = time.timestamp() if isinstance(time, datetime) else None
    return WhyDead(reason=reason, fingerprint=f"{reason}@{queue}", queue=queue, first_failed_at=at, last_failed_at=at)


def _unknown(properties: Properties) -> str:
    return f"unknown@{properties.type or 'unknown'}"


def _origin(held: Held) -> tuple[str, str]:
    """Return exchange and routing key: of a dead letter as its worker or the broker noted them."""
    headers = held.properties.headers
    if dead_letter.ROUTING_KEY in headers:
        return _text(headers, dead_letter.EXCHANGE), _text(headers, dead_letter.ROUTING_KEY)
    death = next(deaths_of(headers), None)
    if death is not None:
        keys = death.get("routing-keys")
        key = keys[0] if isinstance(keys, list) and keys and isinstance(keys[0], str) else held.routing_key
        return origin_of(held.properties, _text(death, "exchange"), key)
    return origin_of(held.properties, held.exchange, held.routing_key)


def _int(value: object) -> int | None:
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _text(table: Mapping[str, Any], name: str) -> str:
    value = table.get(name)
    return value if isinstance(value, str) else "" if value is None else str(as_plain(value))


def _seconds(value: object) -> float | None:
    """Read milliseconds since the epoch."""
    number = _int(value)
    return number / 1000 if number is not None and 0 < number < MAX_EPOCH_SECONDS * 1000 else None


# -- as JSON ------------------------------------------------------------------------------


def iso_time(seconds: float | None) -> str | None:
    """Write seconds since the epoch as ISO 8601; None where nobody can."""
    if seconds is None:
        return None
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):  # beyond the year 9999: nobody's clock, but someone's header
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _dead_as_json(dead: WhyDead, *, full: bool) -> dict[str, Any]:
    told = {name: getattr(dead, name) for name in WhyDead.__dataclass_fields__}
    told["first_failed_at"], told["last_failed_at"] = iso_time(dead.first_failed_at), iso_time(dead.last_failed_at)
    if not full:
        del told["stack"]
    return told


def _properties_as_json(properties: Properties) -> dict[str, Any]:
    told = properties._asdict()
    del told["headers"]
    return {name: as_plain(value) for name, value in told.items() if value is not None}


def _headers_as_json(headers: Headers, *, full: bool) -> dict[str, Any]:
    return {
        str(as_plain(name)): as_plain(value) for name, value in headers.items() if full or name != dead_letter.STACK
    }
