"""Time to live of messages and queues.

Not here: expired messages as dead letters (dead_letters.py), checks of the arguments (queue_declare.py, routing.py).

No scenario measures time: what must not have expired yet has at least half a second, what must have is waited for.
"""

from __future__ import annotations

from tests.differential.raw.channel import Channel
from tests.differential.script import Script, each, scenario


@scenario
def messages_expire_by_queue(ch: Channel) -> None:
    ch.queue("q", x_message_ttl=30)
    ch.put("q", b"1", b"2")
    ch.holds("q", 0)
    ch.get("q")


@scenario
def messages_expire_by_message(ch: Channel) -> None:
    ch.queue("q")
    ch.put("q", b"1", expiration="30")
    ch.put("q", b"2")
    ch.holds("q", 1)
    ch.get("q")


@each((60000, "30"), (30, "60000"))
def the_shorter_time_counts(ch: Channel, ttl: int, expiration: str) -> None:
    ch.queue("q", x_message_ttl=ttl)
    ch.put("q", expiration=expiration)
    ch.holds("q", 0)


@scenario
def messages_expire_at_the_head_only(ch: Channel) -> None:
    ch.queue("q", x_dead_letter_exchange="", x_dead_letter_routing_key="dead")
    ch.queue("dead")
    ch.put("q", b"stays", expiration="60000")
    ch.put("q", b"waits behind", expiration="1")
    ch.put("dead", b"time passes", expiration="40")
    ch.holds("dead", 0)
    ch.queue("q", passive=True)
    ch.get("q")
    ch.take("dead")


@scenario
def a_delivered_message_does_not_expire(ch: Channel) -> None:
    ch.queue("q", x_message_ttl=2500)
    ch.queue("clock", x_message_ttl=2700)
    ch.put("q")
    ch.get("q")
    ch.put("clock")
    ch.holds("clock", 0)
    ch.ack(1)
    ch.sync("q")


@scenario
def a_requeued_message_expires_at_its_first_time(ch: Channel) -> None:
    ch.queue("q", x_message_ttl=2500, x_dead_letter_exchange="", x_dead_letter_routing_key="dead")
    ch.queue("dead")
    ch.queue("clock", x_message_ttl=2700)
    ch.put("q")
    ch.get("q")
    ch.put("clock")
    ch.holds("clock", 0)
    ch.reject(1)
    ch.take("dead")


@scenario
def a_time_of_0_without_a_consumer(ch: Channel) -> None:
    ch.queue("q", x_message_ttl=0)
    ch.put("q")
    ch.get("q")


@scenario
def a_time_of_0_with_a_consumer(ch: Channel) -> None:
    ch.queue("q", x_message_ttl=0)
    ch.consume("q")
    ch.put("q")
    ch.delivered()


@scenario
def an_expiration_of_0_with_a_consumer(ch: Channel) -> None:
    ch.queue("q")
    ch.consume("q")
    ch.put("q", expiration="0")
    ch.delivered()


@scenario
def a_time_of_0_with_a_busy_consumer(ch: Channel) -> None:
    ch.queue("q", x_message_ttl=0, x_dead_letter_exchange="", x_dead_letter_routing_key="dead")
    ch.queue("dead")
    ch.qos(1)
    ch.consume("q")
    ch.put("q", b"1", b"2")
    ch.delivered()
    ch.take("dead")


@scenario
def an_expiration_of_0_without_a_consumer_is_confirmed_and_dead(ch: Channel) -> None:
    ch.queue("q", x_dead_letter_exchange="", x_dead_letter_routing_key="dead")
    ch.queue("dead")
    ch.confirm()
    ch.publish("", "q", expiration="0", mandatory=True)
    ch.confirmed()
    ch.take("dead")


@scenario
def the_expiration_stays_on_a_message_delivered_in_time(ch: Channel) -> None:
    ch.queue("q")
    ch.put("q", expiration="60000")
    ch.get("q")


@scenario
def messages_expire_by_policy(s: Script, ch: Channel) -> None:
    s.policy("^q", message_ttl=30)
    ch.queue("q")
    ch.put("q")
    ch.holds("q", 0)


@scenario
def the_lower_of_policy_and_argument_counts(s: Script, ch: Channel) -> None:
    s.policy("^q", message_ttl=30)
    ch.queue("q", x_message_ttl=60000)
    ch.put("q")
    ch.holds("q", 0)


# -- queues -------------------------------------------------------------------------------


@scenario
def an_unused_queue_expires(ch: Channel) -> None:
    ch.queue("q", x_expires=50)
    ch.publish("", "q")  # not looked for: it may be gone with the queue
    ch.gone("q")


@scenario
def a_consumed_queue_does_not_expire(s: Script, ch: Channel) -> None:
    ch.queue("q", x_expires=2500)
    ch.consume("q")
    ch.queue("clock", x_message_ttl=2700)
    ch.put("clock")
    ch.holds("clock", 0)
    ch.queue("q", passive=True)
    ch.cancel()
    ch.put("clock")
    ch.holds("clock", 0)  # without a look at the queue, which would begin its expiry anew
    s.channel().gone("q")


@scenario
def an_expired_queue_does_not_dead_letter(s: Script, ch: Channel) -> None:
    ch.queue("dead")
    ch.queue("q", x_expires=50, x_dead_letter_exchange="", x_dead_letter_routing_key="dead")
    ch.publish("", "q")
    s.channel().gone("q")
    ch.get("dead")


@scenario
def a_queue_expires_by_policy(s: Script, ch: Channel) -> None:
    s.policy("^q", expires=50)
    ch.queue("q")
    ch.gone("q")


@scenario
def an_expired_queue_may_be_declared_again(s: Script, ch: Channel) -> None:
    ch.queue("q", x_expires=50)
    s.channel().gone("q")
    ch.queue("q")
