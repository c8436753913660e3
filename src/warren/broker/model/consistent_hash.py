"""The consistent hash exchange: messages with the same routing key (or header, or property) pass the same one binding.

Not here: other types.

The key of a binding is its weight. A queue or exchange that is bound several times counts once, with the weight of the
first of these bindings, as in RabbitMQ. Where a given value goes need not be where RabbitMQ's plugin sends it: only
that it stays there while the bindings stay, and that a new binding takes over its share and nothing else moves.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from warren.broker.erlang import term
from warren.broker.model.exchange import Exchange, Target
from warren.broker.protocol import properties
from warren.broker.protocol.fields import encode_value, type_name
from warren.broker.replies import precondition_failed

if TYPE_CHECKING:
    from warren.broker.model.bindings import Binding
    from warren.broker.model.message import Message

__all__ = ["ConsistentHashExchange"]

_HEADER: Final = "hash-header"
_PROPERTY: Final = "hash-property"
_PROPERTIES: Final = ("correlation_id", "message_id", "timestamp")
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")


class ConsistentHashExchange(Exchange):
    """Spreads messages over its bindings by their weights."""

    TYPE = "x-consistent-hash"

    __slots__ = ("_bindings", "_ends", "_targets")

    def __init__(self, name: str, vhost: str, **options: Any) -> None:
        super().__init__(name, vhost, **options)
        self.is_keyed = not {_HEADER, _PROPERTY} & self.arguments.keys()
        self._bindings: dict[Binding, None] = {}
        self._targets: list[Target] = []
        self._ends: list[int] = []  # of each target's share of the buckets, ascending

    def check_arguments(self) -> None:
        super().check_arguments()
        for name in (_HEADER, _PROPERTY):
            value = self.arguments.get(name, "")
            if not isinstance(value, str):
                raise precondition_failed(f"invalid type '{type_name(value)}' for arg '{name}' in {self.described}")
        if _HEADER in self.arguments and _PROPERTY in self.arguments:
            raise precondition_failed("hash-header and hash-property are mutually exclusive")
        wanted = self.arguments.get(_PROPERTY)
        if wanted is not None and wanted not in _PROPERTIES:
            raise precondition_failed(f"Unsupported property: {wanted}")

    def check_binding(self, routing_key: str, arguments: Mapping[str, Any]) -> None:
        if not _INTEGER.fullmatch(routing_key):
            raise precondition_failed(f"The binding key must be an integer: {term(routing_key)}")
        if int(routing_key) < 1:
            raise precondition_failed("The binding key must be greater than 0")

    def bind(self, binding: Binding) -> None:
        self._bindings[binding] = None
        self._share_out()

    def unbind(self, binding: Binding) -> None:
        del self._bindings[binding]
        self._share_out()

    def _share_out(self) -> None:
        weights: dict[Target, int] = {}
        for binding in self._bindings:
            weights.setdefault(binding.target, int(binding.routing_key))
        self._targets = list(weights)
        self._ends = list(accumulate(weights.values()))

    def match(self, keys: Sequence[str], message: Message) -> Collection[Target]:
        if not self._targets:
            return ()
        bucket = _jump(self._hash(keys[0], message), self._ends[-1])
        return (self._targets[bisect_right(self._ends, bucket)],)

    def _hash(self, routing_key: str, message: Message) -> int:
        return int.from_bytes(blake2b(self._hashed(routing_key, message), digest_size=8).digest(), "big")

    def _hashed(self, routing_key: str, message: Message) -> bytes:
        """Return the bytes that decide. All messages without the header or property go one way."""
        if self.is_keyed:
            return routing_key.encode("utf-8", "surrogateescape")
        assert message.header is not None  # loaded before it is routed
        if _HEADER in self.arguments:
            return encode_value(properties.headers(message.header).get(self.arguments[_HEADER]))
        return str(getattr(properties.read(message.header), self.arguments[_PROPERTY])).encode(
            "utf-8", "surrogateescape"
        )


def _jump(key: int, buckets: int) -> int:
    """Return the bucket of a key: "A Fast, Minimal Memory, Consistent Hash Algorithm", Lamping and Veach, 2014."""
    bucket, jump = -1, 0
    while jump < buckets:
        bucket = jump
        key = (key * 2862933555777941757 + 1) & 0xFFFF_FFFF_FFFF_FFFF
        jump = int((bucket + 1) * (1 << 31) / ((key >> 33) + 1))
    return bucket
