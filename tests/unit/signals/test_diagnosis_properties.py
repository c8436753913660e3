"""Whatever is missing or odd in samples, the diagnosis gives findings that can be believed, and never an exception.

Not here: which finding it is (test_diagnosis.py).
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from warren.signals.diagnosis import diagnose
from warren.signals.findings import DEFAULT_THRESHOLDS, FindingId
from warren.signals.measure import measure
from warren.signals.samples import BrokerSample, ConsumerSample, Failure, QueueSample, Sample

NAMES = [
    "a",
    "a.dead",
    "a.retry.10s",
    "a.retry.1m",
    "a.retry.odd",
    "b",
    "b c.dead",
    "a.dead.dead",
    ".dead",
    ".retry.1s",
]

TOTALS = ("published", "delivered", "auto_acked", "acked", "redelivered")
COUNTS = ["ready", "unacked", "dead_lettering", "consumers", "prefetch", "delivery_limit", *TOTALS]

seconds = st.floats(0, 10_000)
failures = st.lists(
    st.builds(
        Failure,
        st.sampled_from(["ValueError@parse", "redelivered@unknown", "delivery_limit@a", "other"]),
        st.integers(0, 1000),
        st.sampled_from(["", "transient", "unknown", "delivery_limit", "poison"]),
    ),
    max_size=3,
).map(tuple)
tables = st.dictionaries(
    st.sampled_from(
        ["x-dead-letter-exchange", "dead-letter-routing-key", "x-message-ttl", "delivery-limit", "consumer-timeout"]
    ),
    st.one_of(st.none(), st.sampled_from(["", "a.dead", "nowhere"]), st.integers(-1, 10**6), st.booleans()),
    max_size=3,
)


@st.composite
def tracks(draw: st.DrawFn) -> Callable[[int], QueueSample | None]:
    """A queue whose figures grow steadily, or fall, or start again; some are never told, some not always."""
    figure = st.tuples(st.sampled_from([0, 1, 9, 10, 10_000]), st.sampled_from([-7, 0, 0, 1, 40, 3_000]))
    figures = {name: draw(figure) for name in COUNTS}
    untold = draw(st.sets(st.sampled_from(COUNTS[1:]), max_size=4))
    seldom_told = draw(st.sets(st.sampled_from(COUNTS[1:]), max_size=2))
    restart, missing = draw(st.integers(-9, 9)), draw(st.integers(-9, 9))
    fixed = {
        "name": draw(st.sampled_from(NAMES)),
        "type": draw(st.sampled_from([None, "classic", "quorum", "quorum", "stream"])),
        "is_unlimited": draw(st.booleans()),
        "consumer_timeout": draw(st.one_of(st.none(), seconds)),
        "arguments": draw(tables),
        "settings": draw(tables),
    }

    def at(number: int) -> QueueSample | None:
        if number == missing:
            return None
        grown = number - restart if number >= restart >= 0 else number
        told: dict[str, Any] = {name: max(base + slope * grown, 0) for name, (base, slope) in figures.items()}
        unknown = untold | (seldom_told if number % 3 else set())
        return QueueSample(**fixed, **told | dict.fromkeys(unknown))

    return at


buckets = st.dictionaries(st.sampled_from([0.1, 1.0, 10.0, float("inf")]), st.floats(0, 1000))
consumers = st.builds(
    ConsumerSample,
    queue=st.sampled_from(NAMES),
    consumer=st.sampled_from(["x", "y"]),
    lag=buckets,
    outcomes=st.dictionaries(st.sampled_from(["ack", "retry", "dead_letter"]), st.floats(0, 1000)),
    redelivered=st.floats(0, 1000),
    failures=failures,
    oldest_in_flight=seconds,
    clock_skew=st.one_of(st.none(), st.floats(-100, 100)),
)
brokers = st.builds(
    BrokerSample,
    alarms=st.sampled_from([(), ("memory",), ("memory", "disk")]),
    dropped=st.one_of(st.none(), st.integers(0, 100)),
    consumer_timeout=st.one_of(st.none(), seconds),
)


@st.composite
def windows(draw: st.DrawFn) -> list[Sample]:
    looks = st.dictionaries(st.sampled_from(NAMES), failures, max_size=2)
    told = draw(st.lists(tracks(), max_size=4))
    workers = draw(st.lists(st.tuples(consumers, consumers), max_size=2))
    names = draw(st.one_of(st.none(), st.frozensets(st.sampled_from(NAMES))))
    shown = [(draw(brokers), draw(looks), draw(looks)) for _ in range(2)]
    step = draw(st.sampled_from([0.0, 1.0, 5.0, 60.0, 300.0]))
    return [
        Sample(
            at=number * step,
            time=1e9 + number * step,
            queues={one.name: one for track in told if (one := track(number)) is not None},
            consumers=tuple(pair[number % 2] for pair in workers),
            broker=shown[number % 2][0],
            dead=shown[number % 2][1],
            heads=shown[number % 2][2],
            names=names,
        )
        for number in range(draw(st.integers(0, 9)))
    ]


thresholds = st.floats(0, 600).map(lambda patience: replace(DEFAULT_THRESHOLDS, patience=patience))


@given(windows(), thresholds)
def test_no_finding_without_figures_a_next_step_and_a_command(samples: list[Sample], limits: Any) -> None:
    for finding in diagnose(samples, limits):
        assert finding.summary
        assert "\n" not in finding.summary
        assert finding.evidence
        assert any(character.isdigit() for character in "".join(finding.evidence)) or finding.id is FindingId.BLOCKED
        assert finding.next_step
        assert finding.command is not None
        assert shlex.split(finding.command)[0] == "warren"


@given(windows(), thresholds)
def test_findings_come_worst_first_each_once_for_a_queue_that_is_there(samples: list[Sample], limits: Any) -> None:
    found = diagnose(samples, limits)
    ranks = [finding.severity.rank for finding in found]
    assert ranks == sorted(ranks, reverse=True)
    assert len({(finding.id, finding.queue) for finding in found}) == len(found)
    there = samples[-1].queues if samples else {}
    assert {finding.queue for finding in found} <= set(there) | {None}


@given(windows())
def test_measuring_never_fails_and_never_invents(samples: list[Sample]) -> None:
    for signals in measure(samples):
        rates = (signals.publish_rate, signals.deliver_rate, signals.ack_rate, signals.lag.drain, signals.lag.wait)
        assert all(rate is None or rate >= 0 for rate in rates)
        assert signals.redelivery_rate is None or 0 <= signals.redelivery_rate <= 1
        assert signals.history[-1] == signals.depth
        assert signals.dead_growth is None or signals.dead_growth >= 0


@given(windows(), thresholds)
def test_a_moment_shows_nothing_that_takes_time(samples: list[Sample], limits: Any) -> None:
    at_once = {FindingId.BLOCKED, FindingId.TIMEOUT_RISK, FindingId.CLOCK_SKEW}
    assert {finding.id for finding in diagnose(samples[-1:], limits)} <= at_once
