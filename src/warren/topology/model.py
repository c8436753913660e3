"""Bindings, and whole topologies: exchanges, queues and bindings that belong together.

Not here: what is on a broker (`actual.py`), and the difference between both (`plan.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, TypeVar, final

from warren.errors import ConfigurationError
from warren.topology.exchange import (
    DEFAULT_EXCHANGE,
    Exchange,
    ExchangeType,
    Headers,
    Match,
    Source,
    check_match,
)
from warren.topology.frozen import NO_ARGUMENTS, Arguments, assign, frozen
from warren.topology.queue import Overflow, Queue, QueueType

__all__ = [
    "DEFAULT_EXCHANGE",
    "Arguments",
    "Binding",
    "DestinationKind",
    "Exchange",
    "ExchangeType",
    "Headers",
    "Match",
    "Overflow",
    "Queue",
    "QueueType",
    "Source",
    "Topology",
]

_Named = TypeVar("_Named", Exchange, Queue)


class DestinationKind(StrEnum):
    """What a binding leads to."""

    QUEUE = "queue"
    EXCHANGE = "exchange"


@final
@dataclass(frozen=True, slots=True)
class Binding:
    """A rule by which an exchange sends messages on to a queue or to another exchange."""

    source: str
    destination: str
    destination_kind: DestinationKind = DestinationKind.QUEUE
    routing_key: str = ""
    arguments: Arguments = field(default_factory=lambda: NO_ARGUMENTS, hash=False)

    @classmethod
    def of(cls, source: Exchange, match: Match, destination: str, kind: DestinationKind) -> Binding:
        """Bind `destination` to what `match` asks of `source`. Raises `ConfigurationError` where that never matches."""
        check_match(source, match)
        if isinstance(match, Headers):
            return cls(source.name, destination, kind, arguments=frozen(match.arguments))
        return cls(source.name, destination, kind, routing_key=match)


@final
@dataclass(frozen=True, slots=True)
class Topology:
    """Exchanges, queues and bindings that belong together, in the order they are to be created. Merge with `|`."""

    exchanges: tuple[Exchange, ...] = ()
    queues: tuple[Queue, ...] = ()
    bindings: tuple[Binding, ...] = ()

    def __post_init__(self) -> None:
        assign(
            self,
            exchanges=_merged(self.exchanges),
            queues=_merged(self.queues),
            bindings=tuple(dict.fromkeys(self.bindings)),
        )

    @classmethod
    def of(cls, *exchanges: Exchange) -> Topology:
        """Collect exchanges with their alternates, the exchanges they are bound to, and these bindings."""
        whole = cls()
        for exchange in exchanges:
            before = [source for source, _ in exchange.bindings]
            if isinstance(exchange.alternate, Exchange):
                before.append(exchange.alternate)
            own = cls(
                (exchange,) if exchange.name else (),
                bindings=tuple(
                    Binding.of(source, match, exchange.name, DestinationKind.EXCHANGE)
                    for source, match in exchange.bindings
                ),
            )
            whole = whole | cls.of(*before) | own
        return whole

    def __or__(self, other: Topology) -> Topology:
        """Merge both. Raises `ConfigurationError` where they define the same name differently."""
        return Topology(self.exchanges + other.exchanges, self.queues + other.queues, self.bindings + other.bindings)


def _merged(values: tuple[_Named, ...]) -> tuple[_Named, ...]:
    by_name: dict[str, _Named] = {}
    for value in values:
        first = by_name.setdefault(value.name, value)
        if first != value:
            raise ConfigurationError(
                f"{type(value).__name__.lower()} {value.name!r} is defined twice: {_differences(first, value)}; "
                f"define it once and use that value everywhere"
            )
    return tuple(by_name.values())


def _differences(first: Any, second: Any) -> str:
    pairs = ((one.name, getattr(first, one.name), getattr(second, one.name)) for one in fields(first))
    return ", ".join(f"{name} is {_text(one)} and {_text(two)}" for name, one, two in pairs if one != two)


def _text(value: object) -> str:
    if isinstance(value, StrEnum):
        return repr(str(value))
    return repr(dict(value)) if isinstance(value, Mapping) else repr(value)
