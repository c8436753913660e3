"""The log of definitions: what is durable and no message, as JSON that keeps AMQP's types, and its compaction.

Not here: writing the file (`writer.py`), or what the definitions mean (`node.py`).

Changes of one turn of the loop are one record: length, checksum, JSON. Once most of the log is history, it is replaced
by one record with all that is current.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final
from zlib import crc32

from warren.broker.protocol import fields
from warren.broker.storage.port import Definition
from warren.broker.storage.records import FILE

__all__ = ["Definitions"]

_RECORD: Final = struct.Struct("<II")
_SLACK: Final = 1 << 20
"""Bytes of history that are not worth a compaction."""

_TAG: Final = "$"
_NUMBERS: Final[dict[str, Any]] = {
    kind.__name__: kind
    for kind in (
        fields.Timestamp,
        fields.Int8,
        fields.UInt8,
        fields.Int16,
        fields.UInt16,
        fields.Int32,
        fields.UInt32,
        fields.Float32,
    )
}

_Key = tuple[str, tuple[str, ...]]


class Definitions:
    """What is defined now, in the order in which it was defined, and the changes not yet handed to the writer."""

    def __init__(self) -> None:
        self._current: dict[_Key, str] = {}
        self._current_bytes = 0
        self._changes: list[str] = []
        self._log_bytes = 0

    def define(self, kind: str, key: tuple[str, ...], value: Mapping[str, Any] | None) -> None:
        """Note a change; a definition that stands already is none."""
        name = (kind, tuple(key))
        if value is None:
            if name in self._current:
                self._changes.append(json.dumps([kind, key, None]))
                self._current_bytes -= len(self._current.pop(name))
            return
        text = json.dumps([kind, key, _plain(value)], separators=(",", ":"))
        before = self._current.get(name, "")
        if before != text:
            self._changes.append(text)
            self._current[name] = text
            self._current_bytes += len(text) - len(before)

    @property
    def has_changes(self) -> bool:
        return bool(self._changes)

    def take(self) -> tuple[bytes, bool]:
        """Return the changes as a record, and whether it is to replace the log: then it has all that is current."""
        is_whole = self._log_bytes > 2 * self._current_bytes + _SLACK
        texts = list(self._current.values()) if is_whole else self._changes
        record = _record(texts)
        self._log_bytes = len(record) + (0 if is_whole else self._log_bytes)
        self._changes = []
        return record, is_whole

    def read(self, log: bytes) -> int:
        """Take over a log, from its file header on; return the bytes up to which it is whole."""
        end = FILE.size
        for changes, after in _records(log):
            for kind, key, value in changes:
                self.define(kind, tuple(key), None if value is None else _typed(value))
            end = after
        self._changes = []
        self._log_bytes = end
        return end

    def __iter__(self) -> Iterator[Definition]:
        for text in list(self._current.values()):
            kind, key, value = json.loads(text)
            yield Definition(kind, tuple(key), _typed(value))


def _record(texts: list[str]) -> bytes:
    data = f"[{','.join(texts)}]".encode("ascii")
    return _RECORD.pack(len(data), _checksum(data)) + data


def _checksum(data: bytes) -> int:
    # With the length in it, lest zeros, which a file may be left with, are an empty record.
    return crc32(len(data).to_bytes(4, "little") + data)


def _records(log: bytes) -> Iterator[tuple[list[Any], int]]:
    at = FILE.size
    while at + _RECORD.size <= len(log):
        size, checksum = _RECORD.unpack_from(log, at)
        at += _RECORD.size
        data = log[at : at + size]
        if len(data) < size or _checksum(data) != checksum:
            return
        at += size
        yield json.loads(data), at


def _plain(value: Any) -> Any:
    """Return `value` in what JSON has; other types as an object with their name."""
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind is bytes:
        return {_TAG: "bytes", "value": value.decode("latin-1")}
    if kind is Decimal:
        return {_TAG: "Decimal", "value": str(value)}
    if kind.__name__ in _NUMBERS:
        return {_TAG: kind.__name__, "value": float(value) if kind is fields.Float32 else int(value)}
    if isinstance(value, Mapping):
        if _TAG in value:
            return {_TAG: "dict", "value": [[key, _plain(one)] for key, one in value.items()]}
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    raise TypeError(f"a definition cannot hold {kind.__name__}: {value!r}")


def _typed(value: Any) -> Any:
    if isinstance(value, list):
        return [_typed(one) for one in value]
    if not isinstance(value, dict):
        return value
    match value.get(_TAG):
        case None:
            return {key: _typed(one) for key, one in value.items()}
        case "bytes":
            return value["value"].encode("latin-1")
        case "Decimal":
            return Decimal(value["value"])
        case "dict":
            return {key: _typed(one) for key, one in value["value"]}
        case name:
            return _NUMBERS[name](value["value"])
