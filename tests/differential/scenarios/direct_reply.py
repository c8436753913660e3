"""Direct reply-to: answers without a queue.

Not here: ordinary consumers (consuming.py).
"""

from __future__ import annotations

from tests.differential.raw.channel import Channel
from tests.differential.script import Script, each, scenario

REPLY_TO = "amq.rabbitmq.reply-to"


def asked(ch: Channel) -> str:
    """Ask by `q` for an answer, and return the address that came with the question."""
    ch.queue("q")
    ch.consume(REPLY_TO, "answers", no_ack=True)
    ch.put("q", b"question", reply_to=REPLY_TO, correlation_id="1")
    got = ch.take("q")
    return str(got.properties["reply_to"])


@scenario
def an_answer_arrives(s: Script, ch: Channel) -> None:
    address = asked(ch)
    server = s.connect().channel()
    server.publish("", address, b"answer", correlation_id="1", mandatory=True)
    server.sync()
    ch.delivered()


@scenario
def an_answer_by_the_same_channel(ch: Channel) -> None:
    address = asked(ch)
    ch.publish("", address, b"answer")
    ch.delivered()


@scenario
def an_answer_is_confirmed(s: Script, ch: Channel) -> None:
    address = asked(ch)
    server = s.connect().channel()
    server.confirm()
    server.publish("", address, b"answer", mandatory=True)
    server.confirmed()
    ch.delivered()


@scenario
def acknowledgements_are_not_for_answers(ch: Channel) -> None:
    ch.consume(REPLY_TO, no_ack=False)


@scenario
def answers_have_one_consumer_a_channel(ch: Channel) -> None:
    ch.consume(REPLY_TO, "a", no_ack=True)
    ch.consume(REPLY_TO, "b", no_ack=True)


@scenario
def every_channel_may_wait_for_answers(s: Script, ch: Channel) -> None:
    ch.consume(REPLY_TO, "a", no_ack=True)
    s.channel().consume(REPLY_TO, "b", no_ack=True)


@scenario
def a_question_without_a_consumer_for_the_answer(ch: Channel) -> None:
    ch.queue("q")
    ch.publish("", "q", reply_to=REPLY_TO)
    ch.closed()


@scenario
def after_a_cancellation_another_may_wait(ch: Channel) -> None:
    ch.consume(REPLY_TO, "a", no_ack=True)
    ch.cancel("a")
    ch.consume(REPLY_TO, "b", no_ack=True)


@scenario
def a_question_after_the_cancellation(ch: Channel) -> None:
    ch.queue("q")
    ch.consume(REPLY_TO, "a", no_ack=True)
    ch.cancel("a")
    ch.publish("", "q", reply_to=REPLY_TO)
    ch.closed()


@scenario
def an_answer_to_nobody_comes_back(s: Script, ch: Channel) -> None:
    address = asked(ch)
    ch.close()
    server = s.channel()
    server.publish("", address, b"too late", mandatory=True)
    server.returned()


@each(f"{REPLY_TO}.nonsense", f"{REPLY_TO}.", REPLY_TO, f"{REPLY_TO}.g2dk.abc")
def an_answer_to_an_address_that_is_none(ch: Channel, address: str) -> None:
    ch.publish("", address, mandatory=True)
    ch.sync()


@scenario
def the_address_can_be_looked_up(s: Script, ch: Channel) -> None:
    address = asked(ch)
    other = s.connect().channel()
    other.queue(address, passive=True)
    other.queue(address)


@scenario
def the_pseudo_queue_can_be_declared(ch: Channel) -> None:
    ch.queue(REPLY_TO, passive=True)
    ch.queue(REPLY_TO)
    ch.queue(REPLY_TO, durable=True, x_message_ttl=5)


@each("queue.delete", "queue.purge", "queue.bind", "basic.get")
def what_cannot_be_done_with_the_pseudo_queue(ch: Channel, method: str) -> None:
    extra = {"exchange": "amq.fanout"} if method == "queue.bind" else {}
    ch.consume(REPLY_TO, no_ack=True)
    ch.call(method, REPLY_TO, **extra)


@scenario
def the_reply_to_of_a_message_that_is_not_routed(ch: Channel) -> None:
    ch.consume(REPLY_TO, no_ack=True)
    ch.publish("", "nowhere", reply_to=REPLY_TO, mandatory=True)
    ch.returned()


@each("somewhere", f"{REPLY_TO}.mine")
def another_reply_to_is_left_alone(ch: Channel, address: str) -> None:
    ch.queue("q")
    ch.put("q", reply_to=address)
    ch.get("q")


@scenario
def an_exclusive_consumer_of_answers(ch: Channel) -> None:
    ch.consume(REPLY_TO, no_ack=True, exclusive=True)
