"""What a consumer's queue is bound to: said by `bind=`, else told by its message classes.

Not here: what a binding may ask of an exchange (`topology/exchange.py`).
"""

from __future__ import annotations

from collections.abc import Iterable

from warren.contracts.headers import OWN_PREFIX
from warren.contracts.message import Message
from warren.errors import ConfigurationError
from warren.topology import Exchange, ExchangeType, Headers, Match, Source

__all__ = ["Bind", "exchange_of", "resolve_bindings"]

Bind = Match | Source | Iterable[Match | Source] | None
"""A routing key, a pattern or `Headers`, alone or with its exchange, or several; None leaves it to the messages."""


def exchange_of(message: type[Message]) -> Exchange | None:
    """Return the exchange a message class is published to, None for the default exchange or one given by name only."""
    declared = message.__warren__.declared_exchange
    return declared if isinstance(declared, Exchange) and declared.name else None


def resolve_bindings(queue: str, messages: tuple[type[Message], ...], bind: Bind) -> tuple[Source, ...]:
    """Return exchange and match of each binding. Raises `ConfigurationError` where the exchange is not known."""
    if bind is None:
        bound = [_own(queue, message) for message in messages]
        return tuple(dict.fromkeys(source for source in bound if source is not None))
    given = [bind] if isinstance(bind, (str, Headers)) or _is_source(bind) else list(bind)
    exchanges = tuple(dict.fromkeys(e for e in map(exchange_of, messages) if e is not None))
    sources: list[Source] = []
    for each in given:
        if _is_source(each):
            sources.append(each)  # type: ignore[arg-type]
        elif isinstance(each, (str, Headers)):
            if not exchanges:
                raise ConfigurationError(
                    f"queue {queue!r}: bind={each!r} needs an exchange; declare the message with exchange=Exchange(…), "
                    f"or bind=[(exchange, {each!r})]"
                )
            sources.extend((exchange, each) for exchange in exchanges)
        else:
            raise ConfigurationError(
                f"queue {queue!r}: bind takes routing keys, Headers or (exchange, match), not {each!r}"
            )
    return tuple(dict.fromkeys(sources))


def _is_source(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], Exchange)


def _own(queue: str, message: type[Message]) -> Source | None:
    declared = message.__warren__
    exchange = exchange_of(message)
    if exchange is None:
        if declared.exchange:
            raise ConfigurationError(
                f"{declared.class_name} names its exchange {declared.exchange!r} as text, so its kind is not known; "
                f"declare it with exchange=Exchange({declared.exchange!r}, …), or bind=() if the queue is bound already"
            )
        return None  # through the default exchange, straight to the queue
    match exchange.type:
        case ExchangeType.FANOUT:
            return exchange, ""
        case ExchangeType.HEADERS:
            own = {name: value for name, value in declared.headers.items() if not name.startswith(OWN_PREFIX)}
            if not own:
                raise ConfigurationError(
                    f"{declared.class_name} is published to headers exchange {exchange.name!r} without headers; "
                    f"declare it with headers={{…}}, or bind=Headers(all_={{…}})"
                )
            return exchange, Headers(all_=own)
        case _ if not declared.is_publishable:
            raise ConfigurationError(
                f"{declared.class_name} names no routing key, so nothing would reach queue {queue!r}; declare it with "
                f'routing_key="…", or say which messages are wanted: bind="orders.#"'
            )
        case _:
            return exchange, declared.routing_key
