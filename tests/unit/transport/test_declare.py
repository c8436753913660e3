"""One declaration at a time on a channel of its own: answered, refused, lost, or never sent, each said clearly.

Not here: what brokers say of real differences (tests/contract/test_topology_plan.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.support import wait_until
from tests.support.scripted_broker import ScriptedBroker, ScriptedConnection
from warren.errors import BrokerRefused, BrokerUnavailable, ConfigurationError, TopologyConflict, TopologyMissing
from warren.topology import Queue
from warren.transport.declare import ChannelDeclarer


class Declaring:
    """A declarer whose caller waits on another thread while the test plays the broker."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self.connection = ScriptedConnection()
        self.threads = threads
        self.posted = threading.Event()
        post = self.connection.io.post
        self.connection.io.post = lambda function: (post(function), self.posted.set())[0]

    def call(self, method: str, *arguments: Any, timeout: float = 20.0) -> Future[None]:
        """Call a method of the declarer, and run the loop once the call reached it."""
        self.posted.clear()
        declarer = ChannelDeclarer(self.connection, timeout=timeout)
        future = self.threads.submit(getattr(declarer, method), *arguments)
        wait_until(lambda: self.posted.is_set() or future.done())
        self.connection.loop.run()
        return future


@pytest.fixture
def declaring() -> Iterator[Declaring]:
    with ThreadPoolExecutor(1) as threads:
        yield Declaring(threads)


def error_of(future: Future[None]) -> BaseException:
    error = future.exception(10.0)
    assert error is not None
    return error


def test_what_the_broker_answers_is_declared_and_its_channel_closed(declaring: Declaring) -> None:
    broker = declaring.connection.up()
    future = declaring.call("declare_queue", Queue("invoices"))
    broker.run()

    assert future.result(10.0) is None
    assert broker.names(1) == ["Channel.Open", "Queue.Declare", "Channel.Close"]
    assert declaring.connection.channels == set()


@pytest.mark.parametrize(
    ("code", "text", "kind", "says"),
    [
        (
            406,
            (
                "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue 'invoices' in vhost '/': "
                "received 'quorum' but current is 'classic'"
            ),
            TopologyConflict,
            "queue 'invoices': x-queue-type is 'classic' on the broker and 'quorum' in the code",
        ),
        (404, "NOT_FOUND - no queue 'invoices' in vhost '/'", TopologyMissing, "run `warren topology apply`"),
        (
            404,
            "NOT_FOUND - home node 'rabbit@b' of durable queue 'invoices' in vhost '/' is down or inaccessible",
            BrokerUnavailable,  # which is waited for
            "queue 'invoices' is on the broker and cannot be reached",
        ),
        (
            403,
            "ACCESS_REFUSED - access to queue 'invoices' refused",
            BrokerRefused,
            "no permission for queue 'invoices'",
        ),
        (405, "RESOURCE_LOCKED - exclusive", TopologyConflict, "405 RESOURCE_LOCKED"),
    ],
)
def test_what_the_broker_refuses_says_what_to_do(
    declaring: Declaring, code: int, text: str, kind: type[Exception], says: str
) -> None:
    broker = declaring.connection.up(silent={"Queue.Declare"})
    future = declaring.call("declare_queue", Queue("invoices"))
    broker.run()
    broker.close_channel(1, code, text)

    assert isinstance(error_of(future), kind)
    assert says in str(error_of(future))
    assert declaring.connection.channels == set()


def lost(declaring: Declaring, broker: ScriptedBroker) -> None:
    declaring.connection.down(broker)


def closed_by_us(declaring: Declaring, broker: ScriptedBroker) -> None:
    broker.stream.close()
    broker.run()


@pytest.mark.parametrize("end", [lost, closed_by_us])
@pytest.mark.parametrize("silent", ["Channel.Open", "Queue.Declare"])
def test_a_connection_that_ends_before_the_answer_is_no_success(
    declaring: Declaring, silent: str, end: Callable[[Declaring, ScriptedBroker], None]
) -> None:
    broker = declaring.connection.up(silent={silent})
    future = declaring.call("declare_queue", Queue("invoices"))
    broker.run()
    end(declaring, broker)
    declaring.connection.down(broker)

    assert isinstance(error_of(future), BrokerUnavailable)
    assert declaring.connection.channels == set()


def test_no_answer_in_time_is_unavailable_and_its_channel_is_not_used_again(declaring: Declaring) -> None:
    broker = declaring.connection.up(silent={"Queue.Declare"})
    late = declaring.call("declare_queue", Queue("invoices"), timeout=0.05)
    broker.run()
    assert "did not answer about queue 'invoices' within 0.05 s" in str(error_of(late))

    broker.silent.clear()
    future = declaring.call("declare_queue", Queue("orders"))
    broker.run()
    assert future.result(10.0) is None
    assert broker.names(2) == ["Channel.Open", "Queue.Declare", "Channel.Close"]


def test_what_cannot_be_written_is_the_callers_mistake_and_costs_no_connection(declaring: Declaring) -> None:
    broker = declaring.connection.up()
    future = declaring.call("check_queue", "q" * 300)
    broker.run()

    assert isinstance(error_of(future), ConfigurationError)
    assert broker.stream.is_open
    assert declaring.connection.channels == set()


def test_without_a_connection_it_is_unavailable(declaring: Declaring) -> None:
    assert isinstance(error_of(declaring.call("check_queue", "q")), BrokerUnavailable)
    declaring.connection.io.is_stopped = True
    assert isinstance(error_of(declaring.call("check_queue", "q")), BrokerUnavailable)
