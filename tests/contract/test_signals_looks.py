"""Looking for what messages failed of loses none of them, however often it is done.

Not here: what is found (test_signals_findings.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.support import BrokerUnderTest
from tests.support.cli import url_with_management
from tests.support.plain import PlainPika
from tests.support.waiting import wait_until
from warren.config import BrokerSettings
from warren.dashboard.turns import Turns
from warren.signals.collect import Collector

LOOKS = 25  # RabbitMQ 4 gives a message up after 20, where a quorum queue has no limit of its own


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    with PlainPika(broker.url) as plain:
        yield plain


def look_often(url: str, plain: PlainPika) -> list[str]:
    """Sample a queue whose dead letters change before each sample, and return what was not known at the end."""
    plain.publish("", "q.dead", b"{}")
    plain.wait_depth("q.dead", 1)
    told: tuple[str, ...] = ()
    with Collector(BrokerSettings.parse(url), queues=("q",), look_again=0.0) as collector:
        wait_until(lambda: "q.dead" in (queues := collector.sample().queues) and queues["q.dead"].ready)
        for _ in range(LOOKS):
            plain.publish("", "q.dead", b"{}")
            told = collector.sample().unknown
    plain.wait_depth("q.dead", 1 + LOOKS)
    return [line for line in told if "q.dead" in line]


def test_a_dead_letter_queue_that_would_lose_by_its_delivery_limit_is_not_looked_into(
    broker: BrokerUnderTest, plain: PlainPika
) -> None:
    plain.declare("q")
    plain.declare("q.dead", **{"x-delivery-limit": 3})
    assert look_often(url_with_management(broker), plain)
    assert not plain.take("q.dead").redelivered


def test_without_the_management_api_nobody_knows_whether_it_would(broker: BrokerUnderTest, plain: PlainPika) -> None:
    plain.declare("q")
    plain.declare("q.dead", **{"x-delivery-limit": 3})
    assert look_often(broker.url, plain)


def test_one_that_warren_declared_is_looked_into(broker: BrokerUnderTest, plain: PlainPika) -> None:
    plain.declare("q")
    plain.declare("q.dead", **{"x-delivery-limit": 2**31 - 1})
    assert not look_often(url_with_management(broker), plain)
    assert plain.take("q.dead").redelivered


def test_one_that_somebody_else_has_is_not_looked_into_and_all_is_back_after_a_look(
    broker: BrokerUnderTest, plain: PlainPika
) -> None:
    plain.declare("q")
    plain.declare("q.dead", **{"x-delivery-limit": 2**31 - 1})
    for _ in range(300):
        plain.publish("", "q.dead", b"{}")
    plain.wait_depth("q.dead", 300)
    turns = Turns()
    settings = BrokerSettings.parse(url_with_management(broker))
    turn = partial(turns.take_if_free, what="the look")
    with Collector(settings, queues=("q",), look_again=0.0, turn=turn) as collector:
        with turns.take("q.dead", "a replay"):
            wait_until(lambda: "q.dead" in (sample := collector.sample()).queues and sample.queues["q.dead"].ready)
            assert not collector.sample().dead
        assert wait_until(lambda: collector.sample().dead)
        plain.wait_depth("q.dead", 300)
