"""Samples of what the management API told, where it tells all and where it does not.

Not here: the API's JSON (tests/unit/management).
"""

from __future__ import annotations

from typing import Any

from warren.management.consumers import QueueConsumer
from warren.management.nodes import Node
from warren.management.overview import Overview
from warren.management.queues import MessageTotals, QueueStatistics
from warren.signals.reading import broker_sample, queue_samples
from warren.signals.samples import QueueSample


def statistics(**told: Any) -> QueueStatistics:
    return QueueStatistics(**{"name": "q", "ready": 3, **told})


def sample(*consumers: QueueConsumer, **told: Any) -> QueueSample:
    return queue_samples([statistics(**told)], consumers)["q"]


def test_what_is_told_is_taken_over() -> None:
    totals = MessageTotals(published=9, delivered=8, auto_acked=1, redelivered=2, acked=5)
    told = sample(type="quorum", unacked=2, dead_lettering=1, totals=totals, arguments={"x": 1}, settings={"y": 2})
    assert (told.ready, told.unacked, told.dead_lettering, told.depth) == (3, 2, 1, 6)
    assert (told.published, told.delivered, told.auto_acked, told.redelivered, told.acked) == (9, 8, 1, 2, 5)
    assert (told.type, told.arguments, told.settings) == ("quorum", {"x": 1}, {"y": 2})


def test_totals_of_nothing_are_totals() -> None:
    assert sample(totals=MessageTotals()).published == 0
    assert sample().published is None


def test_a_queue_of_unknown_depth_is_left_out() -> None:
    """As an empty one it would look as if it had been emptied, and then filled."""
    assert queue_samples([statistics(ready=None), statistics(name="r")]).keys() == {"r"}


def test_prefetch_is_summed_over_consumers() -> None:
    told = sample(QueueConsumer(queue="q", tag="1", prefetch=10), QueueConsumer(queue="q", tag="2", prefetch=5))
    assert (told.consumers, told.prefetch, told.is_unlimited) == (2, 15, False)


def test_consumers_of_other_queues_are_not_counted() -> None:
    assert sample(QueueConsumer(queue="another", tag="1", prefetch=10)).consumers == 0


def test_a_consumer_without_a_limit_makes_it_unlimited() -> None:
    told = sample(QueueConsumer(queue="q", tag="1", prefetch=0), QueueConsumer(queue="q", tag="2", prefetch=5))
    assert (told.prefetch, told.is_unlimited) == (5, True)


def test_consumers_that_wait_for_their_turn_or_acknowledge_nothing_hold_nothing() -> None:
    told = sample(
        QueueConsumer(queue="q", tag="1", prefetch=10, is_active=False),
        QueueConsumer(queue="q", tag="2", prefetch=0, needs_acks=False),
        QueueConsumer(queue="q", tag="3", prefetch=4, is_active=True, needs_acks=True),
    )
    assert (told.consumers, told.prefetch, told.is_unlimited) == (3, 4, False)


def test_a_prefetch_that_is_not_told_is_unknown() -> None:
    assert sample(QueueConsumer(queue="q", tag="1"), QueueConsumer(queue="q", tag="2", prefetch=5)).prefetch is None


def test_without_the_list_of_consumers_the_queue_counts_its_own() -> None:
    told = queue_samples([statistics(consumers=4)], None)["q"]
    assert (told.consumers, told.prefetch) == (4, None)


def test_the_shortest_timeout_of_its_consumers_counts() -> None:
    told = sample(QueueConsumer(queue="q", tag="1", timeout=1800.0), QueueConsumer(queue="q", tag="2", timeout=60.0))
    assert told.consumer_timeout == 60.0


def test_alarms_of_any_node_are_the_brokers() -> None:
    nodes = [Node(name="a"), Node(name="b", memory_alarm=True), Node(name="c", memory_alarm=True, disk_alarm=True)]
    told = broker_sample(Overview("4.0.5", "cluster"), nodes)
    assert (told.version, told.alarms) == ("4.0.5", ("memory", "disk"))
    assert broker_sample().alarms == ()
