"""Exchanges as frozen values, and what a binding may ask of one.

Not here: queues (`queue.py`), bindings once they have a destination (`model.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal, final

from warren.contracts.properties import FieldValue
from warren.errors import ConfigurationError
from warren.topology.frozen import NO_ARGUMENTS, Arguments, assign, choice, declarable, name_of, refuse_owned

__all__ = ["DEFAULT_EXCHANGE", "Exchange", "ExchangeType", "Headers", "Match", "Source", "check_match"]


class ExchangeType(StrEnum):
    """How an exchange chooses queues: by equal key, by pattern, all of them, or by message headers."""

    DIRECT = "direct"
    TOPIC = "topic"
    FANOUT = "fanout"
    HEADERS = "headers"


@final
@dataclass(frozen=True, slots=True, init=False)
class Headers:
    """Match messages by their headers, on a headers exchange: all of the given ones, or any.

    A value of None asks only that the header is there. Header names that start with `x-` count too.
    """

    values: Arguments = field(hash=False)
    match: Literal["all", "any"]

    def __init__(self, *, all_: Arguments | None = None, any_: Arguments | None = None) -> None:
        if (all_ is None) == (any_ is None):
            raise ConfigurationError("Headers takes either all_={...} or any_={...}")
        values = any_ if all_ is None else all_
        if not values:
            raise ConfigurationError(
                "Headers needs at least one header; to receive every message use a fanout exchange"
            )
        if "x-match" in values:
            raise ConfigurationError("x-match is set by Headers itself: say all_={...} or any_={...}")
        assign(self, values=declarable(values, "Headers"), match="any" if all_ is None else "all")

    @property
    def arguments(self) -> dict[str, FieldValue]:
        """The binding arguments. `x-` headers need the match kinds RabbitMQ has since 3.10."""
        suffix = "-with-x" if any(name.startswith("x-") for name in self.values) else ""
        return {"x-match": self.match + suffix, **self.values}


Match = str | Headers
"""What a binding asks of a message: a routing key or topic pattern, or its headers."""


@final
@dataclass(frozen=True, slots=True, init=False)
class Exchange:
    """Where messages are published to, durable unless said otherwise.

    `alternate` receives what no queue of this exchange wants. `bindings` are pairs of another exchange and what to
    take from it: `Exchange("audit", "fanout", bindings=[(orders, "orders.#")])`. `external=True` says that it exists
    already: Warren only checks that it is there.
    """

    name: str
    type: ExchangeType
    durable: bool
    auto_delete: bool
    internal: bool
    external: bool
    alternate: Exchange | str | None
    arguments: Arguments = field(hash=False)
    bindings: tuple[Source, ...]

    def __init__(
        self,
        name: str,
        type: ExchangeType | Literal["direct", "topic", "fanout", "headers"] = ExchangeType.DIRECT,  # noqa: A002 - AMQP's word
        *,
        durable: bool = True,
        auto_delete: bool = False,
        internal: bool = False,
        external: bool = False,
        alternate: Exchange | str | None = None,
        arguments: Arguments = NO_ARGUMENTS,
        bindings: Iterable[Source] = (),
    ) -> None:
        if name != "":  # the empty name is the default exchange, which every broker has
            name_of(name, "exchange")
        refuse_owned(arguments, {"alternate-exchange": "alternate"}, f"exchange {name!r}")
        assign(
            self,
            name=name,
            type=choice(ExchangeType, type, f"exchange {name!r}: type"),
            durable=durable,
            auto_delete=auto_delete,
            internal=internal,
            external=external,
            alternate=alternate,
            arguments=declarable(arguments, f"exchange {name!r}"),
            bindings=tuple(bindings),
        )
        if external and self.bindings:
            raise ConfigurationError(f"exchange {name!r}: an external exchange is left as it is, leave bindings out")
        for source, match in self.bindings:
            check_match(source, match)

    @property
    def alternate_name(self) -> str | None:
        """The name of the alternate exchange."""
        return self.alternate.name if isinstance(self.alternate, Exchange) else self.alternate


Source = tuple[Exchange, Match]
"""An exchange, and what is wanted from it."""

DEFAULT_EXCHANGE: Final = Exchange("")
"""Routes to the queue named by the routing key. Every broker has it; it cannot be declared or bound."""


def check_match(source: Exchange, match: Match) -> None:
    """Raise `ConfigurationError` where a binding could never match, or would match everything unasked."""
    here = f"binding to exchange {source.name!r}"
    if not source.name:
        raise ConfigurationError(
            "the default exchange routes by queue name and cannot be bound; give the message an exchange"
        )
    if isinstance(match, Headers):
        if source.type is not ExchangeType.HEADERS:
            raise ConfigurationError(
                f"{here}: it is a {source.type} exchange and looks at routing keys, not at headers"
            )
        return
    if source.type is ExchangeType.HEADERS:
        raise ConfigurationError(
            f"{here}: it is a headers exchange; bind with Headers(all_={{...}}) or Headers(any_={{...}})"
        )
    if len(match.encode()) > 255:
        raise ConfigurationError(f"{here}: routing keys are limited to 255 bytes, this one has {len(match.encode())}")
    if source.type is ExchangeType.DIRECT and {"*", "#"} & set(match.split(".")):
        raise ConfigurationError(
            f"{here}: a direct exchange takes {match!r} literally; use a topic exchange, or spell the key out"
        )
