"""Bindings: which exchange passes what on to which queue or exchange, found by either end.

Not here: which messages a binding lets through, which is the business of its exchange (`direct.py`, `topic.py`, …).
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from enum import StrEnum
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from warren.broker.protocol.fields import encode_table

if TYPE_CHECKING:
    from warren.broker.model.exchange import Exchange, Target

__all__ = ["Binding", "Bindings", "Kind", "arguments_key"]


class Kind(StrEnum):
    """What a binding leads to."""

    QUEUE = "queue"
    EXCHANGE = "exchange"


def arguments_key(arguments: Mapping[str, Any]) -> str:
    """Return a short text that is the same for equal arguments only; empty when there are none.

    Two sets of arguments are equal if names, types and values are, whatever the order.
    """
    if not arguments:
        return ""
    raw = encode_table(dict(sorted(arguments.items())))
    return urlsafe_b64encode(blake2b(raw, digest_size=12).digest()).decode("ascii")


class Binding:
    """One binding. Equal to another with the same ends, routing key and arguments."""

    __slots__ = ("_hash", "arguments", "key", "source", "target")

    def __init__(
        self, source: Exchange, kind: Kind, target: Target, routing_key: str, arguments: Mapping[str, Any]
    ) -> None:
        self.source = source
        self.target = target
        self.arguments = dict(arguments)
        self.key = (source.name, str(kind), target.name, routing_key, arguments_key(arguments))
        self._hash = hash(self.key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Binding) and self.key == other.key

    def __repr__(self) -> str:
        return f"<Binding {self.source.name!r} to {self.kind} {self.target.name!r} with {self.routing_key!r}>"

    @property
    def kind(self) -> str:
        """`queue` or `exchange`."""
        return self.key[1]

    @property
    def destination(self) -> str:
        return self.key[2]

    @property
    def routing_key(self) -> str:
        return self.key[3]

    @property
    def is_durable(self) -> bool:
        """Whether it outlives the broker: only where both ends do."""
        target = self.target
        return self.source.durable and target.durable and getattr(target, "exclusive_owner", None) is None


class Bindings:
    """All bindings of a virtual host, in the order they were made."""

    def __init__(self) -> None:
        self._all: dict[Binding, None] = {}
        self._from: dict[str, dict[Binding, None]] = {}
        self._to: dict[tuple[str, str], dict[Binding, None]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Binding]:
        return iter(self._all)

    def __contains__(self, binding: Binding) -> bool:
        return binding in self._all

    def add(self, binding: Binding) -> None:
        """Take in a binding that is not there yet."""
        self._all[binding] = None
        binding.source.exchanges_bound += binding.kind == Kind.EXCHANGE
        self._from.setdefault(binding.source.name, {})[binding] = None
        self._to.setdefault((binding.kind, binding.destination), {})[binding] = None

    def remove(self, binding: Binding) -> None:
        """Drop a binding that is there."""
        del self._all[binding]
        binding.source.exchanges_bound -= binding.kind == Kind.EXCHANGE
        _drop(self._from, binding.source.name, binding)
        _drop(self._to, (binding.kind, binding.destination), binding)

    def leaving(self, exchange: str) -> list[Binding]:
        """Return those whose source is `exchange`."""
        return list(self._from.get(exchange, ()))

    def leading_to(self, kind: str, name: str) -> list[Binding]:
        """Return those whose destination is that queue or exchange."""
        return list(self._to.get((kind, name), ()))

    def has_leaving(self, exchange: str) -> bool:
        """Whether `exchange` is the source of any."""
        return exchange in self._from


def _drop(index: dict[Any, dict[Binding, None]], key: object, binding: Binding) -> None:
    found = index[key]
    del found[binding]
    if not found:
        del index[key]
