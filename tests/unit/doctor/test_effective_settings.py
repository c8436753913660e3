"""How arguments and policies are merged, where dead letters lead, and other small readings of doctor's."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.certificates import Certificates
from tests.unit.doctor.a_broker import code
from warren.certificates import end_of
from warren.doctor.collect import Subject, collect, percentile
from warren.doctor.effective import consumer_timeout, delivery_limit, limit, setter, value
from warren.doctor.examine import examine
from warren.doctor.facts import Live
from warren.doctor.routing import Reach, Routes
from warren.doctor.versions import version_of
from warren.management.queues import QueueStatistics
from warren.management.setup import Policy
from warren.signals.worker_metrics import MetricsEndpoint
from warren.topology.actual import Actual, ActualExchange, ActualQueue
from warren.topology.model import Binding, DestinationKind


def queue(arguments: dict[str, Any] | None = None, settings: dict[str, Any] | None = None) -> ActualQueue:
    return ActualQueue(name="q", type="quorum", arguments=arguments or {}, settings=settings or {}, policy="p")


def live(version: str = "4.0.5", *, policies: tuple[Policy, ...] | None = None) -> Live:
    statistics = QueueStatistics(name="q", policy="p", operator_policy="o")
    return Live(version=version, actual=Actual.of(), queues={"q": statistics}, policies=policies)


# -- who sets what ------------------------------------------------------------------------------


def test_of_two_limits_the_lower_one_counts_and_of_two_values_the_argument() -> None:
    both = queue(
        {"x-message-ttl": 5, "x-max-length": 9, "x-overflow": "drop-head"},
        {"message-ttl": 7, "max-length": 3, "overflow": "reject-publish", "dead-letter-exchange": "d"},
    )
    assert (limit(both, "message-ttl"), limit(both, "max-length"), limit(both, "expires")) == (5, 3, None)
    assert (value(both, "overflow"), value(both, "dead-letter-exchange")) == ("drop-head", "d")
    assert value(both, "dead-letter-routing-key") is None
    assert limit(queue({"x-expires": True}), "expires") is None


def test_who_sets_a_value_is_told_by_what_each_policy_says() -> None:
    policies = (
        Policy(name="p", definition={"max-length": 3}),
        Policy(name="o", definition={"message-ttl": 4}, is_operator=True),
    )
    both = queue({"x-message-ttl": 5, "x-overflow": "drop-head"}, {"message-ttl": 4, "max-length": 3, "overflow": "x"})
    told = live(policies=policies)
    assert setter(both, "message-ttl", told) == "operator policy 'o'"
    assert setter(both, "max-length", told) == "policy 'p'"
    assert setter(both, "overflow", told) == "argument x-overflow"
    assert setter(both, "message-ttl", live(policies=None)) == "operator policy 'o' or policy 'p'"


@pytest.mark.parametrize(
    ("version", "arguments", "settings", "count", "by"),
    [
        ("3.10.8", {}, {}, None, "nobody"),
        ("4.0.5", {}, {}, 20, "RabbitMQ 4 by default"),
        ("4.0.5", {"x-delivery-limit": 2**31 - 1}, {}, 2**31 - 1, "argument x-delivery-limit"),
        ("4.0.5", {"x-delivery-limit": 2**31 - 1}, {"delivery-limit": 3}, 3, "policy 'p'"),
        ("4.0.5", {"x-delivery-limit": -1}, {}, None, "argument x-delivery-limit"),
        ("4.0.5", {"x-delivery-limit": -1}, {"delivery-limit": 3}, 3, "policy 'p'"),
        ("4.0.5", {"x-delivery-limit": 5}, {"delivery-limit": -1}, 5, "argument x-delivery-limit"),
        ("3.10.8", {"x-delivery-limit": -1}, {}, 0, "argument x-delivery-limit"),
    ],
)
def test_the_delivery_limit_in_force_is_known(
    version: str, arguments: dict[str, Any], settings: dict[str, Any], count: int | None, by: str
) -> None:
    policies = (Policy(name="p", definition=settings),)
    found = delivery_limit(queue(arguments, settings), live(version, policies=policies))
    assert found is not None
    assert (found.count, found.by) == (count, by)


def test_a_classic_queue_has_no_delivery_limit() -> None:
    assert delivery_limit(ActualQueue(name="q", type="classic"), live()) is None


def test_a_consumer_timeout_of_a_queue_counts_from_rabbitmq_3_12_on() -> None:
    told = queue({"x-consumer-timeout": 90_000}, {"consumer-timeout": 60_000})
    assert consumer_timeout(told, live("3.12.0")) == 60.0
    assert consumer_timeout(told, live("3.11.28")) is None
    assert consumer_timeout(queue(), live()) is None


def reach(exchange: str, key: str | None, actual: Actual) -> Reach:
    return Routes(actual).reach(exchange, key)


# -- where dead letters lead ------------------------------------------------------------------------


def bound(source: str, destination: str, key: str = "", *, to: DestinationKind = DestinationKind.QUEUE) -> Binding:
    return Binding(source, destination, to, routing_key=key)


def broker(kind: str, *bindings: Binding, **exchange: Any) -> Actual:
    other = ActualExchange(name="other", type="fanout")
    return Actual.of([ActualExchange(name="e", type=kind, **exchange), other], [queue()], bindings)


@pytest.mark.parametrize(
    ("kind", "pattern", "key", "found"),
    [
        ("direct", "a", "a", Reach.ARRIVES),
        ("direct", "a", "b", Reach.NOWHERE),
        ("direct", "a", None, Reach.DEPENDS),
        ("fanout", "", None, Reach.ARRIVES),
        ("topic", "#", None, Reach.ARRIVES),
        ("topic", "a.*", None, Reach.DEPENDS),
        ("topic", "a.*", "a.b", Reach.ARRIVES),
        ("topic", "a.*", "a", Reach.NOWHERE),
        ("headers", "", "a", Reach.DEPENDS),
        ("x-plugin", "a", "b", Reach.DEPENDS),
    ],
)
def test_an_exchange_leads_where_its_bindings_say(kind: str, pattern: str, key: str | None, found: Reach) -> None:
    assert reach("e", key, broker(kind, bound("e", "q", pattern))) is found


def test_exchanges_are_followed_to_queues_without_going_in_circles() -> None:
    to_other = bound("e", "other", to=DestinationKind.EXCHANGE)
    back = bound("other", "e", to=DestinationKind.EXCHANGE)
    assert reach("e", "k", broker("fanout", to_other, back)) is Reach.NOWHERE
    assert reach("e", "k", broker("fanout", to_other, back, bound("other", "q"))) is Reach.ARRIVES
    assert reach("e", None, broker("topic", bound("e", "other", "a", to=DestinationKind.EXCHANGE))) is Reach.NOWHERE
    alternate = broker("direct", bound("other", "q"), arguments={"alternate-exchange": "other"})
    assert reach("e", "k", alternate) is Reach.ARRIVES
    assert reach("e", "k", broker("direct", arguments={"alternate-exchange": "absent"})) is Reach.NOWHERE


def test_the_default_exchange_leads_to_the_queue_of_that_name() -> None:
    assert reach("", "q", broker("direct")) is Reach.ARRIVES
    assert reach("", "p", broker("direct")) is Reach.NOWHERE
    assert reach("", None, broker("direct")) is Reach.DEPENDS
    assert reach("absent", "q", broker("direct")) is Reach.NO_EXCHANGE


def matches(pattern: list[str], words: list[str]) -> bool:
    """AMQP's rule, word by word."""
    match pattern:
        case []:
            return not words
        case ["#", *rest]:
            return any(matches(rest, words[at:]) for at in range(len(words) + 1))
        case [first, *rest]:
            return bool(words) and first in ("*", words[0]) and matches(rest, words[1:])
    raise AssertionError


@given(
    pattern=st.lists(st.sampled_from(["#", "*", "a", "b"]), min_size=1, max_size=5),
    words=st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=5),
)
@example(pattern=["#", "a"], words=["a"])
@example(pattern=["a", "#"], words=["a"])
@example(pattern=["a", "#", "b"], words=["a", "b"])
@example(pattern=["a"], words=["a", "a"])
def test_topic_patterns_match_as_in_amqp(pattern: list[str], words: list[str]) -> None:
    there = broker("topic", bound("e", "q", ".".join(pattern)))
    expected = Reach.ARRIVES if matches(pattern, words) else Reach.NOWHERE
    assert reach("e", ".".join(words), there) is expected


# -- small readings -------------------------------------------------------------------------------


def test_versions_are_read_up_to_what_is_no_number() -> None:
    assert version_of("4.0.5") == version_of("4.0.5-rc.1") == version_of("4.0.5+2") == (4, 0, 5)
    assert version_of("") == version_of("unknown") == ()


def test_a_percentile_is_the_bound_below_which_it_lies() -> None:
    assert percentile({0.1: 50, 1.0: 99, 10.0: 100, float("inf"): 100}, 0.99) == 1.0
    assert percentile({0.1: 50, 1.0: 60, float("inf"): 100}, 0.99) == 1.0  # at least
    assert percentile({}, 0.99) is None
    assert percentile({1.0: 0, float("inf"): 0}, 0.99) is None


def test_the_end_of_a_certificate_is_read(certificates: Certificates) -> None:
    """Those of the tests are made for a day."""
    for name in ("server", "client"):
        ends = end_of(ssl.PEM_cert_to_DER_cert(certificates.certificate(name).read_text()))
        left = datetime.fromtimestamp(ends, UTC) - datetime.now(UTC)
        assert timedelta(hours=20) < left <= timedelta(days=1)
    authority = ssl.PEM_cert_to_DER_cert(certificates.authority.read_text())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(str(certificates.authority))
    (told,) = context.get_ca_certs()
    assert end_of(authority) == ssl.cert_time_to_seconds(str(told["notAfter"]))


@given(st.binary(max_size=60))
def test_what_is_no_certificate_is_refused(garbage: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        end_of(garbage)


def test_how_long_handlers_take_is_read_from_the_metrics_of_workers() -> None:
    text = "".join(
        f'warren_handler_duration_seconds_bucket{{queue="q",consumer="q",message_type="{kind}",le="{bound}"}} {count}\n'
        for kind in ("a", "b")
        for bound, count in (("0.5", 10), ("60.0", 50), ("+Inf", 50))
    )
    with serving(f"# TYPE warren_handler_duration_seconds histogram\n{text}") as url:
        told = collect(Subject(broker=None, code=code(prefetch=100, concurrency=2), metrics=[MetricsEndpoint(url)]))
    assert told.durations == {"q": 60.0}
    assert ("prefetch-over-consumer-timeout", "q") in {(one.id.value, one.subject) for one in examine(told)}


@contextmanager
def serving(text: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/metrics"
        finally:
            server.shutdown()
            thread.join()
