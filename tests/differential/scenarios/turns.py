"""Which consumer gets the next message: prefetch, single active consumers.

Not here: consumers as such (consuming.py).
"""

from __future__ import annotations

from tests.differential.raw.channel import Channel
from tests.differential.script import Script, scenario

# -- prefetch -----------------------------------------------------------------------------


@scenario
def prefetch_limits_what_is_unacknowledged(ch: Channel) -> None:
    ch.queue("q")
    ch.qos(2)
    ch.put("q", b"1", b"2", b"3", b"4", b"5")
    ch.consume("q")
    ch.delivered(2)
    ch.ack(1)
    ch.delivered()
    ch.ack(3, multiple=True)
    ch.delivered(2)


@scenario
def prefetch_is_of_each_consumer_declared_after_it(ch: Channel) -> None:
    ch.queue("q")
    ch.consume("q", "unlimited")
    ch.put("q", b"1", b"2", b"3")
    ch.delivered(3)
    ch.cancel("unlimited")
    ch.qos(1)
    ch.queue("r")
    ch.put("r", b"4", b"5", b"6")
    ch.consume("r", "one")
    ch.delivered()
    ch.qos(2)
    ch.consume("r", "two")
    ch.delivered(2)


@scenario
def a_global_prefetch_is_shared_by_the_consumers(ch: Channel) -> None:
    ch.queue("q")
    ch.qos(3, global_=True)
    ch.consume("q", "a")
    ch.consume("q", "b")
    for body in (b"1", b"2", b"3", b"4", b"5"):
        ch.put("q", body)
    ch.delivered(3)
    ch.ack(2)
    ch.delivered()
    ch.ack(4, multiple=True)
    ch.delivered()


@scenario
def a_global_prefetch_of_zero_is_no_limit(ch: Channel) -> None:
    ch.queue("q")
    ch.qos(1, global_=True)
    ch.consume("q")
    ch.put("q", b"1", b"2", b"3")
    ch.delivered()
    ch.qos(0, global_=True)
    ch.delivered(2)


@scenario
def a_global_prefetch_does_not_count_basic_get(ch: Channel) -> None:
    ch.queue("q")
    ch.qos(1, global_=True)
    ch.put("q", b"1", b"2", b"3")
    ch.get("q")
    ch.consume("q")
    ch.delivered()


@scenario
def prefetch_does_not_concern_no_ack(ch: Channel) -> None:
    ch.queue("q")
    ch.qos(1)
    ch.put("q", b"1", b"2", b"3")
    ch.consume("q", no_ack=True)
    ch.delivered(3)


@scenario
def rejecting_makes_room_as_well(ch: Channel) -> None:
    ch.queue("q")
    ch.qos(1)
    ch.put("q", b"1", b"2", b"3")
    ch.consume("q")
    ch.delivered()
    ch.reject(1, requeue=False)
    ch.delivered()
    ch.nack(2, requeue=True)
    ch.delivered()


@scenario
def a_channel_that_closes_makes_room_for_another(s: Script, ch: Channel) -> None:
    ch.queue("q")
    ch.put("q", b"1", b"2", b"3")
    ch.qos(2)
    ch.consume("q")
    ch.delivered(2)
    other = s.channel()
    other.consume("q", "other")
    other.delivered()
    ch.close()
    other.delivered(2)


# -- a single active consumer -------------------------------------------------------------


@scenario
def only_one_consumer_is_active(ch: Channel) -> None:
    ch.queue("q", x_single_active_consumer=True)
    for tag in ("a", "b", "c"):
        ch.consume("q", tag)
    ch.put("q", b"1", b"2")
    ch.delivered(2)
    ch.cancel("b")
    ch.put("q", b"3")
    ch.delivered()
    ch.cancel("a")
    ch.put("q", b"4")
    ch.delivered()


@scenario
def the_next_consumer_takes_over_what_a_closed_channel_held(s: Script, ch: Channel) -> None:
    ch.queue("q", x_single_active_consumer=True)
    other = s.channel()
    ch.consume("q", "a")
    other.consume("q", "b")
    ch.put("q", b"1", b"2")
    ch.delivered(2)
    ch.close()
    other.delivered(2)


@scenario
def the_active_consumer_keeps_its_place_though_full(ch: Channel) -> None:
    ch.queue("q", x_single_active_consumer=True)
    ch.qos(1)
    ch.consume("q", "a")
    ch.consume("q", "b")
    ch.put("q", b"1", b"2")
    ch.delivered()
    ch.ack(1)
    ch.delivered()


@scenario
def a_single_active_consumer_is_not_exclusive(ch: Channel) -> None:
    ch.queue("q", x_single_active_consumer=True)
    ch.consume("q", "a", exclusive=True)


@scenario
def priorities_among_single_active_consumers(ch: Channel) -> None:
    ch.queue("q", x_single_active_consumer=True)
    ch.consume("q", "low", x_priority=1)
    ch.consume("q", "high", x_priority=9)
    ch.put("q", b"1")
    ch.delivered()
    ch.cancel("low")
    ch.put("q", b"2")
    ch.delivered()


@scenario
def a_get_on_a_queue_with_a_single_active_consumer(ch: Channel) -> None:
    ch.queue("q", x_single_active_consumer=True)
    ch.put("q")
    ch.get("q")


@scenario
def a_consumer_gets_a_body_in_the_frames_it_agreed_to(s: Script, ch: Channel) -> None:
    ch.queue("q")
    small = s.connect(tune=(2047, 4096, 0)).channel()
    small.consume("q")
    ch.put("q", b"x" * 10000)
    small.delivered()
