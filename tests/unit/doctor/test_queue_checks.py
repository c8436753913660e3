"""What doctor finds in dead letters, retry tiers and limits, beyond what real brokers show (tests/contract)."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.doctor.a_broker import code, facts, ids, with_queue
from warren import Queue
from warren.doctor.checks.dead_letter_queues import check_dead_letter_queues
from warren.doctor.checks.dead_letters import check_dead_letters
from warren.doctor.checks.delivery_limits import check_delivery_limits
from warren.doctor.checks.retry_tiers import check_retry_tiers
from warren.doctor.checks.topology import check_topology
from warren.doctor.facts import Passive
from warren.doctor.findings import FindingId


def test_a_healthy_application_has_nothing_to_be_found() -> None:
    about = facts(code())
    for check in (check_dead_letter_queues, check_dead_letters, check_retry_tiers, check_topology):
        assert ids(check, about) == set()


def test_dead_letters_that_pile_up_are_told_from_those_that_are_lost() -> None:
    about = facts(code())
    assert about.live is not None
    arguments = {**about.live.actual.queues["q"].arguments, "x-dead-letter-exchange": "orders"}
    safe = with_queue(about, "q", arguments={**arguments, "x-dead-letter-routing-key": "nothing.wants.this"})
    (piles_up,) = check_dead_letters(safe)
    assert piles_up.id is FindingId.DEAD_LETTER_UNROUTABLE
    assert "pile up" in piles_up.summary
    del arguments["x-dead-letter-strategy"]
    unsafe = with_queue(about, "q", arguments={**arguments, "x-dead-letter-routing-key": "nothing.wants.this"})
    (lost,) = check_dead_letters(unsafe)
    assert "lost" in lost.summary


def test_a_negative_delivery_limit_of_a_dead_letter_queue_loses_on_rabbitmq_3_10_only() -> None:
    about = with_queue(facts(code()), "q.dead", arguments={"x-queue-type": "quorum", "x-delivery-limit": -1})
    assert ids(check_dead_letter_queues, about) == set()
    assert about.live is not None
    older = replace(about, live=replace(about.live, version="3.10.8"))
    assert ids(check_dead_letter_queues, older) == {("dead-letter-queue-delivery-limit", "q.dead")}


def test_a_length_limit_in_bytes_counts_too() -> None:
    about = with_queue(facts(code()), "q.dead", settings={"max-length-bytes": 1_000}, policy="p")
    assert ("dead-letter-queue-drops", "q.dead") in ids(check_dead_letter_queues, about)


def test_a_delivery_limit_that_the_code_wants_is_not_told() -> None:
    assert ids(check_delivery_limits, facts(code(Queue("q", delivery_limit=3)))) == set()
    assert ids(check_delivery_limits, facts(code(Queue("q", type="classic")))) == set()


def test_a_policy_that_changes_nothing_of_a_retry_tier_is_not_told() -> None:
    harmless = {"delivery-limit": 5, "message-ttl": 60_000, "dead-letter-exchange": "x", "overflow": "drop-head"}
    about = with_queue(facts(code()), "q.retry.1s", settings=harmless, policy="p")
    assert ids(check_retry_tiers, about) == set()
    harmful = with_queue(about, "q.retry.1s", settings={"message-ttl": 10, "max-length": 5}, policy="p")
    assert ids(check_retry_tiers, harmful) == {("retry-tier-changed", "q.retry.1s")}


def test_over_amqp_alone_each_missing_name_is_told_once() -> None:
    application = code()
    about = facts(application, live=None, passive=Passive(frozenset({"orders"}), frozenset({"q.dead", "q.retry.1s"})))
    found = [pair for check in (check_topology, check_dead_letters, check_retry_tiers) for pair in ids(check, about)]
    assert sorted(found) == [
        ("dead-letter-target-missing", "q"),
        ("exchange-missing", "orders"),
        ("retry-tier-missing", "q.retry.1s"),
    ]
    nothing = replace(about, passive=Passive(frozenset({"orders"}), application.queues))
    found = [pair for check in (check_topology, check_dead_letters, check_retry_tiers) for pair in ids(check, nothing)]
    assert found == [("topology-not-applied", "shop")]


def test_an_external_queue_that_is_missing_over_amqp_alone_is_told_as_such() -> None:
    about = facts(code(Queue("q", external=True)), live=None, passive=Passive(queues=frozenset({"q"})))
    assert ids(check_topology, about) == {("external-missing", "q")}
