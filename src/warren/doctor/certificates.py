"""When certificates end: that of the broker, as its port shows it, and our own from its file.

Not here: whether they can be trusted, which connecting tells (`transport/`).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

from warren.certificates import end_of, end_of_file
from warren.config import BrokerSettings, Host, TlsSettings
from warren.doctor.facts import Certificate
from warren.errors import ConfigurationError

__all__ = ["certificates_of"]


def certificates_of(settings: BrokerSettings, *, timeout: float) -> Iterator[Certificate]:
    """Yield the certificates that a connection uses. A host that does not show one is left out."""
    if settings.tls is None:
        return
    if settings.tls.certfile is not None:
        ends = _in_file(settings.tls.certfile)
        if ends is not None:
            yield Certificate(f"client certificate {settings.tls.certfile}", ends)
    for host in settings.hosts:
        ends = _shown_by(host, settings.tls, timeout)
        if ends is not None:
            yield Certificate(f"certificate of {host}", ends)


def _in_file(certfile: str) -> float | None:
    try:
        return end_of_file(Path(certfile))
    except (OSError, ValueError, IndexError):
        return None  # connecting says what is wrong with it


def _shown_by(host: Host, tls: TlsSettings, timeout: float) -> float | None:
    """Shake hands with a broker's port, and look at the certificate it shows; nothing is said to it."""
    try:
        context = tls.context()
        context.check_hostname = False  # or an expired one could not be looked at
        context.verify_mode = ssl.CERT_NONE
        with (
            socket.create_connection((host.name, host.port), timeout) as plain,
            context.wrap_socket(plain, server_hostname=tls.server_name or host.name) as secure,
        ):
            return end_of(secure.getpeercert(binary_form=True) or b"")
    except (OSError, ValueError, IndexError, ConfigurationError):  # connecting says what is wrong
        return None
