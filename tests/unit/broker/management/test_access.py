"""Who is let in, and who may see and do what."""

from __future__ import annotations

import pytest

from tests.unit.broker.management.api_under_test import ApiUnderTest

NOT_MANAGEMENT = "Not management user"
NOT_ADMINISTRATOR = "Not administrator user"
NOT_MONITOR = "Not monitor user"
NOT_THAT_OBJECT = "User not authorised to access object"
NOT_THAT_VHOST = "User not authorised to access virtual host"


def test_a_request_without_a_login_is_asked_for_one(api: ApiUnderTest) -> None:
    answer = api.api.answer("GET", "/api/overview", {}, b"")
    assert (answer.status, answer.headers["www-authenticate"]) == (401, 'Basic realm="RabbitMQ Management"')


def test_a_wrong_password_is_refused_and_counted(api: ApiUnderTest) -> None:
    answer = api.call("GET", "overview", password="wrong")
    assert answer.status == 401
    assert answer.content == {"error": "not_authorized", "reason": "Not_Authorized"}
    api.get("whoami")
    (attempts,) = [one for one in api.get("auth/attempts/warren@localhost") if one["protocol"] == "http"]
    assert (attempts["auth_attempts_failed"], attempts["auth_attempts_succeeded"]) == (1, 2)


@pytest.mark.parametrize("header", ["Basic", "Basic %%", "Bearer abc", "Basic Z3Vlc3Q="])
def test_what_is_no_basic_login_is_a_bad_request(api: ApiUnderTest, header: str) -> None:
    assert api.call("GET", "overview", headers={"authorization": header}).status == 400


def test_guest_is_let_in_from_the_machine_itself_only(api: ApiUnderTest) -> None:
    answer = api.call("GET", "overview", loopback=False)
    assert answer.content == {"error": "not_authorized", "reason": "User can only log in via localhost"}
    api.add_user("ann", "management")
    assert api.call("GET", "overview", user="ann", loopback=False).status == 200


# What RabbitMQ 4.0.5 answers. The user has rights in / and none in v1.
@pytest.mark.parametrize(
    ("tag", "method", "path", "reason"),
    [
        (None, "GET", "overview", NOT_MANAGEMENT),
        ("management", "GET", "overview", None),
        ("management", "GET", "nodes", NOT_MONITOR),
        ("policymaker", "GET", "nodes", NOT_MONITOR),
        ("monitoring", "GET", "nodes", None),
        ("management", "GET", "users", NOT_ADMINISTRATOR),
        ("monitoring", "GET", "users", NOT_ADMINISTRATOR),
        ("management", "GET", "vhosts", None),
        ("monitoring", "GET", "vhosts/%2F", NOT_ADMINISTRATOR),
        ("management", "GET", "queues/v1", NOT_THAT_VHOST),
        ("monitoring", "GET", "queues/v1", NOT_THAT_VHOST),
        ("management", "PUT", "queues/v1/q", NOT_THAT_VHOST),
        ("management", "PUT", "queues/%2F/q", None),
        ("management", "GET", "policies", None),
        ("management", "PUT", "policies/%2F/p", NOT_THAT_OBJECT),
        ("monitoring", "PUT", "policies/%2F/p", NOT_THAT_OBJECT),
        ("policymaker", "PUT", "policies/%2F/p", None),
        ("policymaker", "PUT", "policies/v1/p", NOT_THAT_OBJECT),
        ("policymaker", "PUT", "operator-policies/%2F/p", NOT_ADMINISTRATOR),
        ("management", "GET", "parameters", NOT_THAT_OBJECT),
        ("policymaker", "GET", "parameters", None),
        ("policymaker", "GET", "global-parameters", None),
        ("monitoring", "GET", "definitions", NOT_ADMINISTRATOR),
        ("management", "POST", "definitions", NOT_ADMINISTRATOR),
        ("management", "PUT", "vhosts/v9", NOT_ADMINISTRATOR),
        ("management", "PUT", "cluster-name", NOT_ADMINISTRATOR),
        ("management", "GET", "auth/attempts/warren@localhost", NOT_MONITOR),
        ("management", "GET", "user-limits", None),
        ("management", "GET", "health/checks/alarms", None),
        ("management", "GET", "aliveness-test/v1", NOT_THAT_VHOST),
        ("administrator", "PUT", "vhosts/v9", None),
        ("administrator", "GET", "queues/v1", NOT_THAT_VHOST),
        ("administrator", "GET", "vhosts/v1", None),
    ],
)
def test_a_tag_opens_what_it_opens_in_rabbitmq(
    api: ApiUnderTest, tag: str | None, method: str, path: str, reason: str | None
) -> None:
    api.put("vhosts/v1")
    api.add_user("ann", *([tag] if tag else []))
    content = {"pattern": "x", "definition": {"max-length": 1}} if "policies" in path else {}
    answer = api.call(method, path, content, user="ann")
    if reason is None:
        assert answer.status in (200, 201, 204), answer
    else:
        assert answer.status == 401
        assert answer.content == {"error": "not_authorised", "reason": reason}


def test_lists_show_what_is_in_virtual_hosts_the_user_may_enter(api: ApiUnderTest) -> None:
    api.put("vhosts/v1")
    api.put("queues/v1/hidden")
    api.put("queues/%2F/seen")
    api.add_user("ann", "management")
    assert [queue["name"] for queue in api.get("queues", user="ann")] == ["seen"]
    assert {exchange["vhost"] for exchange in api.get("exchanges", user="ann")} == {"/"}
    assert [vhost["name"] for vhost in api.get("vhosts", user="ann")] == ["/"]
    api.add_user("moni", "monitoring", vhost=None)
    assert [vhost["name"] for vhost in api.get("vhosts", user="moni")] == ["/", "v1"]
    assert api.get("queues", user="moni") == []


def test_permissions_hold_as_in_amqp(api: ApiUnderTest) -> None:
    api.add_user("ann", "management")
    api.put("permissions/%2F/ann", {"configure": "^mine", "write": "", "read": ""})
    assert api.call("PUT", "queues/%2F/mine", {}, user="ann").status == 201
    for method, path in (
        ("PUT", "queues/%2F/other"),
        ("DELETE", "queues/%2F/mine/contents"),
        ("POST", "bindings/%2F/e/amq.topic/q/mine"),
        ("PUT", "exchanges/%2F/other"),
    ):
        answer = api.call(method, path, {}, user="ann")
        assert (answer.status, answer.content["reason"]) == (401, "Access refused."), (method, path)


def test_the_overview_of_a_user_who_is_no_monitor_leaves_listeners_out(api: ApiUnderTest) -> None:
    api.add_user("ann", "management")
    assert "listeners" not in api.get("overview", user="ann")
    assert api.get("overview")["listeners"][0]["port"] == 5672
