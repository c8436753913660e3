"""What doctor finds on the broker itself: versions, alarms, nodes, places of queues, features."""

from __future__ import annotations

import pytest

from tests.unit.doctor.a_broker import code, facts, ids, node, with_queue
from warren import Queue
from warren.doctor.checks.alarms import check_alarms
from warren.doctor.checks.cluster import check_cluster
from warren.doctor.checks.features import check_features
from warren.doctor.checks.replication import check_replication
from warren.doctor.checks.version import check_version
from warren.doctor.facts import Greeting
from warren.management.setup import FeatureFlag, NodeSetup, QueuePlace


@pytest.mark.parametrize(
    ("version", "erlang", "found"),
    [
        ("4.0.5", "27.3", set()),
        ("3.10.8", "25.2.3", set()),
        ("3.10.8-rc.1", None, set()),
        ("3.9.29", "24.3", {"broker-too-old"}),
        ("3.13.7", "26.2", {"broker-untested"}),
        ("4.1.0", "27.0", {"broker-untested"}),
        ("4.0.3", "27.0", {"broker-known-bad"}),
        ("3.11.5", "26.0", {"broker-untested", "broker-known-bad"}),
        ("nonsense", None, set()),
    ],
)
def test_versions_are_judged(version: str, erlang: str | None, found: set[str]) -> None:
    told = facts(version=version, erlang=erlang)
    assert {one for one, _ in ids(check_version, told)} == found


def test_without_the_management_api_the_greeting_tells_the_version() -> None:
    greeting = Greeting(product="RabbitMQ", version="4.0.1", platform="Erlang/OTP 27.1", cluster_name="c")
    told = facts(live=None, greeting=greeting)
    assert ids(check_version, told) == {("broker-known-bad", "RabbitMQ 4.0.1")}


def test_nodes_of_different_versions_are_found() -> None:
    setups = (NodeSetup(name="a", version="4.0.5"), NodeSetup(name="b", version="3.13.7"))
    assert ids(check_version, facts(setups=setups)) == {("cluster-mixed-versions", "cluster")}


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({}, None),
        ({"memory_alarm": True}, "memory-alarm"),
        ({"memory_used": 7_000_000_000}, "memory-short"),
        ({"disk_alarm": True}, "disk-alarm"),
        ({"disk_free": 9_000_000_000}, "disk-short"),
        ({"disk_limit": 50_000_000}, "disk-limit-low"),
        ({"files_used": 19_000}, "files-short"),
        ({"memory_used": None, "memory_limit": None, "disk_free": None, "disk_limit": None, "files_limit": None}, None),
    ],
)
def test_what_a_node_has_left_is_judged(told: dict[str, object], found: str | None) -> None:
    expected = set() if found is None else {(found, "rabbit@a")}
    assert ids(check_alarms, facts(nodes=(node(**told),))) == expected


def test_an_alarm_that_only_the_health_check_tells_is_found() -> None:
    assert ids(check_alarms, facts(nodes=None, alarm="503 alarms")) == {("alarm-in-effect", "cluster")}
    assert ids(check_alarms, facts(live=None)) == set()


def test_nodes_that_are_down_draining_apart_or_without_a_disk_are_found() -> None:
    setups = (
        NodeSetup(name="a", partitions=("b",)),
        NodeSetup(name="b", is_draining=True),
        NodeSetup(name="c", keeps_on_disk=False),
    )
    told = facts(nodes=(node("a"), node("b"), node("c", is_running=False)), setups=setups)
    assert ids(check_cluster, told) == {
        ("network-partition", "a"),
        ("node-draining", "b"),
        ("node-without-disk", "c"),
        ("node-down", "c"),
    }


@pytest.mark.parametrize(("count", "found"), [(1, "single-node"), (2, "two-node-cluster"), (3, None)])
def test_the_size_of_a_cluster_is_judged(count: int, found: str | None) -> None:
    nodes = tuple(node(f"n{number}") for number in range(count))
    assert {one for one, _ in ids(check_cluster, facts(nodes=nodes))} == ({found} if found else set())


THREE = tuple(node(name) for name in ("a", "b", "c"))


def places(**told: object) -> dict[str, QueuePlace]:
    usual = {"leader": "a", "members": ("a", "b", "c"), "online": ("a", "b", "c")}
    return {name: QueuePlace(name=name, **{**usual, **told}) for name in ("q", "q.dead", "q.retry.1s")}


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({}, None),
        ({"online": ("a", "b")}, "queue-member-offline"),
        ({"online": ("a",)}, "queue-without-leader"),
        ({"state": "minority"}, "queue-without-leader"),
        ({"members": ("a",), "online": ("a",)}, "queue-under-replicated"),
        ({"members": (), "online": ()}, None),
    ],
)
def test_the_members_of_quorum_queues_are_judged(told: dict[str, object], found: str | None) -> None:
    about = facts(code(), nodes=THREE, places=places(**told))
    assert {one for one, _ in ids(check_replication, about)} == ({found} if found else set())


def test_a_classic_queue_on_a_cluster_and_a_transient_one_are_found_for_an_application_only() -> None:
    classic = code(Queue("q", type="classic", durable=False))
    assert ("queue-transient", "q") in ids(check_replication, facts(classic))
    durable = facts(code(Queue("q", type="classic")), nodes=THREE, places=places())
    assert ids(check_replication, durable) == {("queue-not-replicated", "q"), ("queue-not-replicated", "q.dead")}
    alone = with_queue(facts(nodes=THREE), "reply", type="classic", durable=False)
    assert ids(check_replication, alone) == set()


def test_one_node_that_leads_all_queues_is_told_where_there_are_enough_of_them() -> None:
    about = facts(nodes=THREE, places={f"q{n}": QueuePlace(name=f"q{n}", leader="b") for n in range(6)})
    for number in range(6):
        about = with_queue(about, f"q{number}", type="quorum")
    assert ids(check_replication, about) == {("leaders-on-one-node", "b")}


def test_feature_flags_and_deprecated_features_are_judged() -> None:
    flags = (
        FeatureFlag("on", "enabled", "stable"),
        FeatureFlag("stream_queue", "disabled", "stable"),
        FeatureFlag("off_early", "disabled", "experimental"),
        FeatureFlag("khepri_db", "enabled", "experimental"),
        FeatureFlag("gone", "unavailable", "stable"),
    )
    told = list(check_features(facts(flags=flags, deprecated=("global_qos",))))
    assert [one.id.value for one in told] == [
        "feature-flag-disabled",
        "feature-flag-experimental",
        "deprecated-feature-used",
    ]
    assert "stream_queue" in told[0].summary
    assert "at most once" in told[0].evidence[0]
    assert "khepri_db" in told[1].summary
