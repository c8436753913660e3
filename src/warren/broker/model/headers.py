"""The headers exchange: a message passes the bindings whose arguments its headers match.

Not here: other types.

Values are compared as RabbitMQ 4.0 compares them: integers by value whatever their width, likewise floats, text and
binaries by their bytes; but an integer never equals a float or a boolean, and what is nested in an array or a table
must be of the same type. A timestamp of a message counts in milliseconds, one of a binding as it is. An argument
without a value asks only that the header is there.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from warren.broker.erlang import term
from warren.broker.model.exchange import Exchange, Target
from warren.broker.protocol import properties
from warren.broker.protocol.fields import FieldValue, Timestamp, encode_value, type_name
from warren.broker.replies import precondition_failed

if TYPE_CHECKING:
    from warren.broker.model.bindings import Binding
    from warren.broker.model.message import Message

__all__ = ["HeadersExchange", "NumericHeadersExchange"]

_X_MATCH: Final = "x-match"
_MODES: Final = ("all", "any", "all-with-x", "any-with-x")
_PRESENT: Final = ("present",)
"""What an argument without a value compares to: any value."""

_BCC: Final = "BCC"
"""RabbitMQ takes this header out of a message before it looks at the rest."""

_Comparable: TypeAlias = tuple[Any, ...]
_Headers: TypeAlias = Mapping[str, _Comparable]
_Matcher: TypeAlias = Callable[[_Headers], bool]


class HeadersExchange(Exchange):
    """Asks every binding."""

    TYPE = "headers"

    __slots__ = ("_matchers",)

    def __init__(self, name: str, vhost: str, **options: Any) -> None:
        super().__init__(name, vhost, **options)
        self.is_keyed = False
        self._matchers: dict[Binding, tuple[_Matcher, Target]] = {}

    def check_binding(self, routing_key: str, arguments: Mapping[str, Any]) -> None:
        mode = arguments.get(_X_MATCH, "all")
        if not isinstance(mode, str):
            raise precondition_failed(
                f"Invalid {_X_MATCH} field type {type_name(mode)} (value {term(mode)}); expected longstr"
            )
        if mode not in _MODES:
            raise precondition_failed(
                f"Invalid {_X_MATCH} field value {term(mode)}; expected all, any, all-with-x, or any-with-x"
            )

    def bind(self, binding: Binding) -> None:
        self._matchers[binding] = (self._matcher(binding.arguments), binding.target)

    def unbind(self, binding: Binding) -> None:
        del self._matchers[binding]

    def match(self, keys: Sequence[str], message: Message) -> Collection[Target]:
        assert message.header is not None  # loaded before it is routed
        headers = properties.headers(message.header)
        values = {name: self.comparable(value, of_message=True) for name, value in headers.items() if name != _BCC}
        return [target for matches, target in self._matchers.values() if matches(values)]

    def _matcher(self, arguments: Mapping[str, FieldValue]) -> _Matcher:
        """Compile the arguments of a binding to a question about a message's headers."""
        mode = arguments.get(_X_MATCH, "all")
        with_x = mode in {"all-with-x", "any-with-x"}
        wanted = tuple(
            (name, _PRESENT if value is None else self.comparable(value, of_message=False))
            for name, value in arguments.items()
            if name != _X_MATCH and (with_x or not name.startswith("x-"))
        )
        if mode in {"any", "any-with-x"}:
            return lambda headers: any(_holds(headers, name, value) for name, value in wanted)
        return lambda headers: all(_holds(headers, name, value) for name, value in wanted)

    def comparable(self, value: FieldValue, *, of_message: bool) -> _Comparable:
        """Return what is equal for values that count as equal, and only for them."""
        return _comparable(value, of_message=of_message)


class NumericHeadersExchange(HeadersExchange):
    """As in RabbitMQ 3.10: an integer equals a float of that value, and a timestamp is a number like others."""

    __slots__ = ()

    def comparable(self, value: FieldValue, *, of_message: bool) -> _Comparable:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return ("number", value)
        return super().comparable(value, of_message=of_message)


def _holds(headers: _Headers, name: str, wanted: _Comparable) -> bool:
    found = headers.get(name)
    return found is not None and (wanted is _PRESENT or found == wanted)


def _comparable(value: FieldValue, *, of_message: bool) -> _Comparable:
    match value:
        case None | bool():
            return ("atom", value)
        case Timestamp():
            return ("integer", int(value) * 1000 if of_message else int(value))
        case int():
            return ("integer", int(value))
        case float():
            return ("float", struct.pack(">d", value))  # 0.0 and -0.0 are two
        case str():
            return ("binary", value.encode("utf-8", "surrogateescape"))
        case bytes():
            return ("binary", value)
        case Decimal():
            return ("decimal", value.as_tuple())
        case _:
            return ("list", encode_value(value) if value else b"")  # an empty table is an empty array
