"""Field tables: values of every AMQP type from bytes and back, without losing the type.

Not here: the properties of a content (`properties.py`), the arguments of methods (`methods.py`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from decimal import Decimal
from struct import Struct
from typing import Any, Final, TypeAlias

__all__ = [
    "FieldError",
    "FieldValue",
    "Float32",
    "Int8",
    "Int16",
    "Int32",
    "Timestamp",
    "UInt8",
    "UInt16",
    "UInt32",
    "decode_fields",
    "decode_table",
    "edit_table",
    "encode_table",
    "encode_value",
    "skip_table",
    "type_name",
]

DEEPEST: Final = 64
"""Tables in tables in tables: more than anybody nests, less than Python's stack bears."""


class FieldError(ValueError):
    """Bytes that are no field table, or a value that no field can hold."""


class Timestamp(int):
    """Seconds since 1970."""

    __slots__ = ()


# An int is a signed 64-bit integer, a float a double. The narrower types are kept apart, because RabbitMQ names
# them when arguments are not equivalent, and because what came in narrow must go out so.


class Int8(int):
    __slots__ = ()


class UInt8(int):
    __slots__ = ()


class Int16(int):
    __slots__ = ()


class UInt16(int):
    __slots__ = ()


class Int32(int):
    __slots__ = ()


class UInt32(int):
    __slots__ = ()


class Float32(float):
    __slots__ = ()


FieldValue: TypeAlias = "bool | int | float | str | bytes | Decimal | list[FieldValue] | dict[str, FieldValue] | None"

_SIZE: Final = Struct(">I")
_DECIMAL: Final = Struct(">BI")
_LONG: Final = Struct(">cq")

# Type octet, Python type, layout, RabbitMQ's name.
_NUMBERS: Final[tuple[tuple[str, Any, str, str], ...]] = (
    ("t", bool, ">?", "bool"),
    ("b", Int8, ">b", "byte"),
    ("B", UInt8, ">B", "unsignedbyte"),
    ("s", Int16, ">h", "short"),
    ("u", UInt16, ">H", "unsignedshort"),
    ("I", Int32, ">i", "signedint"),
    ("i", UInt32, ">I", "unsignedint"),
    ("l", int, ">q", "long"),
    ("T", Timestamp, ">Q", "timestamp"),
    ("f", Float32, ">f", "float"),
    ("d", float, ">d", "double"),
)
_NAMES: Final[dict[type, str]] = {
    **{kind: name for _, kind, _, name in _NUMBERS},
    str: "longstr",
    bytes: "binary",
    Decimal: "decimal",
    dict: "table",
    list: "array",
    type(None): "void",
}


def type_name(value: FieldValue) -> str:
    """Return RabbitMQ's name for the type of `value`, as in its replies about arguments."""
    return _NAMES[type(value)]


# -- reading ------------------------------------------------------------------------------

_READERS: Final[dict[int, tuple[Struct, Any]]] = {
    **{ord(octet): (Struct(layout), kind) for octet, kind, layout, _ in _NUMBERS},
    ord("L"): (Struct(">q"), int),  # py-amqp writes it, and RabbitMQ reads it
}


def decode_table(data: bytes | memoryview) -> dict[str, FieldValue]:
    """Read the one table that `data` is, its four length octets in front. Raises FieldError."""
    if int.from_bytes(data[:4], "big") != len(data) - 4:
        raise FieldError("not as long as it says")
    return decode_fields(bytes(data[4:]))


def decode_fields(data: bytes) -> dict[str, FieldValue]:
    """Read a table without its length octets. Raises FieldError."""
    try:
        return _read_fields(data, 0, len(data), 0)
    except (IndexError, struct.error) as error:
        raise FieldError(str(error)) from error


def _end(data: bytes, at: int) -> int:
    """Where the sized thing at `at` ends. Checked before anything of that size is made."""
    end: int = at + 4 + _SIZE.unpack_from(data, at)[0]
    if end > len(data):
        raise FieldError("longer than what it is in")
    return end


def _read_table(data: bytes, at: int, depth: int) -> tuple[dict[str, FieldValue], int]:
    if depth > DEEPEST:
        raise FieldError("nested too deep")
    end = _end(data, at)
    return _read_fields(data, at + 4, end, depth), end


def _read_fields(data: bytes, at: int, end: int, depth: int) -> dict[str, FieldValue]:
    table: dict[str, FieldValue] = {}
    while at < end:
        value_at = at + 1 + data[at]
        name = data[at + 1 : value_at].decode("utf-8", "surrogateescape")
        value, at = _read_value(data, value_at, depth)
        table.setdefault(name, value)  # of two fields with one name, RabbitMQ finds the first
    if at != end:
        raise FieldError("a field is longer than its table")
    return table


def _read_value(data: bytes, at: int, depth: int) -> tuple[FieldValue, int]:
    code = data[at]
    at += 1
    reader = _READERS.get(code)
    if reader is not None:
        layout, kind = reader
        return kind(layout.unpack_from(data, at)[0]), at + layout.size
    match code:
        case 0x53:  # "S"
            end = _end(data, at)
            return data[at + 4 : end].decode("utf-8", "surrogateescape"), end
        case 0x46:  # "F"
            return _read_table(data, at, depth + 1)
        case 0x41:  # "A"
            return _read_array(data, at, depth + 1)
        case 0x56:  # "V"
            return None, at
        case 0x78:  # "x"
            end = _end(data, at)
            return data[at + 4 : end], end
        case 0x44:  # "D"
            places, unscaled = _DECIMAL.unpack_from(data, at)
            return Decimal(f"{unscaled}e-{places}"), at + _DECIMAL.size  # exact, whatever the decimal context
        case _:
            raise FieldError(f"unknown field type {code}")


def _read_array(data: bytes, at: int, depth: int) -> tuple[list[FieldValue], int]:
    if depth > DEEPEST:
        raise FieldError("nested too deep")
    end = _end(data, at)
    at += 4
    items: list[FieldValue] = []
    while at < end:
        item, at = _read_value(data, at, depth)
        items.append(item)
    if at != end:
        raise FieldError("an item is longer than its array")
    return items, at


# -- writing ------------------------------------------------------------------------------

_WRITERS: Final[dict[type, Struct]] = {kind: Struct(">c" + layout[1:]) for _, kind, layout, _ in _NUMBERS}
_OCTETS: Final[dict[type, bytes]] = {kind: octet.encode() for octet, kind, _, _ in _NUMBERS}


def encode_table(table: Mapping[str, FieldValue]) -> bytes:
    """Write `table` with its four length octets. Raises FieldError for what does not fit."""
    fields = b"".join([_name(name) + encode_value(value) for name, value in table.items()])
    return _SIZE.pack(len(fields)) + fields


def _name(name: str) -> bytes:
    raw = name.encode("utf-8", "surrogateescape")
    if len(raw) > 255:
        raise FieldError(f"the name {name[:20]!r}… has more than 255 bytes")
    return bytes((len(raw),)) + raw


def encode_value(value: FieldValue) -> bytes:
    """Write `value` with its type octet. Raises FieldError for what does not fit."""
    kind = type(value)
    writer = _WRITERS.get(kind)
    if writer is not None:
        try:
            return writer.pack(_OCTETS[kind], value)
        except (struct.error, OverflowError) as error:
            raise FieldError(f"{value!r}: {error}") from error
    match value:
        case str():
            return _sized(b"S", value.encode("utf-8", "surrogateescape"))
        case dict():
            return b"F" + encode_table(value)
        case list():
            return _sized(b"A", b"".join([encode_value(item) for item in value]))
        case None:
            return b"V"
        case bytes():
            return _sized(b"x", value)
        case Decimal():
            return _encode_decimal(value)
        case _:
            raise FieldError(f"no field can hold {kind.__name__}")


def _sized(octet: bytes, raw: bytes) -> bytes:
    return octet + _SIZE.pack(len(raw)) + raw


def _encode_decimal(value: Decimal) -> bytes:
    sign, digits, exponent = value.as_tuple()
    if sign or not isinstance(exponent, int) or not -255 <= exponent <= 0:
        raise FieldError(f"{value} is no unsigned decimal of at most 255 places")
    unscaled = int("".join(map(str, digits)))
    if unscaled >= 1 << 32:
        raise FieldError(f"{value} has more than 32 bits")
    return b"D" + _DECIMAL.pack(-exponent, unscaled)


# -- without reading the values -----------------------------------------------------------

_SIZED: Final = -1
_TABLE: Final = -2
_ARRAY: Final = -3
_UNKNOWN: Final = -4
_size_at: Final = _SIZE.unpack_from

_SPECIAL: Final = {"S": _SIZED, "x": _SIZED, "F": _TABLE, "A": _ARRAY, "V": 0, "D": _DECIMAL.size}
# By type octet: how many octets a value has, or how they are found.
_WIDTHS: Final = [
    _SPECIAL.get(chr(octet), _READERS[octet][0].size if octet in _READERS else _UNKNOWN) for octet in range(256)
]


def skip_table(data: bytes, at: int, depth: int = 0) -> int:
    """Check the table at `at`, return where it ends. Raises FieldError, IndexError or struct.error."""
    if depth > DEEPEST:
        raise FieldError("nested too deep")
    end: int = at + 4 + _size_at(data, at)[0]
    if end > len(data):
        raise FieldError("longer than what it is in")
    at += 4
    while at < end:
        at += 1 + data[at]
        width = _WIDTHS[data[at]]
        if width >= 0:
            at += 1 + width
        elif width == _SIZED:
            at += 5 + _size_at(data, at + 1)[0]
        else:
            at = _skip_value(data, at, depth)
    if at != end:
        raise FieldError("a field is longer than its table")
    return end


def _skip_value(data: bytes, at: int, depth: int) -> int:
    width = _WIDTHS[data[at]]
    at += 1
    if width >= 0:
        return at + width
    if width == _SIZED:
        end: int = at + 4 + _size_at(data, at)[0]
        return end
    if width == _TABLE:
        return skip_table(data, at, depth + 1)
    if width == _ARRAY:
        return _skip_array(data, at, depth + 1)
    raise FieldError(f"unknown field type {data[at - 1]}")


def _skip_array(data: bytes, at: int, depth: int) -> int:
    if depth > DEEPEST:
        raise FieldError("nested too deep")
    end: int = at + 4 + _size_at(data, at)[0]
    if end > len(data):
        raise FieldError("longer than what it is in")
    at += 4
    while at < end:
        at = _skip_value(data, at, depth)
    if at != end:
        raise FieldError("an item is longer than its array")
    return end


def edit_table(raw: bytes, changes: Mapping[str, bytes | None]) -> bytes:
    """Return the table `raw` with fields replaced, appended or (None) removed, all other bytes as they are.

    Values come with their type octet, as `encode_value` gives them. Raises FieldError.
    """
    left = dict(changes)
    parts: list[bytes] = []
    for name, start, value_at, end in _spans(raw):
        if name not in changes:
            parts.append(raw[start:end])
        elif (value := left.pop(name, None)) is not None:
            parts.append(raw[start:value_at] + value)
    parts += [_name(name) + value for name, value in left.items() if value is not None]
    fields = b"".join(parts)
    return _SIZE.pack(len(fields)) + fields


def _spans(raw: bytes) -> Iterator[tuple[str, int, int, int]]:
    """Of each field its name, and where it, its value and the next field begin."""
    try:
        if skip_table(raw, 0) != len(raw):
            raise FieldError("more than a table")
    except (IndexError, struct.error) as error:
        raise FieldError(str(error)) from error
    at = 4
    while at < len(raw):
        start, value_at = at, at + 1 + raw[at]
        at = _skip_value(raw, value_at, 0)
        yield raw[start + 1 : value_at].decode("utf-8", "surrogateescape"), start, value_at, at
