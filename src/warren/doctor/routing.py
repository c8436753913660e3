"""Whether a message published to an exchange of a broker, as read, would reach a queue.

Not here: routing as a broker does it, message by message (`broker/model`).
"""

from __future__ import annotations

import enum
import re
from collections import defaultdict
from collections.abc import Iterable

from warren.topology.actual import Actual, ActualExchange
from warren.topology.model import Binding, DestinationKind

__all__ = ["Reach", "Routes"]


class Reach(enum.Enum):
    """What becomes of a message."""

    ARRIVES = "arrives"
    NOWHERE = "nowhere"
    NO_EXCHANGE = "no exchange"
    DEPENDS = "depends"
    """On the message's own routing key or headers, which nobody can tell beforehand."""


class Routes:
    """The bindings of a broker, found by where they begin."""

    def __init__(self, actual: Actual) -> None:
        self._actual = actual
        self._all: defaultdict[str, list[Binding]] = defaultdict(list)
        self._keyed: defaultdict[tuple[str, str], list[Binding]] = defaultdict(list)
        for one in actual.bindings:
            self._all[one.source].append(one)
            self._keyed[one.source, one.routing_key].append(one)

    def reach(self, exchange: str, key: str | None) -> Reach:
        """Follow a message with routing key `key` (None: its own) to queues, over other exchanges too."""
        return self._reach(exchange, key, frozenset())

    def _reach(self, exchange: str, key: str | None, seen: frozenset[str]) -> Reach:
        if exchange == "":
            if key is None:
                return Reach.DEPENDS
            return Reach.ARRIVES if key in self._actual.queues else Reach.NOWHERE
        found = self._actual.exchanges.get(exchange)
        if found is None:
            return Reach.NO_EXCHANGE
        seen = seen | {exchange}
        best = self._best(self._from(found, key), key, found.type, seen)
        alternate = found.arguments.get("alternate-exchange")
        if best is Reach.NOWHERE and isinstance(alternate, str) and alternate not in seen:
            onward = self._reach(alternate, key, seen)
            return Reach.NOWHERE if onward is Reach.NO_EXCHANGE else onward
        return best

    def _from(self, exchange: ActualExchange, key: str | None) -> list[Binding]:
        if exchange.type == "direct" and key is not None:
            return self._keyed[exchange.name, key]
        return self._all[exchange.name]

    def _best(self, bindings: Iterable[Binding], key: str | None, kind: str, seen: frozenset[str]) -> Reach:
        best = Reach.NOWHERE
        for one in bindings:
            way = self._along(one, key, kind, seen)
            if way is Reach.ARRIVES:
                return way
            if way is Reach.DEPENDS:
                best = way
        return best

    def _along(self, binding: Binding, key: str | None, kind: str, seen: frozenset[str]) -> Reach:
        matches = _matches(binding, key, kind)
        if matches is Reach.NOWHERE or binding.destination_kind is DestinationKind.QUEUE:
            return matches
        if binding.destination in seen:
            return Reach.NOWHERE
        onward = self._reach(binding.destination, key, seen)
        return Reach.DEPENDS if onward is Reach.ARRIVES and matches is Reach.DEPENDS else onward


def _matches(binding: Binding, key: str | None, kind: str) -> Reach:
    match kind:
        case "fanout":
            return Reach.ARRIVES
        case "direct" if key is not None:
            return Reach.ARRIVES if binding.routing_key == key else Reach.NOWHERE
        case "topic" if binding.routing_key == "#":
            return Reach.ARRIVES
        case "topic" if key is not None:
            return Reach.ARRIVES if _pattern(binding.routing_key).fullmatch(f".{key}" if key else "") else Reach.NOWHERE
        case _:
            return Reach.DEPENDS


def _pattern(routing_key: str) -> re.Pattern[str]:
    """Return a topic pattern as an expression over `.word.word`: `*` is one word, `#` any number of them."""
    text = ""
    for word in routing_key.split("."):
        match word:
            case "#":
                text += r"(?:\.[^.]*)*"
            case "*":
                text += r"\.[^.]*"
            case _:
                text += r"\." + re.escape(word)
    return re.compile(text)
