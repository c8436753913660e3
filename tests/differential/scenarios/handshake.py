"""The handshake: protocol headers, mechanisms, credentials, tuning, virtual hosts.

Not here: framing once the connection is open (framing.py).
"""

from __future__ import annotations

from typing import Any

from tests.differential.raw.connection import CAPABILITIES, METHOD, Connection
from tests.differential.raw.values import Typed, encode_table
from tests.differential.script import Script, each, scenario


@scenario
def the_whole_handshake(s: Script) -> None:
    s.socket().handshake(s.vhost)


@each(
    b"AMQP\0\0\x09\x00",
    b"AMQP\0\0\x09\x02",
    b"AMQP\0\0\x08\0",
    b"AMQP\1\1\x09\x01",
    b"AMQP\x01\x01\x00\x0a",
    b"HTTP/1.1",
    b"GET / HTTP/1.1\r\n\r\n",
    b"\0\0\0\0\0\0\0\0",
)
def another_protocol_header_is_answered_with_the_right_one(s: Script, header: bytes) -> None:
    connection = s.socket()
    connection.send(header)
    connection.ended()


@scenario
def a_protocol_header_in_two_pieces_is_fine(s: Script) -> None:
    connection = s.socket()
    connection.send(b"AMQP")
    connection.send(b"\0\0\x09\x01")
    connection.zero.awaits("connection.start")


@scenario
def AMQPLAIN_logs_in(s: Script) -> None:
    login = encode_table({"LOGIN": "guest", "PASSWORD": "guest"})[4:]
    s.socket().handshake(s.vhost, mechanism="AMQPLAIN", response=login)


@scenario
def AMQPLAIN_with_another_password_is_refused(s: Script) -> None:
    login = encode_table({"LOGIN": "guest", "PASSWORD": "wrong"})[4:]
    s.socket().handshake(s.vhost, mechanism="AMQPLAIN", response=login).ended()


@each({"LOGIN": "guest"}, {"PASSWORD": "guest"}, {"LOGIN": 1, "PASSWORD": "guest"}, {})
def AMQPLAIN_without_login_or_password_is_refused(s: Script, login: dict[str, Any]) -> None:
    s.socket().handshake(s.vhost, mechanism="AMQPLAIN", response=encode_table(login)[4:]).ended()


@scenario
def AMQPLAIN_that_is_no_table_is_refused(s: Script) -> None:
    s.socket().handshake(s.vhost, mechanism="AMQPLAIN", response=b"\x05LOGIN?").ended()


@each("EXTERNAL", "CRAM-MD5", "", "plain", "x" * 200)
def an_unknown_mechanism_is_refused(s: Script, mechanism: str) -> None:
    s.socket().handshake(s.vhost, mechanism=mechanism).ended()


@each(b"", b"\0guest", b"guest\0guest", b"\0\0", b"\0guest\0guest\0more", b"other\0guest\0guest")
def a_PLAIN_response_of_another_form_is_refused(s: Script, response: bytes) -> None:
    s.socket().handshake(s.vhost, response=response).ended()


@each(("guest", "wrong"), ("nobody", "guest"), ("", ""), ("guest", ""))
def a_wrong_login_is_refused_with_a_close(s: Script, user: str, password: str) -> None:
    s.socket().handshake(s.vhost, user=user, password=password).ended()


@each({}, {"authentication_failure_close": False}, {"authentication_failure_close": "yes"})
def a_wrong_login_without_the_capability_is_just_hung_up(s: Script, capabilities: dict[str, Any]) -> None:
    s.socket().handshake(s.vhost, password="wrong", capabilities=capabilities).ended()


@scenario
def a_missing_virtual_host_is_refused(s: Script) -> None:
    s.socket().handshake("no-such-vhost").ended()


@scenario
def an_empty_virtual_host_is_refused(s: Script) -> None:
    s.socket().handshake("").ended()


@scenario
def a_virtual_host_with_a_long_name_is_refused(s: Script) -> None:
    s.socket().handshake("v" * 255).ended()


@scenario
def a_virtual_host_without_permission_is_refused(s: Script) -> None:
    s.api("PUT", "users/outsider", {"password": "secret", "tags": ""})
    s.socket().handshake(s.vhost, user="outsider", password="secret").ended()


@each((2047, 4096, 0), (1, 4096, 600), (2047, 131072, 65535), (2047, 5000, 0))
def tune_ok_within_the_limits(s: Script, channel_max: int, frame_max: int, heartbeat: int) -> None:
    s.socket().handshake(s.vhost, tune=(channel_max, frame_max, heartbeat)).channel().queue("q")


@each(
    (4096, 131072, 0), (2048, 131072, 0), (0, 131072, 0), (2047, 0, 0), (2047, 131073, 0), (2047, 4095, 0), (2047, 8, 0)
)
def tune_ok_out_of_range_is_refused(s: Script, channel_max: int, frame_max: int, heartbeat: int) -> None:
    # Nothing is sent after it: on a socket with unread bytes the close would be lost.
    s.socket().handshake(None, tune=(channel_max, frame_max, heartbeat)).ended()


@scenario
def a_channel_above_the_agreed_number_is_fine(s: Script) -> None:
    s.connect(tune=(3, 131072, 0)).channel(4)


@scenario
def more_channels_than_agreed_end_the_connection(s: Script) -> None:
    connection = s.connect(tune=(3, 131072, 0))
    for _ in range(4):
        connection.channel()
    connection.ended()


@scenario
def a_channel_closed_makes_room_for_another(s: Script) -> None:
    connection = s.connect(tune=(1, 131072, 0))
    connection.channel().close()
    connection.channel()


@each(2047, 2048, 65535)
def the_number_of_a_channel_is_not_limited(s: Script, number: int) -> None:
    s.connect().channel(number)


@scenario
def client_properties_of_every_type_are_fine(s: Script) -> None:
    kinds = {tag: Typed(tag, 1) for tag in "bBsuIilT"} | {"f": Typed("f", 1.5), "d": 1.5, "t": True, "V": None}
    s.socket().handshake(
        s.vhost, properties=kinds | {"A": [1, "a", {}], "F": {"a": {}}, "x": b"\0\1", "D": Typed("D", (2, 5))}
    )


@scenario
def no_client_properties_at_all_are_fine(s: Script) -> None:
    connection = s.socket()
    connection.start()
    connection.zero.send("connection.start-ok", mechanism="PLAIN", response=b"\0guest\0guest", locale="en_US")
    connection.zero.awaits("connection.tune")


@each("de_DE", "", "en_GB")
def another_locale_is_not_looked_at(s: Script, locale: str) -> None:
    connection = s.socket()
    connection.start()
    connection.zero.send("connection.start-ok", mechanism="PLAIN", response=b"\0guest\0guest", locale=locale)
    connection.zero.awaits("connection.tune")


@each("connection.open", "connection.tune-ok", "channel.open", "connection.close-ok", "queue.declare")
def anything_but_start_ok_first_is_refused(s: Script, method: str) -> None:
    connection = s.socket()
    connection.start()
    connection.zero.send(method)
    connection.ended()


@scenario
def open_instead_of_tune_ok_is_refused(s: Script) -> None:
    connection = s.socket()
    connection.start()
    connection.zero.send("connection.start-ok", {}, "PLAIN", b"\0guest\0guest", "en_US")
    connection.zero.awaits("connection.tune")
    connection.zero.call("connection.open", s.vhost)
    connection.ended()


@each("connection.start-ok", "connection.tune-ok", "connection.open", "connection.secure-ok", "connection.open-ok")
def a_method_of_the_handshake_afterwards_is_refused(s: Script, method: str) -> None:
    connection = s.connect()
    connection.zero.send(method)
    connection.zero.closed()
    connection.ended()


@scenario
def a_channel_is_not_opened_before_the_connection(s: Script) -> None:
    connection = s.socket().handshake(None)
    connection.channel(1)
    connection.ended()


@scenario
def a_close_amid_the_handshake_is_answered(s: Script) -> None:
    connection = s.socket().handshake(None)
    connection.zero.call("connection.close", 200, "changed my mind")
    connection.ended()


@scenario
def a_client_with_all_capabilities_is_told_the_servers(s: Script) -> None:
    s.socket().handshake(None, capabilities=CAPABILITIES | {"consumer_priorities": True, "unheard_of": True})


def _up_to(s: Script, state: str) -> Connection:
    """Return a connection that is starting, tuning or opening."""
    connection = s.socket()
    connection.start()
    if state != "starting":
        login = {"mechanism": "PLAIN", "response": b"\0guest\0guest", "locale": "en_US"}
        connection.zero.send("connection.start-ok", shown="PLAIN", client_properties={}, **login)
        connection.zero.awaits("connection.tune")
    if state == "opening":
        connection.zero.send("connection.tune-ok", 2047, 131072, 0)
    return connection


@each("starting", "tuning", "opening")
def a_frame_with_a_wrong_end_amid_the_handshake(s: Script, state: str) -> None:
    connection = _up_to(s, state)
    connection.send_frame(METHOD, 0, b"\0\x0a\0\x32" + b"\0" * 7, end=b"\0")
    connection.ended()


@each("starting", "tuning", "opening")
def a_method_cut_short_amid_the_handshake(s: Script, state: str) -> None:
    connection = _up_to(s, state)
    connection.send_frame(METHOD, 0, b"\0\x0a\0\x28\x05/")
    connection.ended()


@each(3500, 4500)
def a_start_ok_fits_into_the_smallest_frame(s: Script, size: int) -> None:
    connection = s.socket().handshake(None, properties={"padding": "x" * size})
    if size > 4096:
        connection.ended()
