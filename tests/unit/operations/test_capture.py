"""A message written as a line and read back is the same message, to the last byte, whatever it holds.

Not here: the files that such lines are in (test_captures.py), or real brokers (tests/contract/test_drain.py).
"""

from __future__ import annotations

import json
import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.raw_properties import raw_properties
from warren.contracts.properties import Properties
from warren.operations.capture import read_line, write_line
from warren.operations.lease import Held
from warren.transport.wire import decode_properties, encode_properties, read_properties

NOW = 1_700_000_000.25


def held(
    body: bytes = b"{}",
    raw: bytes = b"\0\0",
    *,
    exchange: str = "orders",
    routing_key: str = "orders.created",
    redelivered: bool = False,
) -> Held:
    return Held(1, redelivered, exchange, routing_key, read_properties(raw), raw, body)


def table(name: bytes, field: bytes) -> bytes:
    entry = bytes((len(name),)) + name + field
    return struct.pack(">HL", 1 << 13, len(entry)) + entry


def told(message: Held) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(write_line("billing.invoices.dead", message, now=NOW))
    return line


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
bodies = st.one_of(
    st.binary(),
    st.text().map(lambda text: text.encode("utf-8", "surrogatepass")),
    json_values.map(lambda value: json.dumps(value).encode()),
    json_values.map(lambda value: json.dumps(value, separators=(",", ":")).encode()),
    json_values.map(lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False)).map(
        lambda text: text.encode("utf-8", "surrogatepass")
    ),
)
names = st.binary(max_size=40).map(lambda raw: raw.decode("utf-8", "surrogateescape"))


@settings(max_examples=300)
@given(raw_properties(odd=True), bodies, names, names, st.booleans())
def test_what_is_read_back_is_the_same_message_to_the_last_byte(
    raw: bytes, body: bytes, exchange: str, routing_key: str, redelivered: bool
) -> None:
    message = held(body, raw, exchange=exchange, routing_key=routing_key, redelivered=redelivered)

    line = write_line("billing.invoices.dead", message, now=NOW)
    captured = read_line(line)

    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert captured.raw_properties == raw
    assert captured.body == body
    assert (captured.exchange, captured.routing_key, captured.redelivered) == (exchange, routing_key, redelivered)
    assert encode_properties(captured.properties) == encode_properties(message.properties)


@given(st.binary(max_size=200))
def test_properties_that_are_malformed_are_kept_as_they_are(raw: bytes) -> None:
    captured = read_line(write_line("q", held(b"", raw), now=NOW))

    assert captured.raw_properties == raw
    assert captured.properties == read_properties(raw)


@given(st.dictionaries(st.text(max_size=10), json_values, max_size=3) | st.binary() | st.text())
def test_a_line_of_something_else_is_refused_with_a_reason(junk: Any) -> None:
    line = junk if isinstance(junk, bytes) else json.dumps(junk).encode()

    with pytest.raises(ValueError, match="it "):
        read_line(line)


@given(st.data())
def test_a_damaged_line_is_refused_or_read_and_never_raises_otherwise(data: st.DataObject) -> None:
    raw = data.draw(raw_properties(odd=False))
    line = bytearray(write_line("q", held(b'{"order_id":1}', raw), now=NOW))
    place = data.draw(st.integers(0, len(line) - 1))
    line[place] = data.draw(st.integers(0, 255))

    with suppress(ValueError):
        read_line(bytes(line))


# -- what people read --------------------------------------------------------------------------


def test_a_body_that_is_compact_json_is_json_in_the_line() -> None:
    assert told(held(b'{"order_id":4821,"event":"cr\xc3\xa9ated"}'))["body"] == {"order_id": 4821, "event": "créated"}


@pytest.mark.parametrize(
    "body",
    [
        b'{"order_id": 4821}',
        b"1.0e3",
        b'{"a":1,"a":2}',
        b"NaN",
        b'"\\u00e9"',
        b"plain",
        b"",
        b"1,2",
        b"[1]]",
        b"\xef\xbb\xbf{}",
    ],
)
def test_json_that_would_not_be_written_the_same_way_again_is_text(body: bytes) -> None:
    assert told(held(body))["body_text"] == body.decode()


def test_a_body_that_is_no_text_is_base64() -> None:
    assert told(held(b"\xff\0"))["body_base64"] == "/wA="


@pytest.mark.parametrize("depth", [70, 900, 100_000])
def test_json_nested_too_deep_to_be_read_back_is_text(depth: int) -> None:
    body = b"[" * depth + b"]" * depth

    assert read_line(write_line("q", held(body), now=NOW)).body == body
    assert told(held(body))["body_text"] == body.decode()


def test_many_objects_side_by_side_are_json() -> None:
    body = b"[" + b",".join([b'{"a":[1]}'] * 1000) + b"]"

    assert len(told(held(body))["body"]) == 1000


@pytest.mark.parametrize(
    ("field", "shown"),
    [
        (b"S\0\0\0\2hi", {"type": "longstr", "value": "hi"}),
        (b"S\0\0\0\1\xff", {"type": "longstr", "base64": "/w=="}),
        (b"x\0\0\0\1\xff", {"type": "bytes", "base64": "/w=="}),
        (b"t\1", {"type": "boolean", "value": True}),
        (b"b\xff", {"type": "int8", "value": -1}),
        (b"B\xff", {"type": "uint8", "value": 255}),
        (b"s\xff\xff", {"type": "int16", "value": -1}),
        (b"u\xff\xff", {"type": "uint16", "value": 65535}),
        (b"I\0\0\0\1", {"type": "int32", "value": 1}),
        (b"i\xff\xff\xff\xff", {"type": "uint32", "value": 4294967295}),
        (b"l\0\0\0\0\0\0\0\7", {"type": "int64", "value": 7}),
        (struct.pack(">cf", b"f", 0.5), {"type": "float", "value": 0.5}),
        (struct.pack(">cd", b"d", 0.1), {"type": "double", "value": 0.1}),
        (struct.pack(">cd", b"d", float("inf")), {"type": "double", "value": "Infinity"}),
        (struct.pack(">cd", b"d", float("nan")), {"type": "double", "value": "NaN"}),
        (b"D\2\0\0\0\x96", {"type": "decimal", "value": "1.50"}),
        (struct.pack(">cQ", b"T", 1_700_000_000), {"type": "timestamp", "value": 1_700_000_000}),
        (b"V", {"type": "void", "value": None}),
        (b"A\0\0\0\2t\0", {"type": "array", "value": [{"type": "boolean", "value": False}]}),
        (b"F\0\0\0\4\1at\0", {"type": "table", "value": {"a": {"type": "boolean", "value": False}}}),
    ],
    ids=lambda each: each["type"] if isinstance(each, dict) else "",
)
def test_each_header_says_its_type(field: bytes, shown: dict[str, Any]) -> None:
    line = told(held(raw=table(b"a", field)))

    assert line["headers"] == {"a": shown}
    assert "properties_base64" not in line


@pytest.mark.parametrize(
    "raw",
    [
        table(b"\xff", b"V"),
        table(b"a", b"d\x7f\xf8\0\0\0\0\0\1"),
        table(b"a", b"L\0\0\0\0\0\0\0\7"),
        table(b"a", b"V")[:-1] + b"?",
    ],
    ids=["name", "nan", "letter", "malformed"],
)
def test_what_cannot_be_shown_exactly_is_kept_in_base64_beside_it(raw: bytes) -> None:
    line = told(held(raw=raw))

    assert "properties_base64" in line
    assert len(line["headers"]) == 1


def test_properties_are_named_as_amqp_names_them() -> None:
    raw = encode_properties(Properties(content_type="application/json", delivery_mode=2, message_id="m-1", timestamp=7))

    assert told(held(raw=raw))["properties"] == {
        "content_type": "application/json",
        "delivery_mode": 2,
        "message_id": "m-1",
        "timestamp": 7,
    }


def test_an_edited_line_is_read_as_edited() -> None:
    line = told(held(b'{"order_id":1}', encode_properties(Properties(message_id="m-1", headers={"tries": 1}))))
    line["body"]["order_id"] = 2
    line["properties"]["message_id"] = "m-2"
    line["headers"]["tries"]["value"] = 3

    captured = read_line(json.dumps(line).encode())

    assert captured.body == b'{"order_id":2}'
    assert captured.properties.message_id == "m-2"
    assert decode_properties(captured.raw_properties, 0).headers == {"tries": 3}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("headers", "tries", "value"), "three"),
        (("headers", "tries", "value"), True),
        (("headers", "tries", "value"), 2**63),
        (("headers", "tries", "type"), "number"),
        (("properties", "message_id"), 7),
        (("properties", "delivery_mode"), 300),
        (("properties", "delivery_mode"), "2"),
        (("properties", "colour"), "red"),
        (("properties",), []),
        (("headers",), 1),
        (("queue",), None),
        (("v",), 2),
    ],
    ids=str,
)
def test_a_value_that_does_not_fit_is_refused(place: tuple[str, ...], value: Any) -> None:
    line = told(held(raw=encode_properties(Properties(message_id="m-1", delivery_mode=2, headers={"tries": 1}))))
    inner = line
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value

    with pytest.raises(ValueError, match="it "):
        read_line(json.dumps(line).encode())
