"""The fanout exchange: a message passes every binding.

Not here: other types.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from warren.broker.model.exchange import Exchange, Target

if TYPE_CHECKING:
    from warren.broker.model.bindings import Binding
    from warren.broker.model.message import Message

__all__ = ["FanoutExchange"]


class FanoutExchange(Exchange):
    """Looks at nothing."""

    TYPE = "fanout"

    __slots__ = ("_targets",)

    def __init__(self, name: str, vhost: str, **options: Any) -> None:
        super().__init__(name, vhost, **options)
        self._targets: dict[Binding, Target] = {}

    def bind(self, binding: Binding) -> None:
        self._targets[binding] = binding.target

    def unbind(self, binding: Binding) -> None:
        del self._targets[binding]

    def match(self, keys: Sequence[str], message: Message) -> Collection[Target]:
        return self._targets.values()
