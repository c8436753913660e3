"""Time limits of handlers, and what waits before them, against the broker's consumer_timeout.

Not here: the limits themselves (`worker/`). A delivery that is not acknowledged within the timeout makes the broker
close the channel, and deliver all that was on it again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from warren.doctor.effective import consumer_timeout, setter
from warren.doctor.facts import Code, Facts
from warren.doctor.findings import Finding, FindingId, finding
from warren.worker.spec import ConsumerSpec

__all__ = ["check_time_limits"]


def check_time_limits(facts: Facts) -> Iterator[Finding]:
    """Judge each consumer."""
    code = facts.code
    if code is None:
        return
    own = {spec.name: _own_timeout(spec, facts) for spec in code.consumers}
    for spec in code.consumers:
        timeout, by = own[spec.name] or _assumed(code)
        yield from _limit(spec, timeout, by, _assumed(code)[0])
        yield from _prefetch(spec, timeout, by, facts.durations.get(spec.queue.name))
    if any(told is None for told in own.values()):
        yield finding(
            FindingId.UNKNOWN,
            "consumer_timeout",
            f"no broker tells its consumer_timeout over AMQP or HTTP; {code.settings.consumer_timeout:g} s are assumed",
            fix="compare with `rabbitmqctl eval 'application:get_env(rabbit, consumer_timeout).'` (milliseconds), and "
            "give --consumer-timeout where it differs",
        )


def _own_timeout(spec: ConsumerSpec, facts: Facts) -> tuple[float, str] | None:
    """Return what queue or policy say, and which of them."""
    queue = facts.live.actual.queues.get(spec.queue.name) if facts.live else None
    if queue is None or facts.live is None:
        return None
    timeout = consumer_timeout(queue, facts.live)
    return None if timeout is None else (timeout, setter(queue, "consumer-timeout", facts.live))


def _assumed(code: Code) -> tuple[float, str]:
    return code.settings.consumer_timeout, "consumer_timeout in the application's settings"


def _limit(spec: ConsumerSpec, timeout: float, by: str, assumed: float) -> Iterator[Finding]:
    if spec.time_limit is None:
        yield finding(
            FindingId.NO_TIME_LIMIT,
            spec.name,
            f"its handler has no time limit: after {timeout:g} s the broker closes the channel and delivers again, "
            f"while the handler still runs",
            evidence=[f"{timeout:g} s: {by}"],
            fix=f"give it a time_limit= below {timeout:g} s",
        )
    elif spec.time_limit >= min(timeout, assumed):
        effect = "a worker does not start" if spec.time_limit >= assumed else "the broker delivers again meanwhile"
        yield finding(
            FindingId.TIME_LIMIT_OVER_CONSUMER_TIMEOUT,
            spec.name,
            f"its time limit of {spec.time_limit:g} s is not below the consumer_timeout of "
            f"{min(timeout, assumed):g} s: {effect}",
            evidence=[f"{timeout:g} s: {by}"],
            fix="lower time_limit=, or raise the timeout",
        )


def _prefetch(spec: ConsumerSpec, timeout: float, by: str, p99: float | None) -> Iterator[Finding]:
    """The last message of a full prefetch waits for those before it, and is acknowledged after them."""
    each = p99 if p99 is not None else spec.time_limit
    if each is None:
        return
    rounds = math.ceil(spec.prefetch / spec.concurrency)
    longest = rounds * each
    if longest < timeout or (rounds == 1 and p99 is None):
        return
    kind = FindingId.PREFETCH_WORST_CASE if p99 is None else FindingId.PREFETCH_OVER_CONSUMER_TIMEOUT
    basis = f"the time limit of {each:g} s, as the worst case" if p99 is None else f"a measured p99 of {each:g} s"
    yield finding(
        kind,
        spec.name,
        f"the last of {spec.prefetch} prefetched messages may wait {longest:g} s for its acknowledgement; "
        f"consumer_timeout is {timeout:g} s",
        evidence=[f"prefetch {spec.prefetch}, concurrency {spec.concurrency}, {basis}", f"{timeout:g} s: {by}"],
        fix=f"lower prefetch= to {max(1, int(timeout / each / 2) or 1) * spec.concurrency}, or raise concurrency= "
        f"or the timeout" + (" (--metrics URL judges by what handlers really take)" if p99 is None else ""),
    )
