"""Who logs in, over what: the guest user, plain connections off this machine, certificates that end.

Not here: what the user may do (`permissions.py`). Verification of certificates and host names is always on.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from warren.config import BrokerSettings
from warren.doctor.facts import Facts
from warren.doctor.findings import Finding, FindingId, finding

__all__ = ["check_security"]

_SOON: Final = 30 * 86_400.0  # seconds


def check_security(facts: Facts) -> Iterator[Finding]:
    """Judge how the broker is reached."""
    if facts.broker is not None:
        yield from _login(facts.broker)
    for certificate in facts.certificates:
        left = certificate.ends - facts.now
        when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(certificate.ends))
        if left <= 0:
            yield finding(
                FindingId.CERTIFICATE_EXPIRED,
                certificate.subject,
                "this certificate has expired: no connection is made with it",
                evidence=[f"it ended {when}"],
                fix="renew it, and restart or reload who uses it",
            )
        elif left < _SOON:
            yield finding(
                FindingId.CERTIFICATE_EXPIRES,
                certificate.subject,
                f"this certificate ends in {left / 86_400:.1f} days: no connection is made with it then",
                evidence=[f"it ends {when}"],
                fix="renew it now; connections that are open stay open, new ones will fail",
            )


def _login(broker: BrokerSettings) -> Iterator[Finding]:
    far = [host.name for host in broker.hosts if not is_loopback(host.name)]
    if far and broker.user == "guest":
        yield finding(
            FindingId.GUEST_OFF_LOOPBACK,
            ", ".join(far),
            "user guest, whose password everybody knows, logs in from another machine",
            fix="make a user for the application, and delete guest: rabbitmqctl delete_user guest",
        )
    if far and broker.tls is None:
        yield finding(
            FindingId.PLAIN_AMQP,
            ", ".join(far),
            "amqp:// sends password and messages in clear over the network",
            fix="use amqps://, or make sure that the way there is a tunnel",
        )
    management = urlsplit(broker.management or "")
    if management.scheme == "http" and management.hostname and not is_loopback(management.hostname):
        yield finding(
            FindingId.PLAIN_MANAGEMENT,
            management.hostname,
            "the management API is asked over http://, which sends the password in clear over the network",
            fix="use https:// in management= of the broker URL",
        )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself. A name counts as loopback only where it says so."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
