"""Queues, exchanges, bindings and virtual hosts through the HTTP API."""

from __future__ import annotations

import pytest

from tests.unit.broker.management.api_under_test import ApiUnderTest


def reason(api: ApiUnderTest, method: str, path: str, content: object = None) -> tuple[int, object]:
    answer = api.call(method, path, content)
    return answer.status, answer.content["reason"]


# -- queues -------------------------------------------------------------------------------


def test_a_queue_is_made_once(api: ApiUnderTest) -> None:
    declaration = {"durable": True, "auto_delete": False, "arguments": {"x-max-length": 3}}
    assert api.call("PUT", "queues/%2F/a%2Fb", declaration).status == 201
    assert api.call("PUT", "queues/%2F/a%2Fb", declaration).status == 204
    queue = api.get("queues/%2F/a%2Fb")
    assert (queue["name"], queue["durable"], queue["type"]) == ("a/b", True, "classic")
    assert queue["arguments"] == {"x-max-length": 3, "x-queue-type": "classic"}


def test_another_declaration_of_the_same_queue_is_refused(api: ApiUnderTest) -> None:
    api.put("queues/%2F/q", {"durable": True})
    assert reason(api, "PUT", "queues/%2F/q", {"durable": False}) == (
        400,
        "inequivalent arg 'durable' for queue 'q' in vhost '/': received 'false' but current is 'true'",
    )


def test_what_makes_no_sense_is_refused(api: ApiUnderTest) -> None:
    assert reason(api, "PUT", "queues/%2F/q", {"auto_delete": "x"}) == (400, ["not_boolean", "x"])
    assert reason(api, "PUT", "queues/%2F/q", {"arguments": {"x": None}}) == (400, "null_not_allowed")
    assert reason(api, "PUT", "queues/none/q", {}) == (404, "vhost_not_found")
    assert reason(api, "PUT", "queues/%2F/amq.q", {}) == (401, "Access refused.")
    assert reason(api, "GET", "queues/%2F/q") == (404, "Not Found")
    assert api.call("PUT", "queues/%2F/q", raw=b"{").content["reason"] == "not_json"
    assert api.call("PUT", "queues/%2F/q", raw=b"[]").content["reason"] == "not_json"


def test_an_empty_list_is_an_empty_table(api: ApiUnderTest) -> None:
    api.put("queues/%2F/q", {"arguments": []})
    assert api.get("queues/%2F/q")["arguments"] == {"x-queue-type": "classic"}


def test_a_queue_is_deleted_only_if_it_is_as_the_caller_thinks(api: ApiUnderTest) -> None:
    api.put("queues/%2F/q")
    publish(api, "", "q", "hello")
    assert reason(api, "DELETE", "queues/%2F/q?if-empty=true") == (400, "queue 'q' in vhost '/' not empty")
    assert api.call("DELETE", "queues/%2F/q/contents").status == 204
    assert api.call("DELETE", "queues/%2F/q?if-empty=true&if-unused=true").status == 204
    assert api.call("DELETE", "queues/%2F/q").status == 404


def test_a_quorum_queue_tells_its_members_and_its_limit(api: ApiUnderTest) -> None:
    api.put("queues/%2F/q", {"durable": True, "arguments": {"x-queue-type": "quorum"}})
    queue = api.get("queues/%2F/q")
    assert (queue["type"], queue["delivery_limit"], queue["members"]) == ("quorum", 20, ["warren@localhost"])


def test_a_queue_tells_the_policies_that_apply(api: ApiUnderTest) -> None:
    api.put("policies/%2F/p", {"pattern": "^q", "definition": {"max-length": 5}, "apply-to": "queues"})
    api.put("operator-policies/%2F/o", {"pattern": "^q", "definition": {"max-length": 3}, "apply-to": "queues"})
    api.put("queues/%2F/q")
    queue = api.get("queues/%2F/q")
    assert (queue["policy"], queue["operator_policy"]) == ("p", "o")
    assert queue["effective_policy_definition"] == {"max-length": 3}


def test_rates_come_of_samples(api: ApiUnderTest) -> None:
    api.put("queues/%2F/q")
    api.sample()
    for _ in range(10):
        publish(api, "", "q", "x")
    api.sample(after=5.0)
    queue = api.get("queues/%2F/q?msg_rates_age=60&msg_rates_incr=5&lengths_age=60&lengths_incr=5")
    assert queue["message_stats"]["publish"] == 10
    assert queue["message_stats"]["publish_details"]["rate"] == pytest.approx(2.0)
    assert [one["sample"] for one in queue["messages_details"]["samples"]] == [10, 0]
    assert queue["messages_details"]["avg"] == pytest.approx(5.0)
    overview = api.get("overview")
    assert overview["message_stats"]["publish_details"]["rate"] == pytest.approx(2.0)
    assert overview["queue_totals"]["messages"] == 10
    assert api.get("exchanges/%2F/amq.default")["message_stats"]["publish_in"] == 10


def test_what_was_counted_stays_counted_when_its_queue_is_gone(api: ApiUnderTest) -> None:
    api.put("queues/%2F/q")
    publish(api, "", "q", "x")
    api.call("POST", "queues/%2F/q/get", {"count": 1, "ackmode": "ack_requeue_false", "encoding": "auto"})
    api.call("DELETE", "queues/%2F/q")
    stats = api.get("vhosts/%2F")["message_stats"]
    assert (stats["publish"], stats["get"], stats["ack"]) == (1, 1, 1)


def publish(api: ApiUnderTest, exchange: str, routing_key: str, payload: str) -> None:
    content = {"properties": {}, "routing_key": routing_key, "payload": payload, "payload_encoding": "string"}
    assert api.call("POST", f"exchanges/%2F/{exchange or 'amq.default'}/publish", content).status == 200


# -- exchanges ----------------------------------------------------------------------------


def test_an_exchange_is_made_once_and_deleted(api: ApiUnderTest) -> None:
    declaration = {"type": "topic", "durable": True, "arguments": {"alternate-exchange": "amq.fanout"}}
    assert api.call("PUT", "exchanges/%2F/x", declaration).status == 201
    assert api.call("PUT", "exchanges/%2F/x", declaration).status == 204
    exchange = api.get("exchanges/%2F/x")
    assert (exchange["type"], exchange["arguments"]) == ("topic", {"alternate-exchange": "amq.fanout"})
    assert api.call("DELETE", "exchanges/%2F/x").status == 204
    assert api.call("GET", "exchanges/%2F/x").status == 404


def test_exchanges_of_the_broker_itself_stay(api: ApiUnderTest) -> None:
    for name in ("amq.topic", "amq.default"):
        assert reason(api, "DELETE", f"exchanges/%2F/{name}") == (401, "Access refused.")
    assert len(api.get("exchanges/%2F")) == 7


# -- bindings -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("routing_key", "arguments", "key"),
    [("", {}, "~"), ("a.b", {}, "a.b"), ("c.#", {}, "c.%23"), ("a b/c~", {}, "a+b%2Fc%7E"), ("r%x", {}, "r%25x")],
)
def test_a_binding_is_found_by_its_properties_key(
    api: ApiUnderTest, routing_key: str, arguments: dict[str, object], key: str
) -> None:
    api.put("queues/%2F/q")
    made = api.call("POST", "bindings/%2F/e/amq.topic/q/q", {"routing_key": routing_key, "arguments": arguments})
    assert made.status == 201
    (binding,) = api.get("bindings/%2F/e/amq.topic/q/q")
    assert (binding["properties_key"], binding["routing_key"]) == (key, routing_key)
    path = f"bindings/%2F/e/amq.topic/q/{made.headers['location']}"
    assert api.get(path) == binding
    assert api.call("DELETE", path).status == 204
    assert api.get("bindings/%2F/e/amq.topic/q/q") == []


def test_bindings_that_differ_in_arguments_are_told_apart(api: ApiUnderTest) -> None:
    api.put("queues/%2F/q")
    for arguments in ({}, {"x": 1}, {"x": 2}):
        api.call("POST", "bindings/%2F/e/amq.headers/q/q", {"routing_key": "k", "arguments": arguments})
    found = api.get("bindings/%2F/e/amq.headers/q/q")
    keys = [one["properties_key"] for one in found]
    assert len(set(keys)) == 3
    for one in found:
        assert api.get(f"bindings/%2F/e/amq.headers/q/q/{one['properties_key']}")["arguments"] == one["arguments"]


def test_every_queue_is_bound_to_the_default_exchange(api: ApiUnderTest) -> None:
    api.put("queues/%2F/q")
    default = {
        "source": "",
        "vhost": "/",
        "destination": "q",
        "destination_type": "queue",
        "routing_key": "q",
        "arguments": {},
        "properties_key": "q",
    }
    for path in (
        "bindings",
        "bindings/%2F",
        "queues/%2F/q/bindings",
        "exchanges/%2F/amq.default/bindings/source",
        "bindings/%2F/e/amq.default/q/q",
        "bindings/%2F/e//q/q",
    ):
        assert api.get(path) == [default], path


def test_exchanges_are_bound_to_exchanges(api: ApiUnderTest) -> None:
    assert api.call("POST", "bindings/%2F/e/amq.topic/e/amq.fanout", {"routing_key": "k"}).status == 201
    (binding,) = api.get("exchanges/%2F/amq.fanout/bindings/destination")
    assert (binding["source"], binding["destination_type"]) == ("amq.topic", "exchange")
    assert api.get("exchanges/%2F/amq.topic/bindings/source") == [binding]
    assert api.get("bindings/%2F/e/amq.topic/e/amq.fanout/k") == binding


def test_a_binding_of_what_is_not_there_is_refused(api: ApiUnderTest) -> None:
    assert reason(api, "POST", "bindings/%2F/e/amq.topic/q/q", {}) == (404, "no queue 'q' in vhost '/'")
    assert reason(api, "POST", "bindings/%2F/e/x/e/amq.topic", {}) == (404, "no exchange 'x' in vhost '/'")
    assert reason(api, "DELETE", "bindings/%2F/e/amq.topic/q/q/~") == (404, "Not Found")


# -- virtual hosts ------------------------------------------------------------------------


def test_who_makes_a_virtual_host_gets_every_right_in_it(api: ApiUnderTest) -> None:
    assert api.call("PUT", "vhosts/v", {"description": "d", "tags": "a, b"}).status == 201
    vhost = api.get("vhosts/v")
    assert (vhost["description"], vhost["tags"]) == ("d", ["a", "b"])
    assert api.get("permissions/v/guest")["configure"] == ".*"
    assert api.call("PUT", "vhosts/v").status == 204


def test_a_deleted_virtual_host_leaves_nothing_behind(api: ApiUnderTest) -> None:
    api.put("vhosts/v", {"description": "d"})
    api.put("queues/v/q")
    api.put("vhost-limits/v/max-queues", {"value": 5})
    assert api.call("DELETE", "vhosts/v").status == 204
    assert api.call("DELETE", "vhosts/v").status == 404
    api.put("vhosts/v")
    assert api.get("vhosts/v")["description"] == ""
    assert api.get("queues/v") == []
    assert api.get("vhost-limits/v") == []


def test_queues_get_the_type_their_virtual_host_gives_where_they_can_have_it(api: ApiUnderTest) -> None:
    api.put("vhosts/v", {"default_queue_type": "quorum"})
    api.put("queues/v/lasting", {"durable": True})
    api.put("queues/v/lasting", {"durable": True, "arguments": {"x-queue-type": "quorum"}})
    api.put("queues/v/transient", {"durable": False})
    api.put("queues/v/passing", {"durable": True, "auto_delete": True})
    api.put("queues/v/classic", {"durable": True, "arguments": {"x-queue-type": "classic"}})
    types = {queue["name"]: queue["type"] for queue in api.get("queues/v")}
    assert types == {"lasting": "quorum", "transient": "classic", "passing": "classic", "classic": "classic"}
    assert reason(api, "PUT", "queues/v/classic", {"durable": True}) == (
        400,
        "inequivalent arg 'x-queue-type' for queue 'classic' in vhost 'v': received 'quorum' but current is 'classic'",
    )
    assert reason(api, "PUT", "vhosts/w", {"default_queue_type": "x"}) == (400, "unsupported queue type 'x'")
    assert "w" not in api.node.vhosts
