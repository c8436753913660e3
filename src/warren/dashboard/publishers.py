"""Who publishes to an exchange, as far as the broker tells: asked for on demand, once for all browsers.

Not here: what the management API's answer looks like (`management/publishing.py`), and the page (`pages/types.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, final

from warren.dashboard.reads import Answer, Reads
from warren.management.client import ManagementClient
from warren.management.publishing import (
    CHANNEL_COLUMNS,
    ExchangeTraffic,
    PublishingChannel,
    read_exchange_traffic,
    read_publishing_channels,
)

__all__ = ["Program", "Publishers", "look_at_publishers", "programs_of"]

_DEFAULT_EXCHANGE: Final = "amq.default"  # what the management API calls the one without a name


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program that publishes, by the name it gave its connections, else by the broker's name of its connection."""

    name: str
    user: str
    rate: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Publishers:
    """Who publishes. `is_exact` says that `programs` publish to this exchange, not just to anything of the broker's.

    `rate` is what comes in at the exchange, in messages a second, None where it is not known. `problem` says why there
    is nothing newer, empty where there is.
    """

    rate: float | None
    programs: tuple[Program, ...]
    is_exact: bool
    is_awaited: bool
    is_refused: bool
    problem: str


def look_at_publishers(reads: Reads, virtual_host: str, exchange: str) -> Publishers:
    """Return what was read of an exchange, and have it read anew."""
    asked = exchange or _DEFAULT_EXCHANGE

    def traffic(client: ManagementClient) -> ExchangeTraffic:
        return client.ask(read_exchange_traffic, "exchanges", virtual_host, asked)

    def channels(client: ManagementClient) -> tuple[PublishingChannel, ...]:
        return client.ask(read_publishing_channels, "vhosts", virtual_host, "channels", columns=CHANNEL_COLUMNS)

    told: Answer[ExchangeTraffic] = reads.look(("traffic", exchange), traffic)
    all_channels: Answer[tuple[PublishingChannel, ...]] = reads.look(("publishing",), channels)
    exact = told.value.channels if told.value is not None else ()
    return Publishers(
        rate=None if told.value is None else told.value.rate,
        programs=programs_of(exact or all_channels.value or (), reads.connection_names().value or {}),
        is_exact=bool(exact),
        is_awaited=told.is_awaited,
        is_refused=told.is_refused,
        problem=told.problem,
    )


def programs_of(channels: Iterable[PublishingChannel], names: Mapping[str, str]) -> tuple[Program, ...]:
    """Sum up what the channels of each program publish, the busiest first. `names` are by connection."""
    rates: dict[tuple[str, str], float] = {}
    for channel in channels:
        key = names.get(channel.connection, channel.connection), channel.user or ""
        rates[key] = rates.get(key, 0.0) + channel.rate
    programs = [Program(name=name, user=user, rate=rate) for (name, user), rate in rates.items()]
    return tuple(sorted(programs, key=lambda program: (-program.rate, program.name)))
