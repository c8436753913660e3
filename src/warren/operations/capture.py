"""One message as one line of JSON, with everything it had: properties, the AMQP type of each header, every byte.

Not here: the file of such lines (`captures.py`), or where the messages come from and go to (`drain.py`, `replay.py`).

A person reads and edits these lines, so what is text or JSON is written as that. What JSON cannot hold exactly is kept
beside it in base64, and that is then what counts: `properties_base64` for properties with names that are not UTF-8, a
NaN of unusual bits, field types that AMQP writes in two ways.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

from warren.contracts.properties import (
    EMPTY_HEADERS,
    FieldValue,
    Float32,
    Headers,
    Int8,
    Int16,
    Int32,
    Properties,
    Timestamp,
    UInt8,
    UInt16,
    UInt32,
)
from warren.operations.lease import Held
from warren.transport.wire import encode_properties, read_properties

__all__ = ["VERSION", "Captured", "read_line", "write_line"]

VERSION: Final = 1
_NESTED: Final = 64  # what a line leaves of the depth to which JSON can be read
_SEPARATORS: Final = (",", ":")


class Captured(NamedTuple):
    """A message as it was in its queue. `raw_properties` are its properties on the wire."""

    queue: str
    exchange: str
    routing_key: str
    redelivered: bool
    properties: Properties
    raw_properties: bytes
    body: bytes


def write_line(queue: str, held: Held, *, now: float) -> bytes:
    """Write a message that was taken from `queue`, with its line feed; `now` is in seconds since the epoch.

    The time makes a line unlike any other of the same message: one that is drained, replayed and drained again.
    """
    raw = held.raw_properties
    shown = _shown_properties(held.properties)
    line: dict[str, Any] = {
        "v": VERSION,
        "queue": _shown_text(queue),
        "drained_at": datetime.fromtimestamp(now, UTC).isoformat(timespec="microseconds"),
        "exchange": _shown_text(held.exchange),
        "routing_key": _shown_text(held.routing_key),
        "redelivered": held.redelivered,
        **shown,
    }
    if not _is_exact(shown, raw):
        line["properties_base64"] = _base64(raw)
    head = json.dumps(line, ensure_ascii=False, separators=_SEPARATORS)[:-1]
    return f"{head},{_shown_body(held.body)}}}\n".encode()


def read_line(line: bytes) -> Captured:
    """Read a line back. Raises `ValueError` that says what is wrong with it."""
    try:
        told = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON: {error}") from error
    if not isinstance(told, dict) or told.get("v") != VERSION:
        raise ValueError('it is no message that `warren drain` wrote: it has no "v": 1')
    try:
        properties, raw = _read_properties(told)
        return Captured(
            _read_text(told["queue"]),
            _read_text(told["exchange"]),
            _read_text(told["routing_key"]),
            told.get("redelivered") is True,
            properties,
            raw,
            _read_body(told),
        )
    except KeyError as error:
        raise ValueError(f"it has no {error}") from error
    except (TypeError, OverflowError, InvalidOperation, AttributeError) as error:
        raise ValueError(f"it holds a value of another type than it says: {error}") from error


# -- text that may not be text -----------------------------------------------------------------


def _base64(raw: bytes | bytearray) -> str:
    return base64.b64encode(raw).decode()


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"its base64 is damaged: {error}") from error


def _shown_text(text: str) -> str | dict[str, str]:
    """Bytes that were read as text they are not are written in base64."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return {"base64": _base64(text.encode("utf-8", "surrogateescape"))}
    return text


def _read_text(told: Any) -> str:
    if isinstance(told, dict):
        return _from_base64(told["base64"]).decode("utf-8", "surrogateescape")
    if not isinstance(told, str):
        raise TypeError(f"{told!r:.40} is not text")
    return told


# -- the body ----------------------------------------------------------------------------------


def _shown_body(body: bytes) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return f'"body_base64":"{_base64(body)}"'
    if _is_compact_json(text):
        return f'"body":{text}'
    return f'"body_text":{json.dumps(text, ensure_ascii=False)}'


def _is_compact_json(text: str) -> bool:
    """Whether a JSON value, read and written again, is this very text."""
    try:
        (value,) = json.loads(f"[{text}]")
        deep = text.count("[") + text.count("{") > _NESTED and _depth(value) > _NESTED
        return not deep and _compact(value) == text
    except (ValueError, RecursionError):
        return False


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [each for one in level if isinstance(one, (list, dict)) for each in _items(one)]
    return depth


def _items(value: list[Any] | dict[str, Any]) -> list[Any]:
    return value if isinstance(value, list) else list(value.values())


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=_SEPARATORS)


def _read_body(told: dict[str, Any]) -> bytes:
    if "body" in told:
        return _compact(told["body"]).encode()
    if "body_text" in told:
        text: str = told["body_text"]
        return text.encode()
    if "body_base64" in told:
        return _from_base64(told["body_base64"])
    raise ValueError("it has no body, body_text or body_base64")


# -- properties --------------------------------------------------------------------------------

_TEXTS: Final = frozenset(Properties._fields) - {"headers", "delivery_mode", "priority", "timestamp"}


def _shown_properties(properties: Properties) -> dict[str, Any]:
    given = {name: value for name, value in properties._asdict().items() if value is not None and name != "headers"}
    shown = {name: _shown_text(value) if name in _TEXTS else value for name, value in given.items()}
    if properties.headers is EMPTY_HEADERS:
        return {"properties": shown}
    return {"properties": shown, "headers": _shown_table(properties.headers)}


def _is_exact(shown: dict[str, Any], raw: bytes) -> bool:
    """Whether the bytes of the properties can be made again from what is shown."""
    try:
        return encode_properties(_properties_from(shown)) == raw
    except (ValueError, TypeError, OverflowError):
        return False


def _read_properties(told: dict[str, Any]) -> tuple[Properties, bytes]:
    if "properties_base64" not in told:
        properties = _properties_from(told)
        try:
            return properties, encode_properties(properties)
        except ValueError as error:
            raise ValueError(f"it has a property or header that fits no field: {error}") from error
    raw = _from_base64(told["properties_base64"])
    return read_properties(raw), raw


def _properties_from(told: Mapping[str, Any]) -> Properties:
    values: dict[str, Any] = {
        name: _read_text(value) if name in _TEXTS else value for name, value in told["properties"].items()
    }
    headers = _read_table(told["headers"]) if "headers" in told else EMPTY_HEADERS
    return Properties(**values, headers=headers)


# -- headers -----------------------------------------------------------------------------------


def _finite(value: float) -> float | str:
    """JSON has no NaN and no infinity."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(value)


def _shown_table(table: Headers) -> dict[str, Any]:
    return {_shown_name(name): _shown_field(value) for name, value in table.items()}


def _shown_name(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return name


_Writer = tuple[str, Callable[[Any], Any]]
_WRITERS: Final[dict[type, _Writer]] = {
    str: ("longstr", str),
    bool: ("boolean", bool),
    int: ("int64", int),
    Int8: ("int8", int),
    UInt8: ("uint8", int),
    Int16: ("int16", int),
    UInt16: ("uint16", int),
    Int32: ("int32", int),
    UInt32: ("uint32", int),
    float: ("double", _finite),
    Float32: ("float", _finite),
    Decimal: ("decimal", str),
    Timestamp: ("timestamp", int),
    datetime: ("timestamp", lambda moment: int(moment.timestamp())),
    type(None): ("void", lambda _: None),
    dict: ("table", _shown_table),
    list: ("array", lambda items: [_shown_field(item) for item in items]),
}


def _shown_field(value: FieldValue) -> dict[str, Any]:
    writer = _WRITERS.get(type(value))
    if writer is not None:
        return {"type": writer[0], "value": writer[1](value)}
    if isinstance(value, (bytes, bytearray)):
        return {"type": "bytes" if isinstance(value, bytes) else "longstr", "base64": _base64(value)}
    raise TypeError(f"a header cannot hold {type(value).__name__}")  # nothing that was read from the wire


def _checked(kind: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(f"{value!r:.40} is no {kind.__name__}")
        return value

    return check


def _whole(kind: type[int]) -> Callable[[Any], int]:
    check = _checked(int)
    return lambda value: kind(check(value))


def _read_table(told: dict[str, Any]) -> dict[str, FieldValue]:
    return {name: _read_field(value) for name, value in told.items()}


_READERS: Final[dict[str, Callable[[Any], FieldValue]]] = {
    "longstr": _checked(str),
    "boolean": _checked(bool),
    "int64": _checked(int),
    "int8": _whole(Int8),
    "uint8": _whole(UInt8),
    "int16": _whole(Int16),
    "uint16": _whole(UInt16),
    "int32": _whole(Int32),
    "uint32": _whole(UInt32),
    "double": float,
    "float": Float32,
    "decimal": Decimal,
    "timestamp": _whole(Timestamp),
    "void": lambda _: None,
    "table": _read_table,
    "array": lambda items: [_read_field(item) for item in items],
}


def _read_field(told: dict[str, Any]) -> FieldValue:
    kind = told["type"]
    if "base64" in told:
        raw = _from_base64(told["base64"])
        return bytearray(raw) if kind == "longstr" else raw
    reader = _READERS.get(kind)
    if reader is None:
        raise ValueError(f"it has a header of the unknown type {kind!r:.40}")
    return reader(told["value"])
