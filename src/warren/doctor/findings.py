"""What doctor says is wrong: findings, each with a stable id, its severity, evidence and a fix.

Not here: when each is found (`checks/`), and how they are shown (`cli/doctor.py`).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, final

from warren.signals.findings import Severity

__all__ = ["Finding", "FindingId", "Severity", "finding"]


class FindingId(enum.StrEnum):
    """The names of all findings, as in JSON and in docs/doctor.md. An id has one severity."""

    # critical: messages are lost, do not flow, or a worker does not start
    BROKER_UNAVAILABLE = "broker-unavailable"
    BROKER_REFUSED = "broker-refused"
    BROKER_TOO_OLD = "broker-too-old"
    MEMORY_ALARM = "memory-alarm"
    DISK_ALARM = "disk-alarm"
    ALARM_IN_EFFECT = "alarm-in-effect"
    NETWORK_PARTITION = "network-partition"
    QUEUE_WITHOUT_LEADER = "queue-without-leader"
    EXCHANGE_MISSING = "exchange-missing"
    QUEUE_MISSING = "queue-missing"
    BINDING_MISSING = "binding-missing"
    EXTERNAL_MISSING = "external-missing"
    EXCHANGE_DIFFERS = "exchange-differs"
    QUEUE_TYPE_DIFFERS = "queue-type-differs"
    QUEUE_DIFFERS = "queue-differs"
    RETRY_TIER_MISSING = "retry-tier-missing"
    DEAD_LETTER_TARGET_MISSING = "dead-letter-target-missing"
    DEAD_LETTER_UNROUTABLE = "dead-letter-unroutable"
    DEAD_LETTER_QUEUE_EXPIRES = "dead-letter-queue-expires"
    DEAD_LETTER_QUEUE_DROPS = "dead-letter-queue-drops"
    DEAD_LETTER_QUEUE_DELIVERY_LIMIT = "dead-letter-queue-delivery-limit"
    DELIVERY_LIMIT_LOSES = "delivery-limit-loses"
    TIME_LIMIT_OVER_CONSUMER_TIMEOUT = "time-limit-over-consumer-timeout"
    IDEMPOTENCY_WINDOW_SHORT = "idempotency-window-short"
    STORE_UNAVAILABLE = "store-unavailable"
    STORE_REFUSED = "store-refused"
    STORE_WITHOUT_TRANSACTIONS = "store-without-transactions"
    PERMISSION_MISSING = "permission-missing"
    CERTIFICATE_EXPIRED = "certificate-expired"

    # warning: it works now, and will lose, stop or hurt under circumstances that come
    BROKER_KNOWN_BAD = "broker-known-bad"
    CLUSTER_MIXED_VERSIONS = "cluster-mixed-versions"
    MEMORY_SHORT = "memory-short"
    DISK_SHORT = "disk-short"
    FILES_SHORT = "files-short"
    NODE_DOWN = "node-down"
    NODE_DRAINING = "node-draining"
    TWO_NODE_CLUSTER = "two-node-cluster"
    QUEUE_UNDER_REPLICATED = "queue-under-replicated"
    QUEUE_MEMBER_OFFLINE = "queue-member-offline"
    QUEUE_NOT_REPLICATED = "queue-not-replicated"
    QUEUE_TRANSIENT = "queue-transient"
    QUEUE_EXPIRES = "queue-expires"
    FEATURE_FLAG_DISABLED = "feature-flag-disabled"
    FEATURE_FLAG_EXPERIMENTAL = "feature-flag-experimental"
    ALTERNATE_EXCHANGE_MISSING = "alternate-exchange-missing"
    EXTERNAL_UNBOUND = "external-unbound"
    EXTERNAL_LOSES = "external-loses"
    EXTERNAL_TYPE_DIFFERS = "external-type-differs"
    STRATEGY_WITHOUT_REJECT = "strategy-without-reject"
    DEAD_LETTER_QUEUE_REFUSES = "dead-letter-queue-refuses"
    DELIVERY_LIMIT_LOW = "delivery-limit-low"
    RETRY_TIER_CHANGED = "retry-tier-changed"
    FORMER_TIER_HOLDS_MESSAGES = "former-tier-holds-messages"
    NO_TIME_LIMIT = "no-time-limit"
    PREFETCH_OVER_CONSUMER_TIMEOUT = "prefetch-over-consumer-timeout"
    IDEMPOTENCY_WINDOW_TIGHT = "idempotency-window-tight"
    STORE_IN_MEMORY = "store-in-memory"
    PERMISSION_TO_CREATE_MISSING = "permission-to-create-missing"
    GUEST_OFF_LOOPBACK = "guest-off-loopback"
    PLAIN_AMQP = "plain-amqp"
    PLAIN_MANAGEMENT = "plain-management"
    CERTIFICATE_EXPIRES = "certificate-expires"
    HEARTBEAT_OFF = "heartbeat-off"
    HEARTBEAT_SHORT = "heartbeat-short"
    CLOCK_SKEW = "clock-skew"
    ENVIRONMENT_IGNORED = "environment-ignored"
    ENVIRONMENT_UNKNOWN = "environment-unknown"
    PYTHON_OUT_OF_SUPPORT = "python-out-of-support"
    PIKA_UNTESTED = "pika-untested"

    # info: worth knowing, or not known
    UNKNOWN = "unknown"
    BROKER_UNTESTED = "broker-untested"
    DISK_LIMIT_LOW = "disk-limit-low"
    NODE_WITHOUT_DISK = "node-without-disk"
    SINGLE_NODE = "single-node"
    LEADERS_ON_ONE_NODE = "leaders-on-one-node"
    DEPRECATED_FEATURE_USED = "deprecated-feature-used"
    TOPOLOGY_NOT_APPLIED = "topology-not-applied"
    BINDING_NOT_IN_CODE = "binding-not-in-code"
    POLICY_APPLIES = "policy-applies"
    ARGUMENT_IGNORED = "argument-ignored"
    DELIVERY_LIMIT_DEFAULT = "delivery-limit-default"
    DELIVERY_LIMIT_BY_POLICY = "delivery-limit-by-policy"
    FORMER_TIER = "former-tier"
    PREFETCH_WORST_CASE = "prefetch-worst-case"
    ENVIRONMENT_EMBEDDED = "environment-embedded"

    @property
    def severity(self) -> Severity:
        """How bad it is, always: severe enough to be woken for, to be mended in the day, or only to be known."""
        place = list(FindingId).index(self)
        if place < _FIRST_WARNING:
            return Severity.CRITICAL
        return Severity.WARNING if place < _FIRST_INFO else Severity.INFO


_FIRST_WARNING: Final = list(FindingId).index(FindingId.BROKER_KNOWN_BAD)
_FIRST_INFO: Final = list(FindingId).index(FindingId.UNKNOWN)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something does not fit. `subject` is what it is about: a queue, a consumer, a node, a setting.

    `summary` is one line in plain words, `evidence` what it rests on, each a line, and `fix` what to do.
    """

    id: FindingId
    subject: str
    summary: str
    fix: str
    evidence: tuple[str, ...] = ()

    @property
    def severity(self) -> Severity:
        return self.id.severity


def finding(kind: FindingId, subject: str, summary: str, *, fix: str, evidence: Iterable[str] = ()) -> Finding:
    """Return a finding; in short, since the checks are full of them."""
    return Finding(id=kind, subject=subject, summary=summary, fix=fix, evidence=tuple(evidence))
