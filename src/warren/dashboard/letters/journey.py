"""What happened to a message, step by step, as its headers tell: published, tried, delayed, dead, replayed, edited.

Not here: what each header means (`contracts/headers.py`, `reliability/dead_letter.py`), and how it is drawn (`pages/`).

Nobody keeps a log of a message: a step without a time is known to have been, and not when. A replay takes the marks of
the former death away, but for what it was, so the attempts that are told are those since the last replay.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, final

from warren.contracts.headers import (
    EDITED_AT,
    EDITED_BY,
    MAX_EPOCH_SECONDS,
    REPLAYED_AT,
    REPLAYED_FINGERPRINT,
    delay_of,
    replays_of,
)
from warren.contracts.properties import Headers
from warren.operations.message import Described, WhyDead
from warren.operations.resolve import consumer_queue_of
from warren.reliability.outcome import DeathReason
from warren.signals.words import span

__all__ = ["Happening", "Step", "journey_of"]


class Happening(enum.StrEnum):
    """What a step is."""

    PUBLISHED = "published"
    REPLAYED = "replayed"
    EDITED = "edited"
    FAILED = "failed"
    DELAYED = "delayed"
    DEAD = "dead"


@final
@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened; `at` is in seconds since the epoch, None where nobody noted it."""

    what: Happening
    title: str
    at: float | None = None
    lines: tuple[str, ...] = ()


_WHY: Final[Mapping[str, str]] = {
    DeathReason.PERMANENT: "its handler said that trying again cannot help",
    DeathReason.EXHAUSTED: "every attempt failed, and no more were left",
    DeathReason.CONTRACT: "it does not fit its contract, so no handler saw it",
    DeathReason.POISON: "it ended the process of its worker, again and again",
    DeathReason.EXPIRED: "it was too old when it came",
    DeathReason.LIMIT: "the broker delivered it more often than its queue allows",
    "expired": "it was in its queue for longer than that allows",
    "rejected": "a consumer rejected it",
    "maxlen": "its queue was full",
    "delivery_limit": "the broker delivered it more often than its queue allows",
}


def journey_of(message: Described) -> tuple[Step, ...]:
    """Tell the steps of a message in their order."""
    headers = message.properties.headers
    return (
        _published(message),
        *_replays(headers),
        *(_failures(message, message.dead) if message.dead is not None and message.dead.error_type else ()),
        *_delays(headers),
        *(_death(message.dead) if message.dead is not None else ()),
    )


def _published(message: Described) -> Step:
    where = f"to exchange {message.exchange}" if message.exchange else "to the default exchange"
    lines = [f"routing key {message.routing_key}" if message.routing_key else ""]
    lines.append(f"by application {message.properties.app_id}" if message.properties.app_id else "")
    return Step(Happening.PUBLISHED, f"Published {where}", message.sent_at, _told(lines))


def _replays(headers: Headers) -> Iterator[Step]:
    editor = headers.get(EDITED_BY)
    if EDITED_AT in headers or isinstance(editor, str):
        by = (f"by {editor}",) if isinstance(editor, str) and editor else ()
        yield Step(Happening.EDITED, "Its body was edited for a replay", _seconds(headers.get(EDITED_AT)), by)
    count, former = replays_of(headers), headers.get(REPLAYED_FINGERPRINT)
    if count:
        title = "Replayed" if count == 1 else f"Replayed {count:,} times"
        lines = (f"it had died of {former}",) if isinstance(former, str) and former else ()
        yield Step(Happening.REPLAYED, title, _seconds(headers.get(REPLAYED_AT)), lines)


def _failures(message: Described, dead: WhyDead) -> Iterator[Step]:
    attempts = max(message.attempts, 1)
    where = f"in queue {dead.queue}" if dead.queue else ""
    last = _told([f"{dead.error_type}: {dead.error}" if dead.error else dead.error_type, where, _who(dead)])
    if attempts == 1:
        yield Step(Happening.FAILED, "Attempt 1 failed", dead.last_failed_at, last)
        return
    yield Step(Happening.FAILED, "Attempt 1 failed", dead.first_failed_at)
    waited = delay_of(message.properties) if not replays_of(message.properties.headers) else 0.0
    if waited:
        yield Step(Happening.DELAYED, f"Waited {span(waited)} in retry tiers, in all")
    if attempts > 2:
        between = "Attempt 2 failed" if attempts == 3 else f"Attempts 2 to {attempts - 1:,} failed"
        yield Step(Happening.FAILED, between)
    yield Step(Happening.FAILED, f"Attempt {attempts:,} failed", dead.last_failed_at, last)


def _who(dead: WhyDead) -> str:
    consumer = f"consumer {dead.consumer}" if dead.consumer else ""
    host = f"on {dead.host}" if dead.host else ""
    version = f"code version {dead.code_version}" if dead.code_version else ""
    return ", ".join(each for each in (consumer, host, version) if each)


def _delays(headers: Headers) -> Iterator[Step]:
    """What the broker notes of retry tiers, the earliest first; copies that Warren makes do not have it."""
    deaths = headers.get("x-death")
    for death in reversed(deaths) if isinstance(deaths, list) else ():
        if isinstance(death, Mapping) and _is_delay(death):
            count = death.get("count")
            often = f"{count:,} times " if isinstance(count, int) and count > 1 else ""
            yield Step(Happening.DELAYED, f"Waited {often}in {death['queue']!s}", _time_of(death))


def _is_delay(death: Mapping[str, Any]) -> bool:
    queue = death.get("queue")
    return isinstance(queue, str) and not queue.endswith(".dead") and consumer_queue_of(queue) != queue


def _death(dead: WhyDead) -> Iterator[Step]:
    by_broker = not dead.error_type and dead.fingerprint == f"{dead.reason}@{dead.queue or 'unknown'}"
    why = _WHY.get(dead.reason, "")
    title = "Dead-lettered by the broker" if by_broker else "Dead-lettered"
    lines = [f"{dead.reason}: {why}" if why else dead.reason, f"from queue {dead.queue}" if dead.queue else ""]
    yield Step(Happening.DEAD, title, dead.last_failed_at, _told(lines))


def _told(lines: list[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if line)


def _seconds(value: object) -> float | None:
    """Read milliseconds since the epoch."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < MAX_EPOCH_SECONDS * 1000:
        return None
    return value / 1000


def _time_of(death: Mapping[str, Any]) -> float | None:
    time = death.get("time")
    return time.timestamp() if isinstance(time, datetime) else None
