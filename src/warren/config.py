"""Settings as frozen values: where the broker is, and how patient Warren is with it.

Not here: what connects (`transport/`). Secrets in these values never show in a `repr`.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from warren.errors import ConfigurationError

__all__ = ["DEFAULT_BROKER", "DEFAULT_STORE", "BrokerSettings", "Host", "TlsSettings", "WorkerSettings"]

DEFAULT_BROKER: Final = "amqp://guest:guest@localhost:5672/%2F"
DEFAULT_STORE: Final = "sqlite:///warren.db"

_TLS_OPTIONS: Final = ("cafile", "certfile", "keyfile", "server_name")
_OPTIONS: Final = frozenset({"heartbeat", "connection_timeout", "management", *_TLS_OPTIONS})


@dataclass(frozen=True, slots=True)
class Host:
    """One broker host."""

    name: str
    port: int

    def __str__(self) -> str:
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How `amqps://` verifies and identifies. The certificate and the host name are always verified.

    `cafile` adds a trust anchor (default: the system's), `certfile` and `keyfile` are the client certificate,
    `server_name` is the name to verify where it differs from the host's.
    """

    cafile: str | None = None
    certfile: str | None = None
    keyfile: str | None = None
    server_name: str | None = None

    def context(self) -> ssl.SSLContext:
        """Build the context; raises `ConfigurationError` naming the file that cannot be used."""
        try:
            context = ssl.create_default_context(cafile=self.cafile)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(f"cannot use cafile {self.cafile!r} of the broker URL: {error}") from error
        if self.certfile is not None:
            try:
                context.load_cert_chain(self.certfile, self.keyfile)
            except (OSError, ssl.SSLError) as error:
                raise ConfigurationError(f"cannot use certfile {self.certfile!r} of the broker URL: {error}") from error
        return context


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """Where the broker is and how to log in. Build it with `BrokerSettings.parse(url)`.

    `heartbeat` and `connection_timeout` are in seconds (defaults 60 and 10). `management` is the base URL of the
    management API; without it, it is looked for on the standard port of hosts that have AMQP's standard port.
    """

    hosts: tuple[Host, ...]
    virtual_host: str = "/"
    user: str = "guest"
    password: str = field(default="guest", repr=False)
    tls: TlsSettings | None = None
    heartbeat: int = 60
    connection_timeout: float = 10.0
    management: str | None = None

    @classmethod
    def parse(cls, url: str | None = None) -> BrokerSettings:
        """Read a URL `amqp[s]://user:password@host[:port][,host[:port]…]/vhost[?heartbeat=…&…]`.

        Without one, $WARREN_BROKER, else `amqp://guest:guest@localhost:5672/%2F`. An absent or empty path is the
        virtual host `/`. Raises `ConfigurationError`; the password is never in its text.
        """
        text = url or os.environ.get("WARREN_BROKER") or DEFAULT_BROKER
        try:
            parts = urlsplit(text)
            user, password, locations = _split_authority(parts.netloc)
        except ValueError as error:
            raise ConfigurationError(
                "the broker URL cannot be read; write amqp://user:password@host:5672/vhost"
            ) from error
        if parts.scheme not in ("amqp", "amqps"):
            raise ConfigurationError(
                f"the broker URL starts with {parts.scheme or 'no scheme'!r}; write amqp://user:password@host:5672/vhost"
            )
        options = _read_options(parts.query)
        tls = parts.scheme == "amqps"
        if not tls and any(name in options for name in _TLS_OPTIONS):
            raise ConfigurationError("the broker URL has TLS options but is amqp://; write amqps://")
        return cls(
            hosts=_read_hosts(locations, default_port=5671 if tls else 5672),
            virtual_host=unquote(parts.path[1:]) or "/",
            user=user,
            password=password,
            tls=TlsSettings(**{name: options[name] for name in _TLS_OPTIONS if name in options}) if tls else None,
            heartbeat=int(_read_number(options, "heartbeat", 60)),
            connection_timeout=_read_number(options, "connection_timeout", 10.0),
            management=options.get("management"),
        )

    @property
    def redacted(self) -> str:
        """The URL without its password, fit for logs."""
        scheme = "amqps" if self.tls else "amqp"
        hosts = ",".join(map(str, self.hosts))
        return f"{scheme}://{quote(self.user)}:***@{hosts}/{quote(self.virtual_host, safe='')}"

    def __str__(self) -> str:
        return self.redacted


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How a worker runs; all times in seconds.

    `grace` is what in-flight handlers get at shutdown. `consumer_timeout` is the broker's delivery acknowledgement
    timeout (30 minutes unless the broker is configured otherwise, RabbitMQ documentation, "Consumers"); every
    handler's time limit must be below it. `lease` is how long a claim outlives a worker that died; it is renewed
    while the worker lives.
    """

    grace: float = 30.0
    consumer_timeout: float = 1800.0
    lease: float = 60.0
    apply_topology: bool = True

    def __post_init__(self) -> None:
        for name in ("consumer_timeout", "lease"):
            if getattr(self, name) <= 0:
                raise ConfigurationError(f"{name} must be more than 0 seconds")
        if self.grace < 0:
            raise ConfigurationError("grace must not be negative")


def _split_authority(netloc: str) -> tuple[str, str, str]:
    """Return user, password and the host list of a URL's authority."""
    credentials, _, locations = netloc.rpartition("@")
    if not credentials:
        return "guest", "guest", locations
    user, separator, password = credentials.partition(":")
    return unquote(user), unquote(password) if separator else "", locations


def _read_hosts(locations: str, *, default_port: int) -> tuple[Host, ...]:
    hosts = tuple(_read_host(location.strip(), default_port) for location in locations.split(",") if location.strip())
    if not hosts:
        raise ConfigurationError("the broker URL names no host; write amqp://user:password@host:5672/vhost")
    return hosts


def _read_host(location: str, default_port: int) -> Host:
    if location.startswith("["):
        name, _, rest = location[1:].partition("]")
        port = rest[1:] if rest.startswith(":") else ""
    else:
        name, _, port = location.partition(":")
    if port and not (port.isdecimal() and 0 < int(port) < 65536):
        raise ConfigurationError(
            f"the broker URL has port {port!r} for host {name!r}; a port is a number from 1 to 65535"
        )
    if not name:
        raise ConfigurationError("the broker URL has a port without a host; write amqp://user:password@host:5672/vhost")
    return Host(name, int(port) if port else default_port)


def _read_options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = sorted(options.keys() - _OPTIONS)
    if unknown:
        raise ConfigurationError(
            f"the broker URL has the unknown option {unknown[0]!r}; known are {', '.join(sorted(_OPTIONS))}"
        )
    for name in ("cafile", "certfile", "keyfile"):
        if name in options and not Path(options[name]).is_file():
            raise ConfigurationError(f"{name} of the broker URL, {options[name]!r}, is not a file")
    return options


def _read_number(options: dict[str, str], name: str, default: float) -> float:
    try:
        value = float(options.get(name, default))
    except ValueError:
        value = -1.0
    if not 0 <= value < 65536:
        raise ConfigurationError(f"{name} of the broker URL is {options[name]!r}; it is a number of seconds")
    return value


def parse_brokers(broker: str | Sequence[str] | None) -> BrokerSettings:
    """Read one URL, or several that differ in their host only and are tried in turn."""
    if broker is None or isinstance(broker, str):
        return BrokerSettings.parse(broker)
    settings = [BrokerSettings.parse(url) for url in broker]
    if not settings:
        return BrokerSettings.parse()
    first = settings[0]
    hosts = tuple(host for one in settings for host in one.hosts)
    merged = BrokerSettings(
        hosts=hosts,
        virtual_host=first.virtual_host,
        user=first.user,
        password=first.password,
        tls=first.tls,
        heartbeat=first.heartbeat,
        connection_timeout=first.connection_timeout,
        management=first.management,
    )
    for one in settings[1:]:
        if (one.virtual_host, one.user, one.password, one.tls) != (
            first.virtual_host,
            first.user,
            first.password,
            first.tls,
        ):
            raise ConfigurationError(
                "several broker URLs must differ in their hosts only: one cluster, one virtual host"
            )
    return merged
