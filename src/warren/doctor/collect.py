"""Collects the facts: from the broker over AMQP and HTTP, the store, workers' metrics and this machine.

Not here: what is judged of them (`examine.py`). Nothing on the broker is changed, ever.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final, final

from warren.clock import Clock, SystemClock
from warren.config import BrokerSettings
from warren.doctor.api import ask_management
from warren.doctor.certificates import certificates_of
from warren.doctor.facts import Code, ConnectionFailure, Facts, Greeting, Passive, Runtime, Unknown
from warren.doctor.store import look_at_store
from warren.doctor.versions import version_of
from warren.errors import BrokerRefused, BrokerUnavailable, ConfigurationError, TopologyMissing
from warren.operations.link import open_connection
from warren.provisioning import open_management
from warren.signals.worker_metrics import MetricsEndpoint, read_worker_metrics
from warren.topology.model import Topology
from warren.transport.connection import Connection
from warren.transport.declare import ChannelDeclarer

if TYPE_CHECKING:
    from warren.reliability.idempotency import IdempotencyStore

__all__ = ["Subject", "collect", "percentile"]

_SHARE: Final = 0.99
_WITHOUT_MANAGEMENT: Final = (
    "enable the plugin rabbitmq_management, or add ?management=http://host:15672 to the broker URL: without it queue "
    "arguments, policies, limits, bindings, alarms, nodes and permissions are not looked at"
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is to be examined. `broker` is None for an embedded broker of the application's own process.

    `store_url` and `open_store` are given where a consumer is idempotent; `metrics` are where workers serve theirs.
    """

    broker: BrokerSettings | None
    code: Code | None = None
    store_url: str = ""
    open_store: Callable[[], IdempotencyStore] | None = None
    metrics: Sequence[MetricsEndpoint] = ()
    timeout: float = 10.0
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    clock: Clock = field(default_factory=SystemClock)


def collect(subject: Subject) -> Facts:
    """Return the facts. What somebody does not answer in time is among the unknown."""
    facts = Facts(
        now=subject.clock.now(),
        runtime=Runtime(tuple(sys.version_info[:3]), _version_of_pika()),
        broker=subject.broker,
        environment=frozenset(name for name in subject.environment if name.startswith("WARREN_")),
        code=subject.code,
    )
    if subject.open_store is not None:
        facts = replace(facts, store=look_at_store(subject.store_url, subject.open_store))
    if subject.metrics:
        facts = _with_durations(facts, subject.metrics)
    if subject.broker is None:
        reason = "the application runs an embedded broker in its own process"
        return _unknown(facts, "broker", reason, "name a running broker with --broker URL, or $WARREN_BROKER")
    facts = _with_broker(facts, subject.broker, subject)
    return replace(facts, certificates=tuple(certificates_of(subject.broker, timeout=subject.timeout)))


def _with_broker(facts: Facts, broker: BrokerSettings, subject: Subject) -> Facts:
    try:
        with open_connection(broker, "warren doctor", timeout=subject.timeout) as connection:
            facts = replace(facts, greeting=_greeting(connection))
            return _looked_at(facts, connection, subject)
    except BrokerUnavailable as error:
        return replace(facts, failure=ConnectionFailure(str(error), is_refusal=False))
    except ConfigurationError as error:  # BrokerRefused, and certificates that cannot be used
        return replace(facts, failure=ConnectionFailure(str(error), is_refusal=True))


def _greeting(connection: Connection) -> Greeting:
    told = connection.stream.server_properties if connection.stream is not None else {}
    return Greeting(
        product=str(told.get("product", "")),
        version=str(told.get("version", "")),
        platform=str(told.get("platform", "")),
        cluster_name=str(told.get("cluster_name", "")),
    )


def _looked_at(facts: Facts, connection: Connection, subject: Subject) -> Facts:
    """Ask the management API; where there is none, ask over AMQP what exists."""
    try:
        with open_management(connection) as client:
            live, unknown = ask_management(client, connection.settings, now=subject.clock.now)
            return replace(facts, live=live, unknown=facts.unknown + unknown)
    except (BrokerUnavailable, BrokerRefused) as error:
        facts = _unknown(facts, "management API", str(error), _WITHOUT_MANAGEMENT)
    if subject.code is None:
        return facts
    declarer = ChannelDeclarer(connection, timeout=subject.timeout)
    try:
        return replace(facts, passive=_passive(subject.code.topology, declarer))
    except (BrokerUnavailable, ConfigurationError) as error:
        return _unknown(facts, "exchanges and queues", str(error), "try again")


def _passive(topology: Topology, declarer: ChannelDeclarer) -> Passive:
    return Passive(
        exchanges=_missing((one.name for one in topology.exchanges), declarer.check_exchange),
        queues=_missing((one.name for one in topology.queues), declarer.check_queue),
    )


def _missing(names: Iterable[str], check: Callable[[str], None]) -> frozenset[str]:
    missing = set()
    for name in names:
        try:
            check(name)
        except TopologyMissing:
            missing.add(name)
    return frozenset(missing)


# -- workers' metrics -----------------------------------------------------------------------------


def _with_durations(facts: Facts, endpoints: Sequence[MetricsEndpoint]) -> Facts:
    texts = []
    for endpoint in endpoints:
        try:
            texts.append(endpoint.fetch())
        except BrokerUnavailable as error:
            facts = _unknown(facts, endpoint.url, str(error), "check the URL, and that the worker runs")
    try:
        samples = read_worker_metrics(texts)
    except ValueError as error:
        return _unknown(facts, "worker metrics", str(error), "name what `warren run --metrics-port` serves")
    durations: dict[str, float] = {}
    for sample in samples:
        measured = percentile(sample.duration, _SHARE)
        if measured is not None:
            durations[sample.queue] = max(measured, durations.get(sample.queue, 0.0))
    return replace(facts, durations=durations)


def percentile(buckets: Mapping[float, float], share: float) -> float | None:
    """Return below which value a share of what a histogram counted lies, at the resolution of its buckets.

    The bounds are upper ones and the counts add up, as Prometheus has them. Beyond the last finite bound that bound is
    returned: it is at least so much. None for an empty histogram.
    """
    total = max(buckets.values(), default=0.0)
    if total <= 0:
        return None
    finite = sorted(bound for bound in buckets if math.isfinite(bound))
    reached = next((bound for bound in finite if buckets[bound] >= share * total), None)
    return reached if reached is not None else (finite[-1] if finite else None)


def _unknown(facts: Facts, subject: str, reason: str, fix: str) -> Facts:
    return replace(facts, unknown=(*facts.unknown, Unknown(subject, reason, fix)))


def _version_of_pika() -> tuple[int, ...]:
    try:
        return version_of(version("pika"))
    except PackageNotFoundError:
        return ()
