"""Where RabbitMQ's management API is, and how to log in there.

Not here: the broker's URL, from which this is derived (`config.py`), and the requests (`client.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final
from urllib.parse import unquote, urlsplit

from warren.config import BrokerSettings, Host, TlsSettings
from warren.errors import ConfigurationError

__all__ = ["ManagementSettings", "derive_management_url"]


@final
@dataclass(frozen=True, slots=True)
class ManagementSettings:
    """The base URLs of the management API, tried in turn, and the login. `timeout` is in seconds.

    With `https` the certificate and the host name are always verified; `tls` adds a trust anchor or a client
    certificate.
    """

    urls: tuple[str, ...]
    user: str = "guest"
    password: str = field(default="guest", repr=False)
    tls: TlsSettings | None = None
    timeout: float = 10.0

    def __post_init__(self) -> None:
        if not self.urls:
            raise ConfigurationError("the management API needs a URL, like http://localhost:15672")
        for url in self.urls:
            if urlsplit(url).scheme not in ("http", "https"):
                raise ConfigurationError("the management URL is not http:// or https://; write http://localhost:15672")

    @classmethod
    def of(cls, broker: BrokerSettings) -> ManagementSettings:
        """Derive from the broker's settings: its `management` URL (which may carry a login), else each of its hosts."""
        if broker.management is None:
            urls = tuple(derive_management_url(host, tls=broker.tls is not None) for host in broker.hosts)
            return cls(urls, broker.user, broker.password, broker.tls)
        parts = urlsplit(broker.management)
        user, password = (broker.user, broker.password)
        if parts.username is not None:
            user, password = unquote(parts.username), unquote(parts.password or "")
        base = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl().rstrip("/")
        return cls((base,), user, password, broker.tls)


def derive_management_url(host: Host, *, tls: bool) -> str:
    """Return the base URL on RabbitMQ's standard port: 15672, with TLS 15671."""
    name = f"[{host.name}]" if ":" in host.name else host.name
    return f"https://{name}:15671" if tls else f"http://{name}:15672"
