"""All methods: there and back, cut short, and generated from the table as it stands."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocol.frames import TABLES, integers, text
from warren.broker.model.message import Address
from warren.broker.protocol import decoding, generate, methods, spec
from warren.broker.protocol.decoding import decode_method
from warren.broker.protocol.methods import BasicPublish, QueueDeclare
from warren.broker.protocol.spec import Domain
from warren.broker.protocol.violations import FrameViolation

VALUES = {
    Domain.BIT: st.booleans(),
    Domain.OCTET: integers(8, signed=False),
    Domain.SHORT: integers(16, signed=False),
    Domain.LONG: integers(32, signed=False),
    Domain.LONGLONG: integers(64, signed=False),
    Domain.SHORTSTR: text(255),
    Domain.LONGSTR: st.binary(max_size=300),
    Domain.TEXT: text(300),
    Domain.TABLE: TABLES,
    Domain.ADDRESS: st.builds(Address, text(255), text(255)),
}
LAYOUTS = {layout.name: layout for layout in spec.METHODS}


def any_method(layout: spec.Layout) -> st.SearchStrategy[methods.Method]:
    kind = getattr(methods, generate.class_name(layout))
    values = {argument.name: VALUES[argument.domain] for argument in layout.arguments if argument.domain in VALUES}
    return st.fixed_dictionaries(values).map(lambda arguments: kind(**arguments))


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_method_comes_back_with_its_arguments(layout) -> None:
    @settings(max_examples=30)
    @given(any_method(layout))
    def comes_back(method) -> None:
        payload = method.encode()
        decoded = decode_method(payload)
        assert decoded == method
        assert repr(decoded).partition(" at ")[0] == repr(method).partition(" at ")[0]
        assert payload[:4] == method.IDS
        assert (layout.name, layout.class_id, layout.method_id) == (decoded.NAME, decoded.CLASS_ID, decoded.METHOD_ID)

    comes_back()


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_method_cut_short_or_with_more_behind_it_cannot_be_decoded(layout) -> None:
    payload = getattr(methods, generate.class_name(layout))().encode()
    for broken in [payload[:length] for length in range(4, len(payload))] + [payload + b"\x00"]:
        with pytest.raises(FrameViolation) as refused:
            decode_method(broken)
        octets = ",".join(map(str, broken[4:]))
        assert refused.value.text == f"FRAME_ERROR - cannot decode <<{octets}>>"
        assert (refused.value.class_id, refused.value.method_id) == (layout.class_id, layout.method_id)


def test_the_generated_methods_are_those_of_the_table() -> None:
    assert generate.TARGET.read_text() == generate.render(), "run python -m warren.broker.protocol.generate"


def test_the_ids_are_those_of_the_specification() -> None:
    assert BasicPublish.IDS == b"\x00\x3c\x00\x28"
    assert len(LAYOUTS) == len(methods.METHODS) == len(spec.METHODS) == 66


def test_consecutive_bits_share_an_octet_from_the_lowest() -> None:
    payload = QueueDeclare("q", durable=True, nowait=True).encode()
    assert payload == b"\x00\x32\x00\x0a\x00\x00\x01q\x12\x00\x00\x00\x00"


def test_a_publish_to_the_same_address_is_the_same_object() -> None:
    payload = BasicPublish(Address("shop", "order.placed")).encode()
    first, again = decode_method(payload), decode_method(bytes(bytearray(payload)))
    assert again is first
    assert decode_method(BasicPublish(Address("shop", "other")).encode()) is not first


def test_remembered_publishes_are_bounded_and_right_however_many_there_are() -> None:
    for number in range(10_000):
        assert decode_method(BasicPublish(Address("", f"key-{number}")).encode()).address.routing_key == f"key-{number}"
    assert len(decoding._publishes) <= 4096


def test_names_have_to_be_utf_8_but_where_a_message_goes_may_be_any_bytes() -> None:
    with pytest.raises(FrameViolation, match="Malformed UTF-8 in shortstr"):
        decode_method(b"\x00\x32\x00\x0a\x00\x00\x01\xff\x00\x00\x00\x00\x00")
    with pytest.raises(FrameViolation, match="Malformed UTF-8 in shortstr"):  # also where nobody looks at it
        decode_method(b"\x00\x14\x00\x0a\x01\xff")
    publish = decode_method(b"\x00\x3c\x00\x28\x00\x00\x01\xff\x01\xfe\x00")
    assert publish.address.wire == b"\x01\xff\x01\xfe"


@pytest.mark.parametrize(
    "payload", [b"\x00\x63\x00\x0a", b"\x00\x3c\x00\x63", b"\x00\x32\x00\x0a\x00\x00\x01q\x00\x00\x00\x00\x03\x01aZ"]
)
def test_rabbitmq_has_no_answer_to_an_unknown_method_or_a_broken_table(payload) -> None:
    with pytest.raises(FrameViolation) as refused:
        decode_method(payload)
    assert not refused.value.is_answered


@given(st.binary(max_size=80), st.sampled_from(sorted(methods.METHODS)))
def test_any_payload_is_a_method_or_a_violation(rest, ids) -> None:
    with contextlib.suppress(FrameViolation):
        assert type(decode_method(ids + rest)) is methods.METHODS[ids]
