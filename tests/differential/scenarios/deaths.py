"""Messages that die more than once: the x-death header in all its forms, made-up headers, cycles.

Not here: one death (dead_letters.py).
"""

from __future__ import annotations

from typing import Any

from tests.differential.raw.channel import Channel
from tests.differential.raw.values import Typed
from tests.differential.scenarios.dead_letters import to_dead
from tests.differential.script import each, scenario

# -- several deaths -----------------------------------------------------------------------


def reject_and_put_back(ch: Channel, times: int) -> None:
    """Reject the message `times` times from `q`, which gets it back from `wait` by its expiry."""
    ch.queue("q", x_dead_letter_exchange="", x_dead_letter_routing_key="wait")
    ch.queue("wait", x_dead_letter_exchange="", x_dead_letter_routing_key="q", x_message_ttl=10)
    ch.put("q", headers={"mine": 1})
    for _ in range(times):
        got = ch.take("q", no_ack=False)
        ch.reject(got.delivery_tag if got else 0, requeue=False)
    ch.take("q")


@each(1, 2, 3)
def a_retry_loop_counts_its_rounds(ch: Channel, times: int) -> None:
    reject_and_put_back(ch, times)


@scenario
def three_queues_in_a_row(ch: Channel) -> None:
    to_dead(ch, "c", x_message_ttl=10)
    ch.queue("b", x_dead_letter_exchange="", x_dead_letter_routing_key="c", x_max_length=0)
    ch.queue("a", x_dead_letter_exchange="", x_dead_letter_routing_key="b")
    ch.put("a", expiration="60000")
    ch.get("a")
    ch.reject(1, requeue=False)
    ch.take("dead")


@scenario
def the_same_queue_for_two_reasons(ch: Channel) -> None:
    ch.queue("q", x_dead_letter_exchange="", x_dead_letter_routing_key="wait", x_max_length=1)
    ch.queue("wait", x_dead_letter_exchange="", x_dead_letter_routing_key="q")
    ch.put("q", b"first")
    for name in ("q", "wait"):
        got = ch.take(name, no_ack=False)
        ch.reject(got.delivery_tag, requeue=False)
    ch.holds("q", 1)
    ch.put("q", b"second")
    ch.take("wait")


@scenario
def the_most_recent_death_comes_first(ch: Channel) -> None:
    to_dead(ch, "b")
    ch.queue("a", x_dead_letter_exchange="", x_dead_letter_routing_key="b")
    ch.put("a")
    got = ch.take("a", no_ack=False)
    ch.reject(got.delivery_tag, requeue=False)
    got = ch.take("b", no_ack=False)
    ch.reject(got.delivery_tag, requeue=False)
    ch.take("dead")


@scenario
def a_death_again_moves_to_the_front(ch: Channel) -> None:
    ch.queue("a", x_dead_letter_exchange="", x_dead_letter_routing_key="b")
    ch.queue("b", x_dead_letter_exchange="", x_dead_letter_routing_key="a")
    ch.put("a")
    for name in ("a", "b", "a"):
        got = ch.take(name, no_ack=False)
        ch.reject(got.delivery_tag, requeue=False)
    ch.take("b")


@scenario
def a_republished_message_brings_its_deaths(ch: Channel) -> None:
    to_dead(ch)
    ch.put("q")
    ch.get("q")
    ch.reject(1, requeue=False)
    got = ch.take("dead")
    ch.put("q", headers=got.properties["headers"].value)
    got = ch.take("q", no_ack=False)
    ch.reject(got.delivery_tag, requeue=False)
    ch.take("dead")


DEATH = {
    "count": Typed("l", 7),
    "reason": "rejected",
    "queue": "q",
    "exchange": "",
    "routing-keys": ["q"],
    "time": Typed("T", 5),
}


@each(
    {"x-death": [DEATH]},
    {"x-death": [DEATH | {"queue": "other"}]},
    {"x-death": [DEATH | {"reason": "expired"}]},
    {"x-death": [DEATH | {"count": 3}]},
    {"x-death": [DEATH | {"count": "three"}]},
    {"x-death": [{}]},
    {"x-death": []},
    {"x-death": "nonsense"},
    {"x-death": [5, "text"]},
    {"x-death": {"a": 1}},
    {"x-first-death-queue": "mine", "x-first-death-reason": "boredom"},
    {"x-last-death-queue": "mine", "x-last-death-reason": "boredom", "x-last-death-exchange": "x"},
    {"x-delivery-count": 5},
)
def headers_a_client_made_up(ch: Channel, headers: dict[str, Any]) -> None:
    to_dead(ch)
    ch.put("q", headers=headers)
    ch.get("q")
    ch.reject(1, requeue=False)
    ch.take("dead")


# -- cycles -------------------------------------------------------------------------------


@scenario
def a_queue_that_expires_into_itself_drops(ch: Channel) -> None:
    ch.queue("q", x_dead_letter_exchange="", x_message_ttl=10)
    ch.put("q")
    ch.holds("q", 0)


@scenario
def a_cycle_without_a_rejection_ends(ch: Channel) -> None:
    ch.queue("a", x_dead_letter_exchange="", x_dead_letter_routing_key="b", x_message_ttl=10)
    ch.queue("b", x_dead_letter_exchange="", x_dead_letter_routing_key="a", x_message_ttl=10)
    ch.queue("copy")
    ch.exchange("x", "fanout")
    ch.put("a")
    ch.holds("a", 0)
    ch.holds("b", 0)


@scenario
def a_queue_that_rejects_into_itself_goes_on(ch: Channel) -> None:
    ch.queue("q", x_dead_letter_exchange="")
    ch.put("q")
    for _ in range(3):
        got = ch.take("q", no_ack=False)
        ch.reject(got.delivery_tag, requeue=False)
    ch.take("q")


@scenario
def a_queue_too_short_that_dead_letters_into_itself_drops(ch: Channel) -> None:
    ch.queue("q", x_dead_letter_exchange="", x_max_length=1)
    ch.put("q", b"1", b"2")
    ch.holds("q", 1)
    ch.get("q")


@scenario
def part_of_a_fanout_is_a_cycle(ch: Channel) -> None:
    ch.exchange("x", "fanout")
    ch.queue("q", x_dead_letter_exchange="x", x_message_ttl=10)
    ch.queue("other")
    for name in ("q", "other"):
        ch.bind(name, "x")
    ch.put("q")
    ch.take("other")
    ch.holds("q", 0)
