"""Message properties as bytes, made without Warren's own encoder: every field type, nested, and what is no text.

Not here: properties as values (tests/unit/transport/test_wire.py).
"""

from __future__ import annotations

import struct
from typing import Literal

from hypothesis import strategies as st

__all__ = ["raw_properties"]

_TEXTS = (1 << 15, 1 << 14, 1 << 10, 1 << 9, 1 << 7, 1 << 5, 1 << 3, 1 << 2)  # not expiration, not user_id

_NEVER_KEPT = (b"", b"CC", b"BCC")  # the broker routes by them


def _fixed(letters: str, width: int) -> st.SearchStrategy[bytes]:
    return st.tuples(st.sampled_from(letters), st.binary(min_size=width, max_size=width)).map(
        lambda field: field[0].encode() + field[1]
    )


def _sized(letter: str, content: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return content.map(lambda raw: letter.encode() + struct.pack(">L", len(raw)) + raw)


def _texts(*, any_bytes: bool, most: int) -> st.SearchStrategy[bytes]:
    plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=most // 4).map(str.encode)
    return plain | st.binary(max_size=most) if any_bytes else plain


def _short(raw: bytes) -> bytes:
    return bytes((len(raw),)) + raw


def _finite(width: Literal[32, 64]) -> st.SearchStrategy[float]:
    return st.floats(width=width, allow_nan=False, allow_infinity=False)


def _packed(layout: str, letter: bytes, values: st.SearchStrategy[float]) -> st.SearchStrategy[bytes]:
    return values.map(lambda value: struct.pack(layout, letter, value))


def _fields(*, odd: bool) -> st.SearchStrategy[bytes]:
    """One field with its letter. `odd` includes what RabbitMQ does not take: NaN, infinity, other letters."""
    floats = (
        [_fixed("f", 4), _fixed("dL", 8), _fixed("U", 2)]
        if odd
        else [_packed(">cf", b"f", _finite(32)), _packed(">cd", b"d", _finite(64))]
    )
    scalars = st.one_of(
        st.sampled_from([b"t\0", b"t\1", b"V"]),
        _fixed("bB", 1),
        _fixed("su", 2),
        _fixed("Ii", 4),
        _fixed("lT", 8),
        st.tuples(st.integers(0, 255), st.integers(-(2**31), 2**31 - 1)).map(lambda d: struct.pack(">cBi", b"D", *d)),
        _sized("S", _texts(any_bytes=True, most=40)),
        _sized("x", st.binary(max_size=40)),
        *floats,
    )
    return st.recursive(
        scalars,
        lambda inner: st.one_of(
            _sized("A", st.lists(inner, max_size=4).map(b"".join)), _sized("F", _entries(inner, odd=odd))
        ),
        max_leaves=10,
    )


def _entries(values: st.SearchStrategy[bytes], *, odd: bool) -> st.SearchStrategy[bytes]:
    names = _texts(any_bytes=odd, most=40).filter(lambda name: name not in _NEVER_KEPT)
    return st.dictionaries(names, values, max_size=5).map(
        lambda table: b"".join(_short(name) + value for name, value in table.items())
    )


@st.composite
def raw_properties(draw: st.DrawFn, *, odd: bool) -> bytes:
    """Flags and property list. Without `odd` they are such that RabbitMQ takes and keeps them to the last byte."""
    flags, parts = 0, []
    table = _sized("F", _entries(_fields(odd=odd), odd=odd)).map(lambda raw: raw[1:])
    values: dict[int, st.SearchStrategy[bytes]] = {flag: _texts(any_bytes=odd, most=60).map(_short) for flag in _TEXTS}
    values |= {
        1 << 13: table,
        1 << 12: st.sampled_from([b"\1", b"\2"]),
        1 << 11: st.binary(min_size=1, max_size=1),
        1 << 6: st.binary(min_size=8, max_size=8),
    }
    for flag in sorted(values, reverse=True):
        if draw(st.booleans()):
            flags |= flag
            parts.append(draw(values[flag]))
    return struct.pack(">H", flags) + b"".join(parts)
