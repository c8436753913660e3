"""What leads to a queue and away from it: exchanges, bindings, retry tiers, dead letters.

Not here: drawing it (`picture.py`), and reading a broker's topology (`reads.py`).

There may be two accounts of it: what the application declares and what the broker has. Where both are known a route
says what is in one of them only, because that is where messages are lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, final

from warren.topology.actual import Actual, ActualExchange, ActualQueue
from warren.topology.arguments import exchange_arguments, queue_arguments
from warren.topology.model import Binding, DestinationKind, Topology
from warren.topology.naming import dead_letter_queue, retry_delay

__all__ = ["MOST_WAYS", "Known", "Reason", "Route", "Spot", "Tier", "Way", "as_declared", "route_of"]

MOST_WAYS: Final = 12
"""Ways into a queue that are told; what there is more of is counted."""

_MOST_STEPS: Final = 4  # exchanges one behind the other
_MOST_TARGETS: Final = 4  # queues that an exchange for dead letters leads to


class Reason(StrEnum):
    """Why messages take a way."""

    BINDING = "binding"
    QUEUE_NAME = "queue name"  # the default exchange
    DEAD_LETTER = "dead letters"
    DELAY = "after the delay"


class Known(StrEnum):
    """Who knows of a way."""

    AGREED = "agreed"  # or there is one account only
    MISSING = "missing"  # declared, but not on the broker
    UNDECLARED = "undeclared"  # on the broker, but not declared


@final
@dataclass(frozen=True, slots=True)
class Spot:
    """An exchange or a queue. `type` is empty where it is not known; `is_missing` says that it is not there."""

    kind: DestinationKind
    name: str
    type: str = ""
    is_missing: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """From one spot to the next. `keys` say which messages: routing keys, or the headers that are asked for."""

    source: Spot
    target: Spot
    reason: Reason
    keys: tuple[str, ...] = ()
    known: Known = Known.AGREED


@final
@dataclass(frozen=True, slots=True)
class Tier:
    """A queue that gives its messages back to the route's queue, after `delay` seconds where that is known."""

    name: str
    delay: float | None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A queue with what leads to it, where it waits again, and where its dead letters go.

    `into` has the ways nearest to the queue first; `more` are those left out. `ends` says that nothing takes its dead
    letters.
    """

    queue: Spot
    into: tuple[Way, ...] = ()
    more: int = 0
    tiers: tuple[Tier, ...] = ()
    out: tuple[Way, ...] = ()

    @property
    def ends(self) -> bool:
        return not self.out


def as_declared(topology: Topology) -> Actual:
    """Return an application's topology as if a broker had it."""
    return Actual.of(
        (
            ActualExchange(name=one.name, type=str(one.type), durable=one.durable, arguments=exchange_arguments(one))
            for one in topology.exchanges
        ),
        (
            ActualQueue(name=one.name, type=str(one.type), durable=one.durable, arguments=queue_arguments(one))
            for one in topology.queues
        ),
        topology.bindings,
    )


def route_of(queue: str, actual: Actual | None, declared: Actual | None = None) -> Route | None:
    """Return the route of a queue by what the broker has, by what is declared, or by both; None where neither knows it.

    Bindings are compared only where the application declares the queue, and so says all of what leads to it.
    """
    if declared is not None and queue not in declared.queues:
        declared = None
    if actual is None:
        return None if declared is None else _told(queue, declared, ())
    if queue not in actual.queues:
        return None
    return _told(queue, actual, () if declared is None else declared.bindings, is_compared=declared is not None)


def _told(queue: str, actual: Actual, wanted: Iterable[Binding], *, is_compared: bool = False) -> Route:
    ways = list(_into(queue, actual, tuple(wanted), is_compared=is_compared))
    return Route(
        queue=_queue(queue, actual),
        into=tuple(ways[:MOST_WAYS]),
        more=max(0, len(ways) - MOST_WAYS),
        tiers=_tiers(queue, actual),
        out=tuple(_out(queue, actual)),
    )


# -- spots ----------------------------------------------------------------------------------


def _queue(name: str, actual: Actual) -> Spot:
    found = actual.queues.get(name)
    return Spot(DestinationKind.QUEUE, name, found.type if found else "", is_missing=found is None)


def _exchange(name: str, actual: Actual) -> Spot:
    found = actual.exchanges.get(name)
    kind = found.type if found else "direct" if name == "" else ""
    return Spot(DestinationKind.EXCHANGE, name, kind, is_missing=found is None and name != "")


# -- into -----------------------------------------------------------------------------------


def _into(queue: str, actual: Actual, wanted: tuple[Binding, ...], *, is_compared: bool) -> Iterator[Way]:
    """Go back from the queue, step by step; each exchange once."""
    here, seen = [_queue(queue, actual)], {("", DestinationKind.EXCHANGE)}
    for _ in range(_MOST_STEPS):
        before: list[Spot] = []
        for spot in here:
            for way in _to(spot, actual, wanted, is_compared=is_compared):
                yield way
                mark = way.source.name, way.source.kind
                if way.source.kind is DestinationKind.EXCHANGE and mark not in seen:
                    seen.add(mark)
                    before.append(way.source)
        here = before


def _to(spot: Spot, actual: Actual, wanted: tuple[Binding, ...], *, is_compared: bool) -> list[Way]:
    bound = actual.leading_to(spot.kind, spot.name)
    declared = [one for one in wanted if (one.destination_kind, one.destination) == (spot.kind, spot.name)]
    grouped: dict[tuple[str, Known], list[str]] = {}
    for one in bound:
        known = Known.UNDECLARED if is_compared and declared and one not in declared else Known.AGREED
        grouped.setdefault((one.source, known), []).append(_asks(one))
    for one in declared:
        if one not in bound:
            grouped.setdefault((one.source, Known.MISSING), []).append(_asks(one))
    ways = [
        Way(source=_exchange(source, actual), target=spot, reason=Reason.BINDING, keys=tuple(sorted(keys)), known=known)
        for (source, known), keys in sorted(grouped.items())
    ]
    givers = [*_givers(spot, actual)]
    if spot.kind is DestinationKind.QUEUE and not ways and not givers:
        ways.append(
            Way(source=_exchange("", actual), target=spot, reason=Reason.QUEUE_NAME, keys=(spot.name,)),
        )
    return [*ways, *givers]


def _givers(spot: Spot, actual: Actual) -> Iterator[Way]:
    """Queues whose dead letters come here, but for those that only delay what is on its way to it."""
    for name in sorted(actual.queues):
        giver = actual.queues[name]
        exchange, key = _setting(giver, "dead-letter-exchange"), _setting(giver, "dead-letter-routing-key")
        if name == spot.name or exchange is None:
            continue
        if spot.kind is DestinationKind.EXCHANGE:
            is_ours = exchange == spot.name
        else:
            is_ours = exchange == "" and key == spot.name and _delay(spot.name, giver) is None
        if is_ours:
            yield Way(source=_queue(name, actual), target=spot, reason=Reason.DEAD_LETTER)


def _asks(binding: Binding) -> str:
    if not binding.arguments:
        return binding.routing_key
    rules = dict(binding.arguments)
    match = str(rules.pop("x-match", "all")).removesuffix("-with-x")
    asked = f" {'or' if match == 'any' else 'and'} ".join(
        name if value is None else f"{name}={value!s}" for name, value in rules.items()
    )
    return asked or binding.routing_key


# -- again, and out -------------------------------------------------------------------------


def _tiers(queue: str, actual: Actual) -> tuple[Tier, ...]:
    found = ((one.name, _delay(queue, one)) for one in actual.queues.values() if one.name != queue)
    tiers = [Tier(name, delay) for name, delay in found if delay is not None]
    return tuple(sorted(tiers, key=lambda one: (one.delay or 0.0, one.name)))


def _delay(queue: str, giver: ActualQueue) -> float | None:
    """Return after how many seconds a queue gives its messages to `queue`; None where that is not what it is for."""
    own = retry_delay(queue, giver.name)
    if own is not None:
        return own
    ttl = _setting(giver, "message-ttl")
    is_ours = _setting(giver, "dead-letter-exchange") == "" and _setting(giver, "dead-letter-routing-key") == queue
    if not is_ours or not isinstance(ttl, int) or giver.name == dead_letter_queue(queue):
        return None
    leads_back = retry_delay(giver.name, queue) is None and queue != dead_letter_queue(giver.name)
    return ttl / 1000 if leads_back else None


def _out(queue: str, actual: Actual) -> Iterator[Way]:
    here, found = _queue(queue, actual), actual.queues.get(queue)
    exchange = _setting(found, "dead-letter-exchange") if found else None
    key = _setting(found, "dead-letter-routing-key") if found else None
    own = dead_letter_queue(queue)
    if found is not None and exchange == "" and isinstance(key, str):
        delays = _delay(key, found) is not None
        reason = Reason.DELAY if delays else Reason.DEAD_LETTER
        yield Way(source=here, target=_queue(key, actual), reason=reason)
        if key == own or delays:
            return
    elif isinstance(exchange, str):
        by = _exchange(exchange, actual)
        keys = (key,) if isinstance(key, str) else ()
        yield Way(source=here, target=by, reason=Reason.DEAD_LETTER, keys=keys)
        yield from _onward(by, key, actual)
    if own in actual.queues:  # workers put their dead letters there, whatever the queue says
        yield Way(source=here, target=_queue(own, actual), reason=Reason.DEAD_LETTER)


def _onward(exchange: Spot, key: Any, actual: Actual) -> Iterator[Way]:
    bound = [one for one in actual.bindings if one.source == exchange.name and exchange.name]
    if exchange.type == "direct" and isinstance(key, str):
        bound = [one for one in bound if one.routing_key == key]
    for one in bound[:_MOST_TARGETS]:
        is_queue = one.destination_kind is DestinationKind.QUEUE
        target = _queue(one.destination, actual) if is_queue else _exchange(one.destination, actual)
        yield Way(source=exchange, target=target, reason=Reason.BINDING, keys=(_asks(one),))


def _setting(queue: ActualQueue, name: str) -> Any:
    """The queue's own argument counts before a policy."""
    own = queue.arguments.get(f"x-{name}")
    return queue.settings.get(name) if own is None else own
