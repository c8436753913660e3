"""Counters and gauges as the API shows them: each with its rate, and with its samples where the query asks for them.

Not here: taking the samples (`statistics.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from warren.broker.management.listing import Json
from warren.broker.management.request import Request
from warren.broker.statistics import Key, Series

__all__ = ["details", "message_stats", "with_details"]

_GROUPS: Final = (
    ("publish_in", "publish_out"),
    ("publish", "confirm", "drop_unroutable", "return_unroutable"),
    (
        "ack",
        "deliver",
        "deliver_get",
        "deliver_no_ack",
        "get",
        "get_empty",
        "get_no_ack",
        "redeliver",
    ),
)
"""Counters that RabbitMQ shows together, once one of them has counted."""


def message_stats(request: Request, key: Key, counters: Mapping[str, int]) -> Json:
    """Return `{"message_stats": {…}}`, or nothing where no message was counted yet."""
    series = request.context.statistics.of(key)
    stats: Json = {}
    for group in _GROUPS:
        told = [name for name in group if name in counters]
        if any(counters[name] for name in told):
            stats |= with_details(request, series, {name: counters[name] for name in told}, age="msg_rates")
    return {"message_stats": stats} if stats else {}


def with_details(request: Request, series: Series, counters: Mapping[str, int], *, age: str) -> Json:
    """Return each counter with its `*_details`. `age` names the query's `*_age` and `*_incr` (seconds)."""
    told: Json = {}
    for name, value in counters.items():
        told[name] = value
        told[f"{name}_details"] = details(request, series, name, age=age)
    return told


def details(request: Request, series: Series, name: str, *, age: str) -> Json:
    """Return the rate of a counter, and its samples where the query asks for an age."""
    told: dict[str, Any] = {"rate": round(series.rate(name), 3)}
    wanted = request.query.get(f"{age}_age", "")
    if not (wanted.isascii() and wanted.isdigit()):
        return told
    clock = request.node.clock
    since, offset = clock.monotonic() - int(wanted), clock.now() - clock.monotonic()
    found = series.samples(name, since=since)
    if found:
        told["samples"] = [{"sample": value, "timestamp": int((at + offset) * 1000)} for at, value in found]
        told |= _averages(found)
    return told


def _averages(found: list[tuple[float, int]]) -> Json:
    (last_at, last), (first_at, first) = found[0], found[-1]
    seconds = last_at - first_at
    return {
        "avg": _mean(value for _, value in found),
        "avg_rate": round((last - first) / seconds, 3) if seconds > 0 else 0.0,
    }


def _mean(values: Iterable[int]) -> float:
    told = list(values)
    return sum(told) / len(told)
