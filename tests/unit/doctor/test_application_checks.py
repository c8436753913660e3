"""What doctor finds in an application and its settings: times, idempotency, permissions, access, this machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.doctor.a_broker import NOW, code, facts, ids, with_queue
from warren import Exchange, Queue, Retry
from warren.config import BrokerSettings, WorkerSettings
from warren.doctor.checks.connection import check_connection
from warren.doctor.checks.idempotency import check_idempotency
from warren.doctor.checks.machine import check_machine
from warren.doctor.checks.permissions import check_permissions
from warren.doctor.checks.security import check_security, is_loopback
from warren.doctor.checks.time_limits import check_time_limits
from warren.doctor.checks.topology import check_topology
from warren.doctor.examine import examine
from warren.doctor.facts import Certificate, ConnectionFailure, Facts, Runtime, StoreFacts, Unknown
from warren.doctor.findings import FindingId, Severity
from warren.management.setup import Permissions
from warren.topology.model import Topology

ASSUMED = ("unknown", "consumer_timeout")


def broker(url: str) -> BrokerSettings:
    return BrokerSettings.parse(url)


# -- times --------------------------------------------------------------------------------------


def test_the_time_limit_is_compared_with_the_timeout_that_settings_assume() -> None:
    about = facts(code(time_limit=120, settings=WorkerSettings(consumer_timeout=100)))
    assert ids(check_time_limits, about) >= {("time-limit-over-consumer-timeout", "q"), ASSUMED}
    (found,) = (one for one in check_time_limits(about) if one.id is FindingId.TIME_LIMIT_OVER_CONSUMER_TIMEOUT)
    assert "a worker does not start" in found.summary


def test_the_timeout_of_the_queue_counts_from_rabbitmq_3_12_on() -> None:
    about = with_queue(facts(code(concurrency=50)), "q", arguments={"x-consumer-timeout": 30_000})
    assert ids(check_time_limits, about) == {("time-limit-over-consumer-timeout", "q")}
    assert about.live is not None
    older = replace(about, live=replace(about.live, version="3.11.9"))
    assert ids(check_time_limits, older) == {ASSUMED}


def test_a_handler_without_a_time_limit_is_found() -> None:
    assert ids(check_time_limits, facts(code(time_limit=None))) == {("no-time-limit", "q"), ASSUMED}


def test_prefetch_is_judged_by_what_was_measured_else_told_as_the_worst_case() -> None:
    about = facts(code(prefetch=100, concurrency=2, time_limit=60))  # 50 rounds
    assert ids(check_time_limits, about) == {("prefetch-worst-case", "q"), ASSUMED}
    assert ids(check_time_limits, replace(about, durations={"q": 40.0})) == {
        ("prefetch-over-consumer-timeout", "q"),
        ASSUMED,
    }
    assert ids(check_time_limits, replace(about, durations={"q": 0.5})) == {ASSUMED}


# -- idempotency --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "found"), [("1h", None), ("9s", "idempotency-window-short"), ("11s", "idempotency-window-tight")]
)
def test_the_window_is_compared_with_the_retry_horizon(window: str, found: str | None) -> None:
    about = facts(code(idempotent=True, idempotency_window=window, retry=Retry("10s")))
    assert ids(check_idempotency, about) == ({(found, "q")} if found else set())


@pytest.mark.parametrize(
    ("store", "found"),
    [
        (StoreFacts(where="store s"), None),
        (StoreFacts(where="store s", failure="gone"), "store-unavailable"),
        (StoreFacts(where="store s", failure="evicts", is_refusal=True), "store-refused"),
        (StoreFacts(where="store s", is_in_memory=True, has_transactions=False), "store-in-memory"),
    ],
)
def test_the_store_is_judged(store: StoreFacts, found: str | None) -> None:
    about = facts(code(idempotent=True), store=store)
    assert ids(check_idempotency, about) == ({(found, "store s")} if found else set())


# -- permissions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("permissions", "found"),
    [
        (Permissions(".*", ".*", ".*"), set()),
        (Permissions("", "", ""), {"permission-missing", "permission-to-create-missing"}),
        (Permissions("^$", ".*", ".*"), {"permission-to-create-missing"}),
        (Permissions(".*", "^(orders|q.*)$", ".*"), {"permission-missing", "permission-to-create-missing"}),
        (Permissions("^(q|orders)", "^(q|orders|amq.default$)", "^(q|orders)"), set()),
        (Permissions("(", "(", "("), set()),  # not for Python to judge
    ],
)
def test_permissions_are_compared_with_what_the_application_does(permissions: Permissions, found: set[str]) -> None:
    assert {one for one, _ in ids(check_permissions, facts(code(), permissions=permissions))} == found


def test_an_application_that_creates_nothing_needs_no_right_to() -> None:
    about = facts(
        code(settings=WorkerSettings(apply_topology=False)), permissions=Permissions("", "orders|amq.default", "q")
    )
    assert ids(check_permissions, about) == set()


# -- access -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("amqp://guest:guest@localhost/", set()),
        ("amqp://guest:guest@127.0.0.3:5673/", set()),
        ("amqp://guest:guest@[::1]/", set()),
        ("amqp://guest:guest@rabbit/", {"guest-off-loopback", "plain-amqp"}),
        ("amqp://shop:x@10.0.0.1/", {"plain-amqp"}),
        ("amqps://shop:x@rabbit/", set()),
        ("amqps://shop:x@rabbit/?management=http%3A%2F%2Frabbit:15672", {"plain-management"}),
        ("amqps://shop:x@rabbit/?management=https%3A%2F%2Frabbit:15671", set()),
    ],
)
def test_how_the_broker_is_reached_is_judged(url: str, found: set[str]) -> None:
    assert {one for one, _ in ids(check_security, facts(broker=broker(url)))} == found


def test_loopback_is_known_by_address_or_name() -> None:
    assert is_loopback("localhost")
    assert is_loopback("shop.localhost")
    assert not is_loopback("localhost.example.com")


def test_certificates_are_judged_by_when_they_end() -> None:
    told = (
        Certificate("old", NOW - 1),
        Certificate("ending", NOW + 10 * 86_400),
        Certificate("fresh", NOW + 90 * 86_400),
    )
    assert ids(check_security, facts(certificates=told)) == {
        ("certificate-expired", "old"),
        ("certificate-expires", "ending"),
    }


@pytest.mark.parametrize(("heartbeat", "found"), [(60, None), (0, "heartbeat-off"), (3, "heartbeat-short")])
def test_the_heartbeat_is_judged(heartbeat: int, found: str | None) -> None:
    about = facts(broker=broker(f"amqp://shop:x@localhost/?heartbeat={heartbeat}"))
    assert ids(check_connection, about) == ({(found, "broker URL")} if found else set())


def test_a_failed_connection_is_told_without_the_password_and_so_is_what_is_unknown() -> None:
    for is_refusal, kind in ((True, "broker-refused"), (False, "broker-unavailable")):
        about = facts(live=None, failure=ConnectionFailure("no", is_refusal), unknown=(Unknown("s", "r", "f"),))
        found = list(check_connection(about))
        assert {(one.id.value, one.subject) for one in found} == {
            (kind, "amqp://shop:***@localhost:5672/%2F"),
            ("unknown", "s"),
        }
        assert "secret" not in str(found)


# -- this machine ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("offset", "found"), [(None, 0), (0.6, 0), (-4.0, 0), (60.0, 1), (-60.0, 1)])
def test_clocks_are_compared(offset: float | None, found: int) -> None:
    assert len(ids(check_machine, facts(clock_offset=offset))) == found


def test_variables_that_nothing_reads_or_that_the_code_overrules_are_found() -> None:
    application = replace(code(), broker_ignores_environment=True, store_ignores_environment=True)
    about = facts(application, environment=frozenset({"WARREN_BROKER", "WARREN_STORES", "WARREN_EMBEDDED_BROKER"}))
    assert ids(check_machine, about) == {
        ("environment-unknown", "WARREN_STORES"),
        ("environment-embedded", "WARREN_EMBEDDED_BROKER"),
        ("environment-ignored", "WARREN_BROKER"),
        ("environment-ignored", "WARREN_STORE"),
    }
    assert any(one.fix == "did you mean WARREN_STORE?" for one in check_machine(about))


def test_python_and_pika_are_judged() -> None:
    about = facts(now=2_000_000_000.0, runtime=Runtime((3, 11, 7), (1, 3, 2)))
    assert ids(check_machine, about) == {("python-out-of-support", "Python 3.11.7"), ("pika-untested", "pika 1.3.2")}
    assert ids(check_machine, facts(runtime=Runtime((3, 99), ()))) == set()


# -- the topology, where no broker brings it about easily ------------------------------------------


def test_alternate_exchanges_externals_and_ignored_arguments_are_told() -> None:
    audit = Exchange("audit", "topic", alternate="nobody")
    theirs = Exchange("theirs", "topic", external=True)
    base = code(Queue("q", external=True))
    application = replace(base, topology=base.topology | Topology.of(audit, theirs))
    about = facts(application)
    about = with_queue(about, "q", type="classic", arguments={})
    assert about.live is not None
    there = replace(about.live.actual, bindings=())
    about = replace(about, live=replace(about.live, actual=there))
    assert ids(check_topology, about) >= {
        ("alternate-exchange-missing", "audit"),
        ("external-unbound", "q"),
        ("external-loses", "q"),
        ("external-type-differs", "q"),
    }
    changed = replace(code(), topology=code(Queue("q", arguments={"x-note": "new"})).topology)
    without = with_queue(facts(changed), "q", arguments=facts(code()).live.actual.queues["q"].arguments)
    assert ids(check_topology, without) == {("argument-ignored", "q")}


# -- all of it ------------------------------------------------------------------------------------


def test_nothing_is_found_where_nothing_is_wrong_but_what_is_always_told() -> None:
    found = examine(facts(code()))
    assert {one.id.value for one in found} == {"single-node", "delivery-limit-default", "unknown"}


def test_the_worst_comes_first() -> None:
    about = facts(code(time_limit=None), failure=ConnectionFailure("no", is_refusal=False))
    severities = [one.severity for one in examine(about)]
    assert severities == sorted(severities, key=lambda one: -one.rank)
    assert severities[0] is Severity.CRITICAL


def test_nothing_known_finds_nothing_wrong() -> None:
    assert examine(Facts(now=NOW, runtime=Runtime((3, 12), (1, 4)))) == ()
