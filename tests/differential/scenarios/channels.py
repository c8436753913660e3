"""Channels and what belongs to no class of its own: open, close, flow, access, update-secret, confirm and tx modes.

Not here: framing (framing.py), transactions at work (transactions.py).
"""

from __future__ import annotations

from tests.differential.raw.channel import Channel
from tests.differential.script import Script, each, scenario


@scenario
def a_channel_opened_twice(ch: Channel) -> None:
    ch.call("channel.open")
    ch.connection.ended()


@scenario
def a_channel_closed_and_opened_again(ch: Channel) -> None:
    ch.close()
    ch.connection.channel(1).queue("q")


@scenario
def a_method_on_a_channel_already_closed(ch: Channel) -> None:
    ch.close()
    ch.send("queue.declare", "q")
    ch.connection.ended()


@scenario
def a_channel_closed_twice(ch: Channel) -> None:
    ch.close()
    ch.send("channel.close")
    ch.connection.ended()


@scenario
def close_ok_that_answers_nothing(ch: Channel) -> None:
    ch.send("channel.close-ok")
    ch.connection.ended()


@scenario
def methods_after_an_error_are_ignored_until_close_ok(ch: Channel) -> None:
    ch.connection.answers_close = False
    ch.call("queue.declare", "missing", passive=True)
    ch.send("queue.declare", "q")
    ch.send("basic.publish", "", "q")
    ch.connection.send_header(1, 3)
    ch.connection.send_body(1, b"abc")
    ch.connection.send_method(1, "channel.close-ok")
    ch.connection.channel(1).queue("q", passive=True)


@scenario
def a_close_from_both_sides(ch: Channel) -> None:
    ch.connection.answers_close = False
    ch.call("queue.declare", "missing", passive=True)
    ch.is_closed = False
    ch.close()
    ch.connection.send_method(1, "channel.close-ok")
    ch.connection.channel(1).queue("q")


@scenario
def an_error_on_one_channel_leaves_the_others_alone(s: Script, ch: Channel) -> None:
    other = s.channel()
    ch.queue("missing", passive=True)
    other.queue("q")


@scenario
def the_connection_is_closed_with_open_channels(ch: Channel) -> None:
    ch.queue("q")
    ch.consume("q")
    ch.connection.zero.call("connection.close", 320, "bye")


@scenario
def the_connection_is_closed_twice(ch: Channel) -> None:
    ch.connection.zero.call("connection.close", 200, "bye")
    ch.connection.zero.send("connection.close", 200, "bye")


@scenario
def an_operator_closes_the_connection(s: Script, ch: Channel) -> None:
    ch.queue("q", exclusive=True)
    connections = s.api("GET", "vhosts/{vhost}/connections")
    for _ in range(500):
        if connections:
            break
        ch.connection.pump(lambda: False, 0.02)
        connections = s.api("GET", "vhosts/{vhost}/connections")
    s.api("DELETE", "connections/" + connections[0]["name"].replace(" ", "%20").replace(">", "%3E"))
    ch.closed()
    ch.connection.ended()


@each(True, False)
def channel_flow(ch: Channel, active: bool) -> None:
    ch.call("channel.flow", active=active)
    ch.queue("q")


@scenario
def flow_ok_that_answers_nothing(ch: Channel) -> None:
    ch.send("channel.flow-ok", active=True)
    ch.sync()


@scenario
def access_is_granted_to_everyone(ch: Channel) -> None:
    ch.call("access.request", "/data", exclusive=True, active=True, write=True, read=True)


@scenario
def the_secret_is_updated(ch: Channel) -> None:
    ch.connection.zero.call("connection.update-secret", "new", "it was time")
    ch.queue("q")


@each(0, 1, 65535)
def prefetch(ch: Channel, count: int) -> None:
    ch.qos(count)
    ch.qos(count, global_=True)


@each(1, 2**32 - 1)
def a_prefetch_size_is_not_implemented(ch: Channel, size: int) -> None:
    ch.call("basic.qos", prefetch_size=size)
    ch.connection.ended()


@scenario
def confirm_select_twice(ch: Channel) -> None:
    ch.confirm()
    ch.confirm()


@scenario
def confirm_select_without_waiting(ch: Channel) -> None:
    ch.confirm(nowait=True)
    ch.publish("", "missing")
    ch.confirmed()


@scenario
def confirm_after_tx(ch: Channel) -> None:
    ch.tx()
    ch.confirm()


@scenario
def tx_after_confirm(ch: Channel) -> None:
    ch.confirm()
    ch.tx()


@scenario
def tx_select_twice(ch: Channel) -> None:
    ch.tx()
    ch.tx()


@each("commit", "rollback")
def a_transaction_ended_without_tx_select(ch: Channel, verb: str) -> None:
    ch.tx(verb)


@each("queue.declare-ok", "confirm.select-ok", "basic.cancel-ok", "channel.open-ok", "tx.commit-ok", "basic.get-empty")
def a_method_only_a_broker_sends(ch: Channel, method: str) -> None:
    ch.send(method)
    ch.closed()
    ch.connection.ended()


@scenario
def basic_cancel_is_answered_even_for_an_unknown_tag(ch: Channel) -> None:
    ch.cancel("never-heard-of")
    ch.cancel("")


@scenario
def many_channels_at_once(s: Script) -> None:
    connection = s.connect()
    for number in (1, 5, 2, 300):
        connection.channel(number).queue(f"q{number}")


@scenario
def a_long_run_of_methods_without_waiting(ch: Channel) -> None:
    ch.exchange("x", "fanout", nowait=True)
    ch.queue("q", nowait=True)
    ch.bind("q", "x", nowait=True)
    ch.publish("x", "", b"one")
    ch.publish("x", "", b"two")
    ch.get("q", no_ack=True)
    ch.purge("q", nowait=True)
    ch.delete("q", nowait=True)
    ch.delete_exchange("x", nowait=True)
    ch.queue("q", passive=True)


@each(
    "queue.declare", "queue.bind", "queue.delete", "queue.purge", "exchange.delete", "basic.consume", "exchange.declare"
)
def an_error_is_told_even_without_waiting(ch: Channel, method: str) -> None:
    extra = {"queue.declare": {"passive": True}, "exchange.declare": {"passive": True, "type": "direct"}}.get(
        method, {}
    )
    extra |= {"exchange": "amq.direct"} if method == "queue.bind" else {}
    first = {"exchange": "missing"} if method.startswith("exchange") else {"queue": "missing"}
    ch.call(method, **first, **extra, nowait=True)
    ch.sync()
