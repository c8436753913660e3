"""The values of AMQP 0-9-1 as bytes: field tables with RabbitMQ's type tags, method arguments, properties.

Not here: frames (connection.py). A value that is read keeps its type tag, so that a broker that answers an `I` where
the other answers an `l` is found out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.differential.raw.methods import PROPERTIES, Method

__all__ = [
    "Reader",
    "Typed",
    "decode_method",
    "decode_properties",
    "encode_fields",
    "encode_properties",
    "encode_table",
]

_INTEGERS = {"b": ">b", "B": ">B", "s": ">h", "u": ">H", "I": ">i", "i": ">I", "l": ">q", "T": ">Q"}
_FLOATS = {"f": ">f", "d": ">d"}
_PLAIN = {"octet": ">B", "short": ">H", "long": ">I", "longlong": ">Q"}


@dataclass(frozen=True, slots=True)
class Typed:
    """A table value with its type tag, to send one the Python type does not imply, and as what is read."""

    tag: str
    value: Any

    def __repr__(self) -> str:
        if self.tag == "F":
            return "{" + ", ".join(f"{key}: {value!r}" for key, value in sorted(self.value.items())) + "}"
        if self.tag == "A":
            return "[" + ", ".join(map(repr, self.value)) + "]"
        return f"{self.tag}:{self.value!r}"


def _typed(value: Any) -> Typed:
    match value:
        case Typed():
            return value
        case bool():
            return Typed("t", value)
        case int():
            return Typed("I" if -(2**31) <= value < 2**31 else "l", value)
        case float():
            return Typed("d", value)
        case str():
            return Typed("S", value)
        case bytes():
            return Typed("x", value)
        case Mapping():
            return Typed("F", value)
        case list() | tuple():
            return Typed("A", value)
        case None:
            return Typed("V", None)
    raise TypeError(f"no table type for {value!r}")


def _text(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def _shortstr(value: str | bytes) -> bytes:
    return bytes([len(_text(value))]) + _text(value)


def _longstr(value: str | bytes) -> bytes:
    return struct.pack(">I", len(_text(value))) + _text(value)


def _encode_value(value: Any) -> bytes:
    typed = _typed(value)
    tag, content = typed.tag, typed.value
    if tag in _INTEGERS or tag in _FLOATS:
        encoded = struct.pack(_INTEGERS.get(tag) or _FLOATS[tag], content)
    elif tag == "t":
        encoded = bytes([content])
    elif tag in "Sx":
        encoded = _longstr(content)
    elif tag == "F":
        encoded = encode_table(content)
    elif tag == "A":
        items = b"".join(map(_encode_value, content))
        encoded = struct.pack(">I", len(items)) + items
    elif tag == "D":
        encoded = struct.pack(">Bi", *content)
    else:  # V, or a tag that does not exist: the bytes as they are.
        encoded = content or b""
    return tag.encode() + encoded


def encode_table(table: Mapping[str, Any]) -> bytes:
    content = b"".join(_shortstr(key) + _encode_value(value) for key, value in table.items())
    return struct.pack(">I", len(content)) + content


def encode_fields(fields: Iterable[tuple[str, str]], values: Mapping[str, Any]) -> bytes:
    """Write method arguments; what is not given is zero, empty or false. Neighbouring bits share an octet."""
    encoded, bits = bytearray(), []
    for name, kind in (*fields, ("", "end")):
        if kind == "bit":
            bits.append(bool(values.get(name, False)))
            continue
        if bits:
            encoded.append(sum(bit << place for place, bit in enumerate(bits)))
            bits = []
        if kind != "end":
            encoded += _encode_plain(kind, values.get(name))
    return bytes(encoded)


def _encode_plain(kind: str, value: Any) -> bytes:
    if kind == "shortstr":
        return _shortstr(value or "")
    if kind == "longstr":
        return _longstr(value or "")
    if kind == "table":
        return encode_table(value or {})
    return struct.pack(_PLAIN[kind], value or 0)


def encode_properties(properties: Mapping[str, Any]) -> bytes:
    flags, encoded = 0, b""
    unknown = set(properties) - {name for name, _ in PROPERTIES}
    if unknown:
        raise TypeError(f"no such property: {unknown}")
    for place, (name, kind) in enumerate(PROPERTIES):
        if name in properties:
            flags |= 1 << (15 - place)
            encoded += _encode_plain(kind, properties[name])
    return struct.pack(">H", flags) + encoded


class Reader:
    """Reads values from bytes one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._data):
            raise ValueError("the broker sent a value cut short")
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self, layout: str) -> Any:
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def plain(self, kind: str) -> Any:
        if kind == "shortstr":
            return _readable(self.take(self.number(">B")))
        if kind == "longstr":
            return _readable(self.take(self.number(">I")))
        if kind == "table":
            return self.table()
        return self.number(_PLAIN[kind])

    def table(self) -> Typed:
        content = Reader(self.take(self.number(">I")))
        found = {}
        while content:
            key = content.plain("shortstr")
            found[key] = content.value()
        return Typed("F", found)

    def value(self) -> Typed:
        tag = self.take(1).decode("latin-1")
        if tag in _INTEGERS or tag in _FLOATS:
            return Typed(tag, self.number(_INTEGERS.get(tag) or _FLOATS[tag]))
        if tag == "t":
            return Typed(tag, bool(self.number(">B")))
        if tag in "Sx":
            return Typed(tag, _readable(self.take(self.number(">I"))))
        if tag == "F":
            return self.table()
        if tag == "A":
            content = Reader(self.take(self.number(">I")))
            items = []
            while content:
                items.append(content.value())
            return Typed(tag, items)
        if tag == "D":
            return Typed(tag, (self.number(">B"), self.number(">i")))
        if tag == "V":
            return Typed(tag, None)
        raise ValueError(f"the broker sent a value of the unknown type {tag!r}")


def _readable(data: bytes) -> str | bytes:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def decode_method(method: Method, reader: Reader) -> dict[str, Any]:
    found: dict[str, Any] = {}
    place = octet = 0
    for name, kind in method.fields:
        if kind != "bit":
            place = 0
            found[name] = reader.plain(kind)
            continue
        if place == 0:
            octet = reader.number(">B")
        found[name] = bool(octet >> place & 1)
        place += 1
    return found


def decode_properties(reader: Reader) -> dict[str, Any]:
    flags = reader.number(">H")
    return {name: reader.plain(kind) for place, (name, kind) in enumerate(PROPERTIES) if flags & (1 << (15 - place))}
