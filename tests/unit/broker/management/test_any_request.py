"""Whatever a client sends, the API answers, and never with a failure of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.broker.management.api_under_test import ApiUnderTest
from warren.broker.management.api import ROUTES
from warren.broker.management.routing import Route

NAMES = (
    "%2F",
    "q",
    "e",
    "amq.default",
    "amq.topic",
    "guest",
    "p",
    "limits",
    "max-queues",
    "vhost-limits",
    "%ff",
    "~",
    "",
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
FIELDS = (
    *("durable", "auto_delete", "internal", "arguments", "type", "routing_key", "payload", "payload_encoding", "tags"),
    *("properties", "count", "ackmode", "encoding", "truncate", "pattern", "definition", "priority", "apply-to"),
    *("value", "name", "users", "configure", "write", "read", "exchange", "password", "password_hash", "action"),
    *("queues", "bindings", "exchanges", "vhosts", "permissions", "policies", "parameters", "limits", "description"),
    *("topic_permissions", "global_parameters", "metadata", "default_queue_type", "hashing_algorithm", "cluster_name"),
)
LIKELY = st.sampled_from(
    [True, "true", 1, "string", "auto", "base64", "ack_requeue_false", "reject_requeue_false", "q", "topic", "fanout"]
)
TABLES = st.dictionaries(st.sampled_from(FIELDS), LIKELY | VALUES, max_size=8)
CONTENTS = TABLES | st.dictionaries(st.sampled_from(FIELDS), st.lists(TABLES, max_size=2) | TABLES | VALUES, max_size=4)
QUERIES = st.sampled_from(
    [
        "",
        "?page=1",
        "?page=1&name=(&use_regex=true",
        "?sort=arguments",
        "?columns=a.b,name",
        "?lengths_age=60",
        "?page=x",
    ]
)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_request_makes_the_api_fail(api: ApiUnderTest, route: Route, data: st.DataObject) -> None:
    for vhost in ("/", "q"):
        api.node.add_vhost(vhost)
        api.add_user("ann", "administrator", vhost=vhost)
    api.call("PUT", "queues/%2F/q", {"durable": True}, user="ann")
    api.call("PUT", "exchanges/%2F/e", {"type": "topic"}, user="ann")
    segments = [data.draw(st.sampled_from(NAMES)) if "{" in one else one for one in route.path.split("/")]
    content: Any = data.draw(CONTENTS | VALUES)
    path = "/".join(segments) + data.draw(QUERIES)
    answer = api.call(route.method, path, raw=json.dumps(content).encode(), user="ann")
    assert answer.status < 500 or answer.status == 503, (path, content, answer)
    assert api.get("overview", user="ann")["node"] == "warren@localhost"
