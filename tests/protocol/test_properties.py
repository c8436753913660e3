"""The content header: what the broker finds in it, what it changes, and headers that RabbitMQ cannot read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.frames import TABLES, integers, text
from warren.broker.protocol import properties
from warren.broker.protocol.fields import encode_table, encode_value
from warren.broker.protocol.properties import Properties, Scan, edit, encode, headers, read, scan
from warren.broker.protocol.spec import PROPERTIES, Domain
from warren.broker.protocol.violations import FrameViolation

VALUES = {
    Domain.SHORTSTR: text(255),
    Domain.TABLE: TABLES,
    Domain.OCTET: integers(8, signed=False),
    Domain.TIMESTAMP: integers(64, signed=False),
}
ANY = st.builds(Properties, **{argument.name: st.none() | VALUES[argument.domain] for argument in PROPERTIES})
ALL = Properties(
    content_type="application/json",
    content_encoding="gzip",
    headers={"tenant": "north"},
    delivery_mode=2,
    priority=4,
    correlation_id="c-1",
    reply_to="answers",
    expiration="60000",
    message_id="m-1",
    timestamp=1_700_000_000,
    type="order",
    user_id="guest",
    app_id="shop",
    cluster_id="here",
)


@given(ANY)
def test_properties_come_back_as_they_were_written(written) -> None:
    header = encode(written)
    assert read(header) == written
    assert headers(header) == (written.headers or {})


@given(ANY)
def test_a_scan_finds_what_the_broker_acts_on(written) -> None:
    for _ in range(2):  # the second from memory
        assert scan(encode(written)) == Scan(
            persistent=written.delivery_mode == 2,
            priority=written.priority,
            expiration=written.expiration,
            user_id=written.user_id,
            reply_to=written.reply_to,
            has_headers=bool(written.headers),
            has_copies=bool(written.headers) and b"CC" in encode_table(written.headers),
        )


def test_the_flags_are_in_the_order_of_the_specification() -> None:
    assert encode(Properties(content_type="a")) == b"\x80\x00\x01a"
    assert encode(Properties(cluster_id="a")) == b"\x00\x04\x01a"
    assert encode(ALL)[:2] == b"\xff\xfc"


@pytest.mark.parametrize("name", ["CC", "BCC"])
def test_copies_are_noticed(name) -> None:
    assert scan(encode(Properties(headers={name: ["other"]}))).has_copies
    assert not scan(encode(Properties(headers={"plain": 1}))).has_copies


def test_remembered_scans_are_bounded() -> None:
    for number in range(3000):
        assert scan(encode(Properties(expiration=str(number)))).expiration == str(number)
    assert len(properties._scans) <= 1024


# -- changes ------------------------------------------------------------------------------


@given(ANY, st.frozensets(st.sampled_from([argument.name for argument in PROPERTIES])))
def test_dropping_properties_leaves_all_others_as_they_are(written, dropped) -> None:
    left = {
        argument.name: getattr(written, argument.name)
        for argument in PROPERTIES
        if argument.name not in dropped and getattr(written, argument.name) is not None
    }
    assert edit(encode(written), drop=dropped) == encode(Properties(**left))


def test_headers_are_added_replaced_and_removed() -> None:
    header = edit(encode(ALL), headers={"tenant": None, "x-death": encode_value([{"count": 1}])}, reply_to="there")
    changed = read(header)
    assert changed.headers == {"x-death": [{"count": 1}]}
    assert changed.reply_to == "there"
    assert changed.app_id == "shop"
    assert edit(header, headers={"x-death": None, "tenant": encode_value("north")}, reply_to="answers") == encode(ALL)


def test_headers_come_where_there_were_none() -> None:
    plain = encode(Properties(delivery_mode=2))
    assert read(edit(plain, headers={"a": encode_value(1)})) == Properties(delivery_mode=2, headers={"a": 1})
    assert edit(plain, headers={"a": None}) == plain


def test_the_last_header_removed_leaves_an_empty_table_as_in_rabbitmq() -> None:
    assert edit(encode(Properties(headers={"BCC": ["q"]})), headers={"BCC": None}) == b"\x20\x00" + bytes(4)


# -- what is no header --------------------------------------------------------------------

NO_HEADERS = {
    "nothing": b"",
    "half of the flags": b"\x00",
    "text beyond the end": b"\x80\x00\x20abc",
    "flags without values": b"\x80\x00",
    "values without flags": b"\x00\x00abc",
    "more flags than properties": b"\x80\x01\x00\x00\x01a",
    "half a timestamp": b"\x00\x40\x00\x00",
    "a table beyond the end": b"\x20\x00\x00\x00\x00\x09\x01aV",
    "a table of an unknown type": b"\x20\x00\x00\x00\x00\x03\x01aQ",
    "half a length in a table": b"\x20\x00\x00\x00\x00\x05\x01aS\x00\x00",
    "a header of a huge length": b"\x20\x00\x00\x00\x00\x07\x01aS\xff\xff\xff\xff",
}


@pytest.mark.parametrize("header", NO_HEADERS.values(), ids=NO_HEADERS)
def test_a_header_that_cannot_be_read_is_an_internal_error_as_in_rabbitmq(header) -> None:
    with pytest.raises(FrameViolation) as refused:
        scan(header)
    assert (refused.value.code, refused.value.text) == (541, "INTERNAL_ERROR")


@pytest.mark.parametrize("header", [b"\x00\x02", b"\x10\x02\x02", b"\x10\x00\x07", b"\x80\x00\x01\xff"], ids=repr)
def test_rabbitmq_minds_neither_the_unused_flag_nor_odd_values(header) -> None:
    assert scan(header).persistent == (header == b"\x10\x02\x02")
    read(header)
    assert edit(header, drop=frozenset({"content_type", "delivery_mode"})) == b"\x00\x00"


@given(st.binary(max_size=60))
def test_whatever_passes_the_scan_can_be_read_and_changed(header) -> None:
    try:
        scan(header)
    except FrameViolation:
        return
    read(header)
    edited = edit(header, headers={"x-new": encode_value(1)}, drop=frozenset({"expiration"}))
    assert headers(edited)["x-new"] == 1
    assert scan(edited).expiration is None
