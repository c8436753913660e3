"""Queues: what each field becomes on the wire, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from warren.errors import ConfigurationError
from warren.topology import Overflow, Queue, QueueType, queue_arguments

Q = "x-queue-type"


@pytest.mark.parametrize(
    ("queue", "arguments"),
    [
        (Queue("q"), {Q: "quorum"}),
        (Queue("q", type="classic"), {Q: "classic"}),
        (Queue("q", type="classic", priorities=5), {Q: "classic", "x-max-priority": 5}),
        (Queue("q", message_ttl="30s"), {Q: "quorum", "x-message-ttl": 30_000}),
        (Queue("q", message_ttl=0.5), {Q: "quorum", "x-message-ttl": 500}),
        (Queue("q", expires="1h"), {Q: "quorum", "x-expires": 3_600_000}),
        (Queue("q", max_length=10), {Q: "quorum", "x-max-length": 10, "x-overflow": "reject-publish"}),
        (Queue("q", max_length_bytes=10), {Q: "quorum", "x-max-length-bytes": 10, "x-overflow": "reject-publish"}),
        (
            Queue("q", max_length=10, overflow="drop-head"),
            {Q: "quorum", "x-max-length": 10, "x-overflow": "drop-head"},
        ),
        (
            Queue("q", type="classic", max_length=1, overflow="reject-publish-dlx"),
            {Q: "classic", "x-max-length": 1, "x-overflow": "reject-publish-dlx"},
        ),
        (Queue("q", overflow="drop-head"), {Q: "quorum"}),
        (Queue("q", single_active_consumer=True), {Q: "quorum", "x-single-active-consumer": True}),
        (Queue("q", delivery_limit=5), {Q: "quorum", "x-delivery-limit": 5}),
        (
            Queue("q", arguments={"x-quorum-initial-group-size": 3}),
            {Q: "quorum", "x-quorum-initial-group-size": 3},
        ),
        (
            Queue("q", type="classic", dead_letter_exchange="", dead_letter_routing_key="q.dead"),
            {Q: "classic", "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "q.dead"},
        ),
        (
            Queue("q", dead_letter_exchange="", dead_letter_routing_key="q.dead"),
            {
                Q: "quorum",
                "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": "q.dead",
                "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",
            },
        ),
        (
            Queue("q", max_length=1, overflow="drop-head", dead_letter_exchange="", dead_letter_routing_key="q.dead"),
            {
                Q: "quorum",
                "x-max-length": 1,
                "x-overflow": "drop-head",
                "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": "q.dead",
            },
        ),
    ],
)
def test_each_field_becomes_its_argument(queue: Queue, arguments: dict[str, Any]) -> None:
    assert queue_arguments(queue) == arguments


def test_a_queue_is_a_durable_quorum_queue_unless_said_otherwise() -> None:
    assert (Queue("q").type, Queue("q").durable) == (QueueType.QUORUM, True)


def test_text_and_enumerations_make_equal_queues() -> None:
    spelled = Queue("q", type="classic", max_length=1, overflow="drop-head", message_ttl="1m")
    typed = Queue("q", type=QueueType.CLASSIC, max_length=1, overflow=Overflow.DROP_HEAD, message_ttl=60)
    assert spelled == typed
    assert hash(spelled) == hash(typed)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"type": "stream"}, "type is 'stream'; choose one of 'quorum', 'classic'"),
        ({"overflow": "drop-tail"}, "overflow is 'drop-tail'; choose one of"),
        ({"priorities": 5}, 'quorum queues take no priorities=.*type="classic"'),
        ({"type": "classic", "priorities": 0}, "priorities is 0; give a whole number, between 1 and 255"),
        ({"type": "classic", "priorities": 256}, "between 1 and 255"),
        ({"type": "classic", "priorities": True}, "priorities is True"),
        ({"durable": False}, 'quorum queues are always durable; for a transient one say type="classic"'),
        ({"overflow": "reject-publish-dlx"}, 'quorum queues know overflow "reject-publish" and "drop-head" only'),
        ({"type": "classic", "delivery_limit": 3}, "classic queues have no delivery_limit; use a quorum queue"),
        ({"delivery_limit": -1}, "delivery_limit is -1; give a whole number, at least 1"),
        ({"max_length": 0}, "max_length is 0; give a whole number, at least 1"),
        ({"max_length_bytes": 1.5}, "max_length_bytes is 1.5"),
        ({"message_ttl": "soon"}, "queue 'q': message_ttl: 'soon' is not a duration"),
        ({"message_ttl": 0}, "message_ttl: 0 is not a usable duration"),
        ({"expires": "60d"}, "expires: '60d' is not a usable duration"),
        ({"arguments": {"x-message-ttl": 1}}, "argument 'x-message-ttl' has a field of its own; say message_ttl="),
        ({"arguments": {"x-queue-type": "classic"}}, "say type="),
        ({"dead_letter_routing_key": "dead"}, "needs a dead_letter_exchange"),
    ],
)
def test_what_the_broker_would_refuse_or_ignore_is_refused_with_advice(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        Queue("q", **options)


@pytest.mark.parametrize(
    ("name", "says"),
    [("", "a name is needed"), ("q" * 256, "limited to 255 bytes"), ("amq.mine", "belong to the broker")],
)
def test_a_name_the_broker_would_not_take_is_refused(name: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        Queue(name)
