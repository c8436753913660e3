"""A queue that nobody reads is found, whatever is kept beside it.

Not here: what is left alone on purpose (test_false_alarms.py).
"""

from __future__ import annotations

from dataclasses import replace

from warren.signals.diagnosis import diagnose
from warren.signals.findings import DEFAULT_THRESHOLDS, FindingId
from warren.signals.samples import QueueSample, Sample

HASTY = replace(DEFAULT_THRESHOLDS, patience=20.0)


def waiting(name: str, *, then: str, ready: int = 0) -> QueueSample:
    """A queue without consumers whose dead letters go to `then`."""
    arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": then}
    return QueueSample(name=name, ready=ready, unacked=0, consumers=0, type="quorum", arguments=arguments)


def test_a_queue_that_delays_messages_for_it_does_not_either() -> None:
    delay = {"x-message-ttl": 5_000, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "work"}
    queues = (
        QueueSample(name="work", ready=9, consumers=0),
        QueueSample(name="later", ready=3, consumers=0, arguments=delay),
    )
    samples = [Sample(at=at, time=at, queues={one.name: one for one in queues}) for at in (0.0, 10.0, 20.0)]
    assert [(finding.id, finding.queue) for finding in diagnose(samples, HASTY)] == [(FindingId.NO_CONSUMERS, "work")]


def test_retry_tiers_that_lead_back_to_a_queue_do_not_make_it_one_that_is_left_alone() -> None:
    queues = (
        waiting("billing.invoices", then="billing.invoices.dead", ready=100),
        waiting("billing.invoices.retry.1s", then="billing.invoices"),
        QueueSample(name="billing.invoices.dead", ready=0, unacked=0, consumers=0, type="quorum"),
    )
    samples = [Sample(at=at, time=at, queues={one.name: one for one in queues}) for at in (0.0, 10.0, 20.0)]
    assert [finding.id for finding in diagnose(samples, HASTY)] == [FindingId.NO_CONSUMERS]
