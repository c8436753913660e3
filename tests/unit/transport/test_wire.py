"""Properties and publishes as bytes: every field type keeps its type, and pika reads and writes the same.

Not here: what arrives on a connection (test_stream.py).
"""

from __future__ import annotations

import decimal
import inspect
import struct
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any

import pika.data
import pika.frame
import pika.spec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warren.contracts.properties import (
    Float32,
    Int8,
    Int16,
    Int32,
    Properties,
    Timestamp,
    UInt8,
    UInt16,
    UInt32,
)
from warren.transport.fields import MAX_DEPTH, encode_table
from warren.transport.wire import (
    decode_properties,
    encode_properties,
    encode_publish,
    header_frame_size,
)

NAMES = list(inspect.signature(Properties).parameters)
EVERY_PROPERTY = Properties(
    content_type="application/json",
    content_encoding="utf-8",
    headers={"a": 1},
    delivery_mode=2,
    priority=9,
    correlation_id="c-1",
    reply_to="answers",
    expiration="60000",
    message_id="m-1",
    timestamp=1_700_000_000,
    type="orders.created",
    user_id="guest",
    app_id="billing",
    cluster_id="old",
)


# -- any value --------------------------------------------------------------------------------


def unsigned(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, 2**bits - 1)


def signed(bits: int) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def decimals() -> st.SearchStrategy[Decimal]:
    return st.builds(lambda unscaled, places: Decimal(f"{unscaled}e-{places}"), signed(32), st.integers(0, 255))


def moments() -> st.SearchStrategy[datetime]:
    return st.integers(0, 253_402_300_799).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


# Short strings may hold any bytes; those that are not UTF-8 are read as surrogates.
short_texts = st.one_of(
    st.text(max_size=60),
    st.binary(max_size=255).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
).filter(lambda text: len(text.encode("utf-8", "surrogateescape")) <= 255)


def not_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return True
    return False


scalars = st.one_of(
    st.booleans(),
    st.none(),
    st.text(),
    st.binary(),
    st.binary(min_size=1).filter(not_utf8).map(bytearray),  # a long string that is no text
    signed(64),
    signed(8).map(Int8),
    unsigned(8).map(UInt8),
    signed(16).map(Int16),
    unsigned(16).map(UInt16),
    signed(32).map(Int32),
    unsigned(32).map(UInt32),
    st.floats(width=32, allow_nan=False).map(Float32),
    st.floats(allow_nan=False),
    decimals(),
    moments(),
    st.integers(2**50, 2**64 - 1).map(Timestamp),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(short_texts, inner, max_size=4)),
    max_leaves=12,
)
tables = st.dictionaries(short_texts, values, max_size=6)

properties = st.builds(
    Properties,
    content_type=st.none() | short_texts,
    content_encoding=st.none() | short_texts,
    headers=tables,
    delivery_mode=st.none() | unsigned(8),
    priority=st.none() | unsigned(8),
    correlation_id=st.none() | short_texts,
    reply_to=st.none() | short_texts,
    expiration=st.none() | short_texts,
    message_id=st.none() | short_texts,
    timestamp=st.none() | unsigned(64),
    type=st.none() | short_texts,
    user_id=st.none() | short_texts,
    app_id=st.none() | short_texts,
    cluster_id=st.none() | short_texts,
)


def typed(value: Any) -> Any:
    """Return a value with its types, which `==` does not compare: Int8(1) == 1."""
    match value:
        case dict():
            return {name: typed(item) for name, item in value.items()}
        case list():
            return [typed(item) for item in value]
        case Decimal():
            return Decimal, value.as_tuple()
        case float():
            return type(value), struct.pack(">d", value)
        case _:
            return type(value), value


def read_headers(table: bytes) -> dict[str, Any]:
    return dict(decode_properties(struct.pack(">H", 1 << 13) + table, 0).headers)


# -- round trips ------------------------------------------------------------------------------


@settings(deadline=None)
@given(properties)
def test_properties_are_read_back_equal_and_with_the_same_types(written: Properties) -> None:
    read = decode_properties(encode_properties(written), 0)

    assert read == written
    assert typed(dict(read.headers)) == typed(dict(written.headers))


@settings(deadline=None)
@given(properties)
def test_a_copy_of_what_was_read_is_identical_to_the_last_byte(written: Properties) -> None:
    raw = encode_properties(written)

    assert encode_properties(decode_properties(raw, 0)) == raw


@given(properties, st.binary(max_size=30))
def test_properties_are_read_from_where_they_start(written: Properties, before: bytes) -> None:
    assert decode_properties(before + encode_properties(written), len(before)) == written


def test_no_properties_are_two_bytes() -> None:
    assert encode_properties(Properties()) == b"\0\0"
    assert decode_properties(b"\0\0", 0) == Properties()


def test_a_decimal_keeps_its_places_under_any_decimal_context() -> None:
    price = Decimal("123456.7890")
    with decimal.localcontext() as context:
        context.prec = 3
        raw = encode_table({"price": price})
        read = read_headers(raw)["price"]

    assert read.as_tuple() == price.as_tuple()


@pytest.mark.parametrize("code", [b"l", b"L"])
def test_a_64_bit_integer_is_read_under_either_letter(code: bytes) -> None:
    """py-amqp, and so Celery, writes L; a classic queue of RabbitMQ 3 delivers it unchanged."""
    field = b"\x01a" + code + struct.pack(">q", -5)

    assert typed(read_headers(struct.pack(">L", len(field)) + field)) == {"a": (int, -5)}


@pytest.mark.parametrize("code", [b"s", b"U"])
def test_a_16_bit_integer_is_read_under_either_letter(code: bytes) -> None:
    field = b"\x01a" + code + struct.pack(">h", -5)

    assert typed(read_headers(struct.pack(">L", len(field)) + field)) == {"a": (Int16, -5)}


# -- what people put in headers ---------------------------------------------------------------


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Ratio(float):
    """A float of an application's own, as numpy's are."""


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Ratio(0.5), 0.5),
        ((1, "two"), [1, "two"]),
        (Decimal("12e2"), Decimal("1200")),
        (datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), datetime(2024, 1, 1, tzinfo=UTC)),
        (datetime(2024, 1, 1, 0, 0, 0, 999_999, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)),
        ("caf\udce9", bytearray(b"caf\xe9")),
    ],
    ids=repr,
)
def test_values_close_to_a_field_type_are_written_as_it(given_value: Any, expected: Any) -> None:
    read = read_headers(encode_table({"a": given_value}))["a"]

    assert typed(read) == typed(expected)


def endless() -> dict[str, Any]:
    table: dict[str, Any] = {}
    table["itself"] = table
    return table


@pytest.mark.parametrize(
    "unwritable",
    [
        Properties(headers={"a": 2**63}),
        Properties(headers={"a": -(2**63) - 1}),
        Properties(headers={"a": Int8(128)}),
        Properties(headers={"a": UInt16(-1)}),
        Properties(headers={"a": Float32(1e300)}),
        Properties(headers={"a": Decimal("NaN")}),
        Properties(headers={"a": Decimal("Infinity")}),
        Properties(headers={"a": Decimal("1e999999")}),
        Properties(headers={"a": Decimal("1e-256")}),
        Properties(headers={"a": Decimal("12345678901")}),
        Properties(headers={"a": datetime(1969, 12, 31, tzinfo=UTC)}),
        Properties(headers={"a": datetime(2024, 1, 1)}),  # noqa: DTZ001
        Properties(headers={"a": object()}),
        Properties(headers={"a": {1, 2}}),
        Properties(headers={"a": "\ud800"}),
        Properties(headers={"x" * 256: 1}),
        Properties(headers={7: 1}),
        Properties(headers=endless()),
        Properties(message_id="x" * 256),
        Properties(message_id="é" * 128),
        Properties(content_type=5),
        Properties(correlation_id=5),
        Properties(priority=256),
        Properties(priority="high"),
        Properties(delivery_mode=-1),
        Properties(timestamp=-1),
        Properties(timestamp=2**64),
    ],
    ids=lambda unwritable: repr(unwritable)[:60],
)
def test_what_fits_no_field_is_refused_as_a_value_error(unwritable: Properties) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        encode_properties(unwritable)


# -- agreement with pika ------------------------------------------------------------------------

# Types that pika writes and reads as Warren does; it has none for the other widths, nor for text that is not UTF-8.
pika_values = st.recursive(
    st.one_of(
        st.booleans(),
        st.none(),
        st.text(),
        st.binary().filter(not_utf8),
        moments().filter(lambda moment: moment.year < 3000),
        signed(64).map(pika.data.long),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(min_size=1, max_size=20), inner, max_size=4)
    ),
    max_leaves=10,
)
pika_tables = st.dictionaries(st.text(max_size=20), pika_values, max_size=5)


def plain(value: Any) -> Any:
    """Return what Warren is given for a value that pika is given: pika marks 64 bits with a type of its own."""
    match value:
        case dict():
            return {name: plain(item) for name, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case bool():
            return value
        case int():
            return int(value)
        case _:
            return value


@settings(deadline=None)
@given(pika_tables)
def test_a_table_is_written_as_pika_writes_it(table: dict[str, Any]) -> None:
    pieces: list[bytes] = []
    pika.data.encode_table(pieces, table)

    assert encode_table(plain(table)) == b"".join(pieces)


@settings(deadline=None)
@given(pika_tables)
def test_a_table_is_read_as_pika_reads_it(table: dict[str, Any]) -> None:
    raw = encode_table(plain(table))

    assert read_headers(raw) == pika.data.decode_table(raw, 0)[0]


@pytest.mark.parametrize("name", [each for each in Properties._fields if each != "headers"])
def test_each_property_is_written_where_pika_reads_it(name: str) -> None:
    value = getattr(EVERY_PROPERTY, name)

    read = pika.spec.BasicProperties().decode(encode_properties(Properties(**{name: value})))

    assert {key: each for key, each in vars(read).items() if each is not None} == {name: value}


def test_all_properties_together_are_those_of_pika() -> None:
    ours = {name: getattr(EVERY_PROPERTY, name) for name in Properties._fields}
    theirs = pika.spec.BasicProperties(**{**ours, "headers": {"a": pika.data.long(1)}})
    raw = b"".join(theirs.encode())

    assert encode_properties(EVERY_PROPERTY) == raw
    assert decode_properties(raw, 0) == EVERY_PROPERTY


# -- malformed input ----------------------------------------------------------------------------


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_as_a_value_error(raw: bytes) -> None:
    try:
        decode_properties(raw, 0)
    except ValueError:
        pass


@settings(deadline=None, max_examples=300)
@given(properties, st.data())
def test_damaged_properties_are_read_or_refused_as_a_value_error(written: Properties, data: st.DataObject) -> None:
    raw = bytearray(encode_properties(written))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))

    try:
        decode_properties(bytes(raw), 0)
    except ValueError:
        pass


@settings(deadline=None)
@given(properties, st.data())
def test_cut_properties_are_refused(written: Properties, data: st.DataObject) -> None:
    raw = encode_properties(written)
    kept = data.draw(st.integers(0, len(raw) - 1))

    with pytest.raises(ValueError, match="malformed"):
        decode_properties(raw[:kept], 0)


def in_table(field: bytes) -> bytes:
    return struct.pack(">H", 1 << 13) + struct.pack(">L", len(field)) + field


@pytest.mark.parametrize(
    "raw",
    [
        in_table(b"\x01aS\x00\x00\xff\xffshort"),
        in_table(b"\x01ax\x00\x00\xff\xffshort"),
        in_table(b"\x01aF\x00\x00\xff\xffshort"),
        in_table(b"\x01aA\x00\x00\xff\xffVVV"),
        in_table(b"\x01aA\x00\x00\x00\x02S\x00\x00\x00\x00"),
        in_table(b"\x01aF\x00\x00\x00\x02\x01bV"),
        in_table(b"\x01a?"),
        in_table(b"\x01a"),
        in_table(b"\xffa"),
        in_table(b"\x01aS\x00\x00\x00\x01x")[:-1],
        b"\x80\x00\xffshort",
        b"\x00\x04\xffshort",
        b"\x00\x01",
        b"\x00\x02",
        b"\x00",
        b"",
    ],
    ids=repr,
)
def test_lengths_that_lead_nowhere_are_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"malformed|unknown"):
        decode_properties(raw, 0)


def nested(kind: bytes, levels: int) -> bytes:
    """Return a field table with a value that is tables or arrays inside each other."""
    inner, name = b"", b"\x01a" if kind == b"F" else b""
    for level in range(levels):
        inner = (name if level < levels - 1 else b"\x01a") + kind + struct.pack(">L", len(inner)) + inner
    return in_table(inner)


@pytest.mark.parametrize("kind", [b"F", b"A"])
def test_deep_nesting_is_refused_as_a_value_error_at_the_same_depth_on_every_stack(kind: bytes) -> None:
    """RabbitMQ passes 3,000 levels on; a reader that dies of it dies again at each redelivery."""
    assert decode_properties(nested(kind, MAX_DEPTH), 0).headers
    assert encode_properties(decode_properties(nested(kind, MAX_DEPTH), 0)) == nested(kind, MAX_DEPTH)
    for levels in (MAX_DEPTH + 1, 3_000):
        with pytest.raises(ValueError, match="nested too deep"):
            decode_properties(nested(kind, levels), 0)


# -- publishes ------------------------------------------------------------------------------------


def frames_of(data: bytes) -> list[Any]:
    frames = []
    while data:
        used, frame = pika.frame.decode_frame(data)
        assert used, "bytes are left that are no frame"
        frames.append(frame)
        data = data[used:]
    return frames


@pytest.mark.parametrize("frame_max", [4_096, 131_072])
@pytest.mark.parametrize(
    ("size_of_body", "number_of_frames"),
    [
        (lambda _: 0, 0),
        (lambda _: 1, 1),
        (lambda frame_max: frame_max - 9, 1),
        (lambda frame_max: frame_max - 8, 1),
        (lambda frame_max: frame_max - 7, 2),
        (lambda frame_max: 2 * (frame_max - 8), 2),
        (lambda frame_max: 5 * frame_max, 6),
    ],
)
def test_a_publish_is_what_pika_reads_back(size_of_body: Any, number_of_frames: int, frame_max: int) -> None:
    body = bytes(range(256)) * (5 * frame_max // 256 + 1)
    body = body[: size_of_body(frame_max)]

    raw = encode_publish(
        channel=7,
        exchange="orders",
        routing_key="orders.created",
        properties=encode_properties(EVERY_PROPERTY),
        body=body,
        frame_max=frame_max,
    )
    method, header, *bodies = frames_of(raw)

    assert {frame.channel_number for frame in (method, header, *bodies)} == {7}
    assert isinstance(method.method, pika.spec.Basic.Publish)
    assert (method.method.exchange, method.method.routing_key) == ("orders", "orders.created")
    assert method.method.mandatory
    assert not method.method.immediate
    assert (header.body_size, header.properties.message_id) == (len(body), "m-1")
    assert len(bodies) == number_of_frames
    assert b"".join(frame.fragment for frame in bodies) == body
    assert all(len(frame.marshal()) <= frame_max for frame in bodies)


def test_a_header_frame_is_as_long_as_foretold() -> None:
    raw_properties = encode_properties(EVERY_PROPERTY)

    raw = encode_publish(channel=1, exchange="", routing_key="q", properties=raw_properties, body=b"", frame_max=4_096)

    assert len(frames_of(raw)[1].marshal()) == header_frame_size(raw_properties)


@pytest.mark.parametrize(
    "place", [{"exchange": "x" * 256, "routing_key": ""}, {"exchange": "", "routing_key": "é" * 128}]
)
def test_a_name_that_is_too_long_is_refused(place: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="255"):
        encode_publish(channel=1, properties=b"\0\0", body=b"", frame_max=4_096, **place)
