"""How a connection begins, and which methods may come in which state: as a RabbitMQ 4.0.5 node answered."""

from __future__ import annotations

import pytest

from tests.protocol.frames import PUBLISH
from warren.broker.protocol import methods as m
from warren.broker.protocol.commands import Acks
from warren.broker.protocol.fields import encode_table
from warren.broker.protocol.handshake import PROTOCOL_HEADER, credentials, is_prefix
from warren.broker.protocol.states import CHANNEL, CONNECTION, State, check_channel, check_connection
from warren.broker.protocol.violations import FrameViolation


@pytest.mark.parametrize("data", [b"", b"AMQP", PROTOCOL_HEADER, PROTOCOL_HEADER + b"\x01", b"AMQP\x01\x01\x00\x09"])
def test_a_client_of_0_9_1_and_of_0_9_is_let_in(data) -> None:
    assert is_prefix(data)


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1", b"AMQP\x01\x01\x08\x00", b"AMQP\x00\x00\x09\x00", b"AMQP\x00\x01\x00\x00"]
)
def test_any_other_protocol_is_not(data) -> None:
    assert not is_prefix(data)


def amqplain(**table) -> bytes:
    return encode_table(table)[4:]


@pytest.mark.parametrize(
    ("mechanism", "response"),
    [
        ("PLAIN", "\x00påul\x00sécret".encode()),
        ("AMQPLAIN", amqplain(LOGIN="påul", PASSWORD="sécret")),
        ("AMQPLAIN", amqplain(other=1, PASSWORD="sécret", LOGIN="påul")),
    ],
)
def test_a_response_carries_name_and_password(mechanism, response) -> None:
    assert credentials(mechanism, response) == ("påul", "sécret")


def test_name_and_password_may_be_empty_or_no_utf_8() -> None:
    assert credentials("PLAIN", b"\x00\x00") == ("", "")
    assert credentials("PLAIN", b"\x00\xff\x00x") == ("\udcff", "x")


@pytest.mark.parametrize(
    ("mechanism", "response"),
    [
        ("PLAIN", b""),
        ("PLAIN", b"guest"),
        ("PLAIN", b"\x00guest"),
        ("PLAIN", b"other\x00guest\x00guest"),
        ("PLAIN", b"\x00guest\x00gu\x00est"),
        ("AMQPLAIN", b""),
        ("AMQPLAIN", b"\x05LOGINQ"),
        ("AMQPLAIN", amqplain(LOGIN="guest")),
        ("AMQPLAIN", amqplain(PASSWORD="guest")),
        ("AMQPLAIN", amqplain(LOGIN=1, PASSWORD="guest")),
    ],
)
def test_a_response_that_cannot_be_read_ends_the_connection_without_a_word(mechanism, response) -> None:
    with pytest.raises(FrameViolation) as refused:
        credentials(mechanism, response)
    assert not refused.value.is_answered


# -- states -------------------------------------------------------------------------------

EXPECTED = {
    State.STARTING: m.ConnectionStartOk(),
    State.SECURING: m.ConnectionSecureOk(),
    State.TUNING: m.ConnectionTuneOk(),
    State.OPENING: m.ConnectionOpen(),
    State.RUNNING: m.ConnectionClose(),
    State.CLOSING: m.ConnectionCloseOk(),
}


@pytest.mark.parametrize("state", State)
def test_a_state_takes_its_methods_and_refuses_all_others(state) -> None:
    for kind in m.METHODS.values():
        if kind in CONNECTION[state]:
            check_connection(state, kind())
            continue
        with pytest.raises(FrameViolation) as refused:
            check_connection(state, kind())
        assert refused.value.text == f"CHANNEL_ERROR - unexpected method in connection state {state.value}"
        assert (refused.value.class_id, refused.value.method_id) == (kind.CLASS_ID, kind.METHOD_ID)
        assert refused.value.is_answered == (state in {State.OPENING, State.RUNNING, State.CLOSING, State.CLOSED})


@pytest.mark.parametrize(("state", "method"), EXPECTED.items(), ids=lambda value: getattr(value, "name", ""))
def test_each_state_goes_on_with_the_method_it_waits_for(state, method) -> None:
    check_connection(state, method)


def refusal(method: m.Method, *, is_open: bool) -> tuple[int, str]:
    with pytest.raises(FrameViolation) as refused:
        check_channel(method, is_open=is_open)
    return refused.value.code, refused.value.text.partition(" - ")[2]


def test_a_channel_begins_with_its_open_and_takes_no_second_one() -> None:
    check_channel(m.ChannelOpen(), is_open=False)
    for method in (PUBLISH, Acks([1]), m.ChannelClose(), m.ChannelCloseOk(), m.ConnectionClose()):
        assert refusal(method, is_open=False) == (504, "expected 'channel.open'")
    assert refusal(m.ChannelOpen(), is_open=True) == (504, "second 'channel.open' seen")


def test_an_open_channel_takes_what_clients_may_send_and_nothing_else() -> None:
    for method in (PUBLISH, Acks([1]), m.BasicAck(1, True), m.QueueDeclare(), m.AccessRequest()):
        check_channel(method, is_open=True)
    for kind in set(m.METHODS.values()) - CHANNEL - {m.ChannelOpen}:
        assert refusal(kind(), is_open=True) == (503, "unimplemented method")
