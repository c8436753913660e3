"""Publishing a message and taking some through the HTTP API."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.unit.broker.management.api_under_test import Answer, ApiUnderTest

PROPERTIES = {
    "content_type": "text/x",
    "content_encoding": "e",
    "headers": {"a": 1, "b": [1, "x", {"c": 2}], "f": 1.5, "t": True},
    "delivery_mode": 2,
    "priority": 3,
    "correlation_id": "c",
    "reply_to": "r",
    "expiration": "60000",
    "message_id": "m",
    "timestamp": 123,
    "type": "t",
    "user_id": "guest",
    "app_id": "a",
    "cluster_id": "cl",
}


@pytest.fixture(autouse=True)
def queue(api: ApiUnderTest) -> None:
    api.put("queues/%2F/q", {"durable": True})


def publish(api: ApiUnderTest, payload: object = "hi", *, exchange: str = "amq.default", **changes: Any) -> Answer:
    content = {"properties": {}, "routing_key": "q", "payload": payload, "payload_encoding": "string", **changes}
    return api.call("POST", f"exchanges/%2F/{exchange}/publish", content)


def get(api: ApiUnderTest, ackmode: str = "ack_requeue_true", **changes: Any) -> list[dict[str, Any]]:
    content = {"count": 10, "ackmode": ackmode, "encoding": "auto", **changes}
    answer = api.call("POST", "queues/%2F/q/get", content)
    assert answer.status == 200, answer
    return answer.content


def test_a_message_comes_out_as_it_went_in(api: ApiUnderTest) -> None:
    assert publish(api, properties=PROPERTIES).content == {"routed": True}
    assert get(api) == [
        {
            "payload_bytes": 2,
            "redelivered": False,
            "exchange": "",
            "routing_key": "q",
            "message_count": 0,
            "properties": PROPERTIES,
            "payload": "hi",
            "payload_encoding": "string",
        }
    ]


def test_a_message_without_properties_tells_an_empty_list(api: ApiUnderTest) -> None:
    publish(api)
    assert get(api)[0]["properties"] == []


def test_bytes_travel_as_base64(api: ApiUnderTest) -> None:
    publish(api, base64.b64encode(b"\xff\x00").decode(), payload_encoding="base64")
    (message,) = get(api)
    assert (message["payload_encoding"], base64.b64decode(message["payload"])) == ("base64", b"\xff\x00")
    assert base64.b64decode(get(api, truncate=1)[0]["payload"]) == b"\xff"


def test_what_no_queue_takes_is_not_routed(api: ApiUnderTest) -> None:
    assert publish(api, routing_key="nobody").content == {"routed": False}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"payload": 5}, "payload_not_string"),
        ({"payload_encoding": "x"}, ["unsupported_encoding", "x"]),
        ({"payload_encoding": "base64", "payload": "%%"}, ["not_base64", "%%"]),
        ({"properties": {"delivery_mode": "x"}}, ["not_int", "delivery_mode"]),
        ({"properties": {"headers": {"a": None}}}, "null_not_allowed"),
        (
            {"properties": {"expiration": "x"}},
            "406 PRECONDITION_FAILED - invalid expiration 'x': no_integer",
        ),
        (
            {"properties": {"user_id": "x"}},
            "406 PRECONDITION_FAILED - user_id property set to 'x' but authenticated user was 'guest'",
        ),
    ],
)
def test_a_message_that_cannot_be_is_refused(api: ApiUnderTest, changes: dict[str, Any], reason: object) -> None:
    answer = publish(api, **changes)
    assert (answer.status, answer.content["reason"]) == (400, reason)
    assert get(api) == []


def test_what_is_missing_is_named(api: ApiUnderTest) -> None:
    assert api.call("POST", "queues/%2F/q/get", {}).content["reason"] == (
        "[{key_missing,ackmode},{key_missing,count},{key_missing,encoding}]"
    )
    assert publish(api, exchange="none").content == {"error": "not_found", "reason": "exchange_not_found"}
    wanted = {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}
    answer = api.call("POST", "queues/%2F/none/get", wanted)
    assert answer.content == {"error": "not_found", "reason": "queue_not_found"}


@pytest.mark.parametrize(
    ("ackmode", "left"),
    [("ack_requeue_true", 2), ("ack_requeue_false", 0), ("reject_requeue_true", 2), ("reject_requeue_false", 0)],
)
def test_what_is_taken_stays_or_goes(api: ApiUnderTest, ackmode: str, left: int) -> None:
    publish(api, "one")
    publish(api, "two")
    assert [message["payload"] for message in get(api, ackmode)] == ["one", "two"]
    remaining = get(api)
    assert [message["payload"] for message in remaining] == ["one", "two"][:left]
    assert all(message["redelivered"] for message in remaining)


def test_rejected_messages_are_dead_lettered(api: ApiUnderTest) -> None:
    api.put("queues/%2F/dead")
    api.put("policies/%2F/p", {"pattern": "^q$", "definition": {"dead-letter-exchange": "amq.fanout"}})
    api.call("POST", "bindings/%2F/e/amq.fanout/q/dead", {})
    publish(api)
    get(api, "reject_requeue_false")
    assert api.get("queues/%2F/dead")["messages"] == 1
