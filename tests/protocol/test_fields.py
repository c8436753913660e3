"""Field tables: every type there and back, changes that leave the rest alone, and bytes that are no table."""

from __future__ import annotations

import tracemalloc
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.frames import TABLES, VALUES, text
from warren.broker.protocol.fields import (
    FieldError,
    Float32,
    Int8,
    Int16,
    Int32,
    Timestamp,
    UInt8,
    UInt16,
    UInt32,
    decode_table,
    edit_table,
    encode_table,
    encode_value,
    skip_table,
    type_name,
)


def types_in(value: object) -> object:
    """The types of a value and of all it holds."""
    if isinstance(value, dict):
        return {name: types_in(item) for name, item in value.items()}
    if isinstance(value, list):
        return [types_in(item) for item in value]
    return type(value)


def sized(raw: bytes) -> bytes:
    return len(raw).to_bytes(4, "big") + raw


@given(TABLES)
def test_every_table_comes_back_with_its_values_and_their_types(table) -> None:
    raw = encode_table(table)
    decoded = decode_table(memoryview(raw))
    assert decoded == table
    assert types_in(decoded) == types_in(table)
    assert skip_table(b"before" + raw + b"after", 6) == 6 + len(raw)


@pytest.mark.parametrize(
    ("value", "octets", "name"),
    [
        (True, b"t\x01", "bool"),
        (Int8(-2), b"b\xfe", "byte"),
        (UInt8(254), b"B\xfe", "unsignedbyte"),
        (Int16(-2), b"s\xff\xfe", "short"),
        (UInt16(258), b"u\x01\x02", "unsignedshort"),
        (Int32(-2), b"I\xff\xff\xff\xfe", "signedint"),
        (UInt32(1), b"i\x00\x00\x00\x01", "unsignedint"),
        (-2, b"l\xff\xff\xff\xff\xff\xff\xff\xfe", "long"),
        (Timestamp(1), b"T\x00\x00\x00\x00\x00\x00\x00\x01", "timestamp"),
        (Float32(0.5), b"f\x3f\x00\x00\x00", "float"),
        (0.5, b"d\x3f\xe0\x00\x00\x00\x00\x00\x00", "double"),
        (Decimal("1.23"), b"D\x02\x00\x00\x00\x7b", "decimal"),
        ("é", b"S\x00\x00\x00\x02\xc3\xa9", "longstr"),
        (b"\xff", b"x\x00\x00\x00\x01\xff", "binary"),
        (None, b"V", "void"),
        ([None], b"A\x00\x00\x00\x01V", "array"),
        ({"a": None}, b"F\x00\x00\x00\x03\x01aV", "table"),
    ],
)
def test_each_type_has_rabbitmqs_octet_and_name(value, octets, name) -> None:
    assert encode_value(value) == octets
    assert type_name(value) == name


def test_a_long_written_as_py_amqp_does_is_read_as_a_long() -> None:
    assert decode_table(sized(b"\x01aL\xff\xff\xff\xff\xff\xff\xff\xff")) == {"a": -1}


def test_text_that_is_no_utf_8_leaves_as_it_came() -> None:
    raw = sized(b"\x01\xffS\x00\x00\x00\x02\xfe\xff")
    assert encode_table(decode_table(raw)) == raw


def test_of_two_fields_with_one_name_the_first_counts() -> None:
    assert decode_table(sized(b"\x01aB\x01\x01aB\x02")) == {"a": 1}


@pytest.mark.parametrize(
    "value",
    [
        1 << 63,
        -(1 << 63) - 1,
        Int32(1 << 31),
        Decimal("-1"),
        Decimal(1 << 32),
        Decimal("1e3"),
        Decimal("nan"),
        pytest.param(object(), id="object"),
    ],
    ids=str,
)
def test_a_value_no_field_can_hold_is_refused(value) -> None:
    with pytest.raises(FieldError):
        encode_value(value)


def test_a_name_of_more_than_255_bytes_is_refused() -> None:
    with pytest.raises(FieldError, match="more than 255 bytes"):
        encode_table({"é" * 128: 1})


# -- changes ------------------------------------------------------------------------------


@given(TABLES, st.dictionaries(text(), st.none() | VALUES.map(encode_value), max_size=4))
def test_a_change_replaces_appends_and_removes_and_keeps_all_else(table, changes) -> None:
    expected = dict(table)
    for name, value in changes.items():
        expected.pop(name, None) if value is None else expected.update({name: value})
    raw = {name: value if name in changes else encode_value(value) for name, value in expected.items()}

    edited = edit_table(encode_table(table), changes)

    assert list(decode_table(edited)) == list(expected)
    assert edited == edit_table(encode_table({}), raw)


def test_a_change_leaves_the_bytes_of_other_fields_as_they_are() -> None:
    odd = b"\x01aL\x00\x00\x00\x00\x00\x00\x00\x01"  # a type and a width that would be written differently
    edited = edit_table(sized(odd + b"\x01bV" + odd), {"b": b"t\x01"})
    assert edited == sized(odd + b"\x01bt\x01" + odd)


# -- what is no table ---------------------------------------------------------------------

NO_TABLES = {
    "shorter than it says": b"\x00\x00\x00\x05\x01aV",
    "longer than it says": b"\x00\x00\x00\x02\x01aV",
    "no length": b"\x00\x00",
    "a name beyond the end": sized(b"\x09aV"),
    "a name and no value": sized(b"\x01a"),
    "an unknown type": sized(b"\x01aZ"),
    "half a number": sized(b"\x01al\x00\x00"),
    "half a decimal": sized(b"\x01aD\x00\x00"),
    "half a length of text": sized(b"\x01aS\x00\x00"),
    "text beyond the end": sized(b"\x01aS\x00\x00\x00\x09x"),
    "bytes beyond the end": sized(b"\x01ax\xff\xff\xff\xff"),
    "a table beyond the end": sized(b"\x01aF\x00\x00\x00\x09\x01bV"),
    "an array beyond the end": sized(b"\x01aA\x7f\xff\xff\xff"),
    "an item beyond its array": sized(b"\x01aA\x00\x00\x00\x02S\x00\x00\x00\x01x"),
    "a field beyond its inner table": sized(b"\x01aF\x00\x00\x00\x03\x01bl\x00\x00\x00\x00\x00\x00\x00\x00"),
}


def nested(depth: int, *, arrays: bool) -> bytes:
    raw = b""
    for _ in range(depth):
        raw = (b"A" if arrays else b"\x01aF") + sized(raw)
    return sized(b"\x01a" + raw if arrays else raw)


@pytest.mark.parametrize("raw", NO_TABLES.values(), ids=NO_TABLES)
def test_what_is_no_table_is_refused_by_all_who_read_it(raw) -> None:
    with pytest.raises(FieldError):
        decode_table(raw)
    with pytest.raises(FieldError):
        edit_table(raw, {"new": b"V"})


@pytest.mark.parametrize("arrays", [False, True])
def test_tables_are_nested_up_to_a_limit_and_no_deeper(arrays) -> None:
    decode_table(nested(60, arrays=arrays))
    edit_table(nested(60, arrays=arrays), {"new": b"V"})
    for depth in (70, 2000):
        with pytest.raises(FieldError, match="too deep"):
            decode_table(nested(depth, arrays=arrays))
        with pytest.raises(FieldError, match="too deep"):
            edit_table(nested(depth, arrays=arrays), {"new": b"V"})


@given(st.binary(max_size=60), st.binary(max_size=20))
def test_any_bytes_are_a_table_or_a_field_error(fields, rest) -> None:
    for raw in (sized(fields), sized(fields) + rest):
        try:
            table = decode_table(raw)
        except FieldError:
            with pytest.raises(FieldError):
                edit_table(raw, {})
        else:
            assert edit_table(raw, {}) == raw
            assert decode_table(encode_table(table)) == table or "nan" in repr(table)


def test_a_huge_length_allocates_nothing() -> None:
    tracemalloc.start()
    try:
        for raw in NO_TABLES.values():
            with pytest.raises(FieldError):
                decode_table(raw)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
