"""When an X.509 certificate ends. Python decodes only those of authorities, and of peers that it verified.

Not here: which certificates there are, and who trusts them.
"""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

__all__ = ["end_of", "end_of_file"]

_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)

# Tags of DER, and how the two kinds of time are written (RFC 5280, section 4.1.2.5).
_VERSION: Final = 0xA0
_TIMES: Final = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}


def end_of_file(path: Path) -> float:
    """Return when the first certificate of a PEM file ends, in seconds since the epoch.

    Raises `OSError`, and `ValueError` or `IndexError` where there is none.
    """
    found = _PEM.search(path.read_text())
    if found is None:
        raise ValueError(f"{path} has no certificate")
    return end_of(ssl.PEM_cert_to_DER_cert(found[0]))


def end_of(der: bytes) -> float:
    """Return when a certificate ends, in seconds since the epoch. Raises `ValueError` or `IndexError` for others.

    Certificate → tbsCertificate → [version,] serial number, signature, issuer, validity → not before, not after.
    """
    _, certificate, _ = _element(der)
    _, fields, _ = _element(certificate)
    tag, _, rest = _element(fields)
    for _ in range(3 if tag == _VERSION else 2):
        _, _, rest = _element(rest)
    _, validity, _ = _element(rest)
    _, _, rest = _element(validity)
    tag, not_after, _ = _element(rest)
    if tag not in _TIMES:
        raise ValueError("no certificate")
    return datetime.strptime(not_after.decode(), _TIMES[tag]).replace(tzinfo=UTC).timestamp()


def _element(der: bytes) -> tuple[int, bytes, bytes]:
    """Split off the first element: its tag, its content, and what follows it."""
    size, start = der[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(der[2:start])
    return der[0], der[start : start + size], der[start + size :]
