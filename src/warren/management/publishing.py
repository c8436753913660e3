"""What the management API tells of who publishes: to an exchange, and on which channels.

Not here: what queues and consumers do (`queues.py`, `consumers.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from warren.management.values import as_table, as_text

__all__ = [
    "CHANNEL_COLUMNS",
    "ExchangeTraffic",
    "PublishingChannel",
    "read_exchange_traffic",
    "read_publishing_channels",
]

CHANNEL_COLUMNS: Final = "name,user,connection_details.name,message_stats.publish_details.rate"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PublishingChannel:
    """A channel that publishes, by its connection's name on the broker. `rate` is in messages a second."""

    connection: str
    user: str | None
    rate: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeTraffic:
    """What comes in at an exchange, in messages a second; None where the broker does not say.

    `channels` are empty too where the broker does not say: it keeps books of exchanges and channels together only with
    `management.rates_mode = detailed`.
    """

    rate: float | None
    channels: tuple[PublishingChannel, ...]


def read_exchange_traffic(told: Mapping[str, Any]) -> ExchangeTraffic:
    """Read one exchange."""
    incoming = [as_table(each) for each in told.get("incoming") or ()]
    return ExchangeTraffic(
        rate=_rate(told.get("message_stats"), "publish_in"),
        channels=_publishing((as_table(each.get("channel_details")), each.get("stats")) for each in incoming),
    )


def read_publishing_channels(told: Iterable[Mapping[str, Any]]) -> tuple[PublishingChannel, ...]:
    """Read a list of channels, asked for with `CHANNEL_COLUMNS` or without: those that publish now."""
    return _publishing((_details(each), each.get("message_stats")) for each in told)


def _details(told: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"connection_name": as_table(told.get("connection_details")).get("name"), "user": told.get("user")}


def _publishing(told: Iterable[tuple[Mapping[str, Any], Any]]) -> tuple[PublishingChannel, ...]:
    found = []
    for details, statistics in told:
        connection, rate = as_text(details.get("connection_name")), _rate(statistics, "publish")
        if connection is not None and rate:
            found.append(PublishingChannel(connection=connection, user=as_text(details.get("user")), rate=rate))
    return tuple(found)


def _rate(statistics: Any, name: str) -> float | None:
    rate = as_table(as_table(statistics).get(f"{name}_details")).get("rate")
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate < math.inf:
        return None
    return float(rate)
