"""A message without its secrets: what is shown, searched, filtered and exported is made of nothing else.

Not here: what application code writes into errors (its `redact` hook), and the message's own bytes (`operations/`).

Secret is a header whose name says so, and a field that a contract declares `SecretStr` or `SecretBytes`. Such a field
is hidden wherever its name stands in the body: a message that broke its contract may hold it anywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self, final

from warren.contracts.fields import secret_names
from warren.contracts.message import Message
from warren.contracts.properties import EMPTY_HEADERS, FieldValue, Headers
from warren.errors import ConfigurationError
from warren.operations.lease import Held

__all__ = ["HIDDEN", "HIDDEN_HEADERS", "Masking"]

HIDDEN: Final = "(hidden)"
"""What stands where a secret was."""

HIDDEN_HEADERS: Final = r"authorization|cookie|token|secret|password|api[-_]?key"

_UNREADABLE: Final = b"(hidden: its contract has secret fields, and the body cannot be read to tell where they are)"
_TOO_LARGE: Final = b"(hidden: its contract has secret fields, and the body is too large to tell where they are)"
_MOST_READ: Final = 4 * 1024 * 1024  # bytes, which take about two seconds in which pages get slow
_DEEPEST: Final = 100  # levels of JSON that are looked into


@final
@dataclass(frozen=True, slots=True)
class Masking:
    """Which headers and fields are secret. `fields` are the names of secret fields by type of message."""

    headers: re.Pattern[str] = field(default_factory=lambda: re.compile(HIDDEN_HEADERS, re.IGNORECASE))
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict, hash=False)

    @classmethod
    def of(cls, messages: Iterable[type[Message]] = (), *, hidden_headers: str = HIDDEN_HEADERS) -> Self:
        """Hide what `messages` declare secret, and headers in whose name `hidden_headers` is found."""
        try:
            pattern = re.compile(hidden_headers, re.IGNORECASE)
        except re.error as error:
            raise ConfigurationError(f"hidden_headers {hidden_headers!r} is no regular expression: {error}") from error
        fields: dict[str, frozenset[str]] = {}
        for message in messages:
            name = message.__warren__.type
            fields[name] = fields.get(name, frozenset()) | secret_names(message)
        return cls(pattern, fields)

    def mask(self, held: Held) -> Held:
        """Return the message with its secrets hidden. Its properties on the wire are gone."""
        headers, body = self._headers(held.properties.headers), self._body(held)
        properties = held.properties._replace(headers=headers)
        return held._replace(properties=properties, raw_properties=b"", body=body)

    def secret_fields(self, message_type: str | None) -> frozenset[str]:
        """Return the names of fields that are hidden: of a message without a type that is known, those of all."""
        known = self.fields.get(message_type or "")
        return frozenset().union(*self.fields.values()) if known is None else known

    def _headers(self, headers: Headers) -> Headers:
        if not headers:
            return EMPTY_HEADERS
        return {name: self._header(name, value) for name, value in headers.items()}

    def _header(self, name: str, value: FieldValue) -> FieldValue:
        if self.headers.search(name):
            return HIDDEN
        match value:
            case Mapping():
                return self._headers(value)
            case list():
                return [self._header("", each) for each in value]
            case _:
                return value

    def _body(self, held: Held) -> bytes:
        names = self.secret_fields(held.properties.type)
        if not names:
            return held.body
        if len(held.body) > _MOST_READ:
            return _TOO_LARGE
        try:
            told = json.loads(held.body)
            masked, hidden = _masked(told, names, _DEEPEST)
            return _write(masked) if hidden else held.body
        except (ValueError, RecursionError):
            return _UNREADABLE


def _masked(value: Any, names: frozenset[str], depth: int) -> tuple[Any, bool]:
    """Return the value without what stands under the names, and whether anything did."""
    if depth == 0:
        return HIDDEN, True
    match value:
        case dict():
            each = {
                name: (HIDDEN, True) if name in names else _masked(one, names, depth - 1) for name, one in value.items()
            }
            return {name: one for name, (one, _) in each.items()}, any(hidden for _, hidden in each.values())
        case list():
            every = [_masked(one, names, depth - 1) for one in value]
            return [one for one, _ in every], any(hidden for _, hidden in every)
        case _:
            return value, False


def _write(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
