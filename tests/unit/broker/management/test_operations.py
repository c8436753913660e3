"""Users, limits, parameters, health checks, metrics and what else operators ask for."""

from __future__ import annotations

import re
import time

import pytest

from tests.support.broker_stage import Stage
from tests.support.certificates import Certificates
from tests.unit.broker.management.api_under_test import ApiUnderTest
from warren.broker.management.context import Listener

# -- users --------------------------------------------------------------------------------


def test_a_user_is_made_changed_and_deleted(api: ApiUnderTest) -> None:
    assert api.call("PUT", "users/ann", {"password": "secret", "tags": "monitoring, policymaker"}).status == 201
    assert api.call("PUT", "users/ann", {"password": "ann", "tags": ["management"]}).status == 204
    user = api.get("users/ann")
    assert user["tags"] == ["management"]
    assert "secret" not in str(user)
    assert api.get("whoami", user="ann") == {"name": "ann", "tags": ["management"], "is_internal_user": True}
    assert [user["name"] for user in api.get("users/without-permissions")] == ["ann"]
    assert api.call("DELETE", "users/ann").status == 204
    assert api.call("GET", "users/ann").status == 404


def test_a_hash_is_taken_over(api: ApiUnderTest) -> None:
    stored = "SWUUCbvsUY5/2JhSfTs5tDTcB+yHry1JmNZOLJKFr0UHdwGO"
    api.put("users/ann", {"password_hash": stored, "tags": "management"})
    assert api.get("whoami", user="ann", password="a")["name"] == "ann"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"password": "x"}, "tags_not_present"),
        ({"password": "x", "password_hash": "", "tags": ""}, "both_password_and_password_hash_are_provided"),
        ({"password_hash": "%%", "tags": ""}, ["not_base64", "%%"]),
    ],
)
def test_a_user_that_cannot_be_is_refused(api: ApiUnderTest, content: object, reason: object) -> None:
    answer = api.call("PUT", "users/x", content)
    assert (answer.status, answer.content["reason"]) == (400, reason)


def test_several_users_are_deleted_at_once(api: ApiUnderTest) -> None:
    for name in ("a", "b", "c"):
        api.add_user(name)
    assert api.call("POST", "users/bulk-delete", {"users": ["a", "b", "nobody"]}).status == 204
    assert [user["name"] for user in api.get("users")] == ["c", "guest"]


def test_permissions_are_granted_and_taken(api: ApiUnderTest) -> None:
    api.add_user("ann", vhost=None)
    granted = {"configure": "^a", "write": "", "read": ".*"}
    assert api.call("PUT", "permissions/%2F/ann", granted).status == 201
    assert api.call("PUT", "permissions/%2F/ann", granted).status == 204
    expected = {"user": "ann", "vhost": "/", **granted}
    assert api.get("permissions/%2F/ann") == expected
    assert api.get("users/ann/permissions") == [expected]
    assert expected in api.get("vhosts/%2F/permissions")
    assert api.call("DELETE", "permissions/%2F/ann").status == 204
    assert api.call("DELETE", "permissions/%2F/ann").status == 404
    assert api.call("PUT", "permissions/%2F/nobody", granted).content["reason"] == "vhost_or_user_not_found"
    wrong = api.call("PUT", "permissions/%2F/ann", {**granted, "read": "("})
    assert wrong.content["reason"][:2] == ["invalid_regexp", "("]


def test_topic_permissions_are_granted_and_taken(api: ApiUnderTest) -> None:
    granted = {"exchange": "amq.topic", "write": "a", "read": "b"}
    assert api.call("PUT", "topic-permissions/%2F/guest", granted).status == 201
    expected = [{"user": "guest", "vhost": "/", **granted}]
    for path in ("topic-permissions", "topic-permissions/%2F/guest", "users/guest/topic-permissions"):
        assert api.get(path) == expected
    assert api.call("DELETE", "topic-permissions/%2F/guest").status == 204
    assert api.get("vhosts/%2F/topic-permissions") == []


# -- limits and parameters ----------------------------------------------------------------


def test_tracing_is_refused_since_there_is_none(api: ApiUnderTest) -> None:
    refused = api.call("PUT", "vhosts/traced", {"tracing": True})
    assert refused.status == 400
    assert "no message tracing" in refused.content["reason"]
    assert api.call("GET", "vhosts/traced").status == 404
    api.put("vhosts/traced", {"tracing": False})


def test_limits_of_a_virtual_host_are_a_parameter(api: ApiUnderTest) -> None:
    api.put("vhost-limits/%2F/max-queues", {"value": 5})
    assert api.get("vhost-limits") == [{"value": {"max-queues": 5}, "vhost": "/"}]
    expected = {"value": {"max-queues": 5}, "vhost": "/", "component": "vhost-limits", "name": "limits"}
    assert api.get("parameters/vhost-limits/%2F/limits") == expected
    assert api.get("parameters") == [expected]
    assert api.call("DELETE", "vhost-limits/%2F/max-queues").status == 204
    assert api.get("vhost-limits/%2F") == []
    wrong = api.call("PUT", "vhost-limits/%2F/zz", {"value": 5})
    assert wrong.content["reason"] == 'Validation failed\n\nUnrecognised terms [{<<"zz">>,5}] in limits\n'


def test_limits_of_a_user(api: ApiUnderTest) -> None:
    api.put("user-limits/guest/max-connections", {"value": 3})
    assert api.get("user-limits/guest") == [{"user": "guest", "value": {"max-connections": 3}}]
    assert api.call("DELETE", "user-limits/guest/max-connections").status == 204
    assert api.get("user-limits") == []


def test_global_parameters_hold_any_value(api: ApiUnderTest) -> None:
    assert api.call("PUT", "global-parameters/g", {"value": {"a": [1]}}).status == 201
    assert api.call("PUT", "global-parameters/g", {"value": 2}).status == 204
    assert api.get("global-parameters/g") == {"name": "g", "value": 2}
    assert api.call("DELETE", "global-parameters/g").status == 204
    assert api.call("GET", "global-parameters/g").status == 404


def test_policies_are_parameters_of_their_own_component(api: ApiUnderTest) -> None:
    policy = {"pattern": "^q", "definition": {"max-length": 1}, "priority": 2, "apply-to": "queues"}
    api.put("policies/%2F/p", policy)
    assert api.get("policies/%2F/p") == {"vhost": "/", "name": "p", **policy}
    assert api.get("parameters/policy") == [{"value": policy, "vhost": "/", "component": "policy", "name": "p"}]
    assert api.get("parameters") == []
    wrong = api.call("PUT", "policies/%2F/p", {"pattern": "^q", "definition": {}})
    assert wrong.content["reason"] == "Validation failed\n\nno policy provided\n"
    assert api.call("DELETE", "policies/%2F/p").status == 204


def test_the_cluster_can_be_renamed(api: ApiUnderTest) -> None:
    assert api.get("cluster-name") == {"name": "warren@localhost"}
    api.put("cluster-name", {"name": "mine"})
    assert api.get("overview")["cluster_name"] == "mine"


# -- health -------------------------------------------------------------------------------


def test_a_message_gets_through(api: ApiUnderTest) -> None:
    assert api.get("aliveness-test/%2F") == {"status": "ok"}
    assert api.get("aliveness-test/%2F") == {"status": "ok"}
    assert api.get("queues/%2F/aliveness-test")["messages"] == 0


def test_an_alarm_fails_the_check(api: ApiUnderTest) -> None:
    assert api.get("health/checks/alarms") == {"status": "ok"}
    api.node.set_alarm("disk", "full")
    answer = api.call("GET", "health/checks/local-alarms")
    assert (answer.status, answer.content["alarms"]) == (503, [{"node": "warren@localhost", "resource": "disk"}])
    assert api.get("nodes")[0]["disk_free_alarm"] is True


def test_listeners_are_checked_by_port_and_protocol(api: ApiUnderTest) -> None:
    api.context.listeners.append(Listener("http", "127.0.0.1", 15672))
    assert api.get("health/checks/port-listener/5672") == {"status": "ok", "port": 5672}
    assert api.get("health/checks/protocol-listener/amqp091") == {"status": "ok", "protocol": "amqp"}
    assert api.call("GET", "health/checks/port-listener/1").content == {
        "status": "failed",
        "reason": "No active listener",
        "missing": 1,
        "ports": [5672, 15672],
    }
    assert api.call("GET", "health/checks/protocol-listener/mqtt").status == 503


def test_checks_of_what_this_broker_does_not_have_pass(api: ApiUnderTest) -> None:
    for path in ("certificate-expiration/1/days", "virtual-hosts", "node-is-quorum-critical"):
        assert api.get(f"health/checks/{path}")["status"] == "ok"


def test_a_certificate_that_ends_is_told(certificates: Certificates) -> None:
    stage = Stage(tls_cert=certificates.certificate("server"), tls_key=certificates.key("server"))  # for a day
    stage.clock.advance(time.time() - stage.clock.now())
    api = ApiUnderTest(stage.node, stage.clock)
    api.context.listeners.append(Listener("amqp/ssl", "127.0.0.1", 5671))
    answer = api.call("GET", "health/checks/certificate-expiration/1/weeks")
    assert (answer.status, answer.content["reason"]) == (503, "Certificates expiring")
    assert [one["port"] for one in answer.content["expired"]] == [5671]


# -- metrics ------------------------------------------------------------------------------


def test_metrics_are_what_prometheus_reads(api: ApiUnderTest) -> None:
    api.put("queues/%2F/q")
    response = api.api.answer("GET", "/metrics", {}, b"")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = response.body.decode().splitlines()
    sample = re.compile(r'[a-z_]+(\{([a-z_]+="[^"]*",?)+\})? -?[0-9.e+-]+')
    assert all(line.startswith("# ") or sample.fullmatch(line) for line in lines)
    assert "rabbitmq_queues 1" in lines
    assert "rabbitmq_queues_declared_total 1" in lines
    assert "# TYPE rabbitmq_queues gauge" in lines


def test_features_are_told(api: ApiUnderTest) -> None:
    states = {flag["name"]: flag["state"] for flag in api.get("feature-flags")}
    assert (states["quorum_queue"], states["stream_queue"]) == ("enabled", "unavailable")
    assert api.get("extensions") == []
    assert {one["name"] for one in api.get("deprecated-features")} == {"global_qos", "transient_nonexcl_queues"}


def test_a_failure_of_the_broker_is_a_500_and_no_more(api: ApiUnderTest) -> None:
    api.node.vhosts["/"].queues = None
    answer = api.call("GET", "queues")
    assert (answer.status, answer.content["error"]) == (500, "internal_server_error")
