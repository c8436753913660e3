"""Queues, consumers and nodes of the API's JSON, with every field there, missing, or senseless.

Not here: the same on real brokers (tests/contract/test_management_statistics.py).
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren.management.consumers import CONSUMER_COLUMNS, QueueConsumer, read_consumers
from warren.management.nodes import NODE_COLUMNS, Node, read_nodes
from warren.management.overview import read_overview
from warren.management.queues import QUEUE_STATISTICS_COLUMNS, MessageTotals, QueueStatistics, read_queues

QUEUE_FIELDS = [one for one in QUEUE_STATISTICS_COLUMNS.split(",") if "." not in one and one != "name"]
TOTALS = [one.partition(".")[2] for one in QUEUE_STATISTICS_COLUMNS.split(",") if "." in one]
CONSUMER_FIELDS = [one for one in CONSUMER_COLUMNS.split(",") if "." not in one]
NODE_FIELDS = [one for one in NODE_COLUMNS.split(",") if one != "name"]

values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(["", "x", "undefined", "unlimited", [], {}])
)


def test_a_queue_of_which_nothing_is_told_has_a_name() -> None:
    assert read_queues([{"name": "q"}]) == (QueueStatistics(name="q"),)


def test_the_type_is_told_by_the_arguments_where_it_is_not_told() -> None:
    (queue,) = read_queues([{"name": "q", "arguments": {"x-queue-type": "quorum", "x-odd": "undefined"}}])
    assert (queue.type, queue.arguments["x-odd"]) == ("quorum", None)


def test_a_total_that_is_missing_has_counted_nothing() -> None:
    (queue,) = read_queues([{"name": "q", "message_stats": {"publish": 4, "get_no_ack": 2, "deliver_no_ack": 1}}])
    assert queue.totals == MessageTotals(published=4, auto_acked=3)


@pytest.mark.parametrize("stats", [None, {}, [], "undefined"])
def test_where_nothing_went_through_there_are_no_totals(stats: Any) -> None:
    (queue,) = read_queues([{"name": "q", "message_stats": stats}])
    assert queue.totals is None


def test_a_delivery_limit_may_be_none() -> None:
    (queue,) = read_queues([{"name": "q", "delivery_limit": "unlimited"}])
    assert queue.delivery_limit is None


def test_a_consumer_of_which_nothing_is_told_has_a_queue() -> None:
    assert read_consumers([{"queue": {"name": "q"}}]) == (QueueConsumer(queue="q", tag=""),)


def test_alarms_are_those_that_are_raised() -> None:
    told = [{"name": "a", "mem_alarm": True, "disk_free_alarm": False}, {"name": "b", "disk_free_alarm": True}]
    assert [node.alarms for node in read_nodes(told)] == [("memory",), ("disk",)]
    assert read_nodes([{"name": "n"}]) == (Node(name="n"),)


def test_a_node_tells_how_long_it_runs_and_which_others_it_lost_sight_of() -> None:
    (node,) = read_nodes([{"name": "a", "uptime": 2500, "partitions": ["rabbit@b"]}])
    assert (node.uptime, node.partitions) == (2.5, ("rabbit@b",))


@pytest.mark.parametrize("totals", [None, [], {"connections": "many"}])
def test_an_overview_without_totals_is_one_of_which_they_are_not_known(totals: Any) -> None:
    told = {"rabbitmq_version": "4.0.5", "cluster_name": "c", "object_totals": totals}
    assert (read_overview(told).connections, read_overview(told).channels) == (None, None)


@given(
    st.dictionaries(st.sampled_from(QUEUE_FIELDS), values),
    st.dictionaries(st.sampled_from(TOTALS), values),
    st.dictionaries(st.sampled_from(CONSUMER_FIELDS), values),
    st.dictionaries(st.sampled_from(NODE_FIELDS), values),
)
def test_whatever_a_field_holds_it_is_read_or_unknown(
    queue: dict[str, Any], totals: dict[str, Any], consumer: dict[str, Any], node: dict[str, Any]
) -> None:
    (read,) = read_queues([{**queue, "name": "q", "message_stats": totals}])
    figures = (read.ready, read.unacked, read.dead_lettering, read.consumers, read.delivery_limit)
    assert all(one is None or one >= 0 for one in figures)
    (of_consumer,) = read_consumers([{"channel_details": [], **consumer, "queue": {"name": "q"}}])
    assert of_consumer.prefetch is None or of_consumer.prefetch >= 0
    (of_node,) = read_nodes([{**node, "name": "n"}])
    assert set(of_node.alarms) <= {"memory", "disk"}
