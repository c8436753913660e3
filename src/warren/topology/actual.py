"""What is on a broker, as read: exchanges, queues and bindings of one virtual host.

Not here: how it is read (`management/topology.py`), and what it is compared with (`plan.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, final

from warren.topology.frozen import NO_ARGUMENTS, Arguments
from warren.topology.model import Binding, DestinationKind

__all__ = ["Actual", "ActualExchange", "ActualQueue", "ActualReader"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ActualExchange:
    """An exchange of the broker. `type` is text: plugins bring kinds that Warren does not declare."""

    name: str
    type: str
    durable: bool = True
    auto_delete: bool = False
    internal: bool = False
    arguments: Arguments = field(default_factory=lambda: NO_ARGUMENTS, hash=False)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ActualQueue:
    """A queue of the broker. `settings` are what policies add to its arguments; `policy` names the first of them."""

    name: str
    type: str
    durable: bool = True
    auto_delete: bool = False
    exclusive: bool = False
    arguments: Arguments = field(default_factory=lambda: NO_ARGUMENTS, hash=False)
    policy: str | None = None
    settings: Arguments = field(default_factory=lambda: NO_ARGUMENTS, hash=False)


@final
@dataclass(frozen=True, slots=True)
class Actual:
    """All of one virtual host. Build it with `Actual.of(...)`."""

    exchanges: Mapping[str, ActualExchange]
    queues: Mapping[str, ActualQueue]
    bindings: tuple[Binding, ...] = ()

    @classmethod
    def of(
        cls,
        exchanges: Iterable[ActualExchange] = (),
        queues: Iterable[ActualQueue] = (),
        bindings: Iterable[Binding] = (),
    ) -> Actual:
        return cls({one.name: one for one in exchanges}, {one.name: one for one in queues}, tuple(bindings))

    def leading_to(self, kind: DestinationKind, name: str) -> tuple[Binding, ...]:
        """The bindings that lead to a queue or exchange, but for the implicit one of the default exchange."""
        return tuple(
            one for one in self.bindings if one.source and one.destination_kind is kind and one.destination == name
        )


class ActualReader(Protocol):
    """Reads what is on a broker. Raises `BrokerUnavailable` and `BrokerRefused`."""

    def read_topology(self, virtual_host: str) -> Actual:
        """Return everything in `virtual_host`."""
        ...
