"""Settings as frozen values: where the broker is, and how patient Warren is with it.

Not here: what connects (`transport/`). Secrets in these values never show in a `repr`.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from warren.errors import ConfigurationError

__all__ = ["DEFAULT_BROKER", "DEFAULT_STORE", "BrokerSettings", "Host", "TlsSettings", "WorkerSettings"]

DEFAULT_BROKER: Final = "amqp://guest:guest@localhost:5672/%2F"
DEFAULT_STORE: Final = "sqlite:///warren.db"

_TLS_OPTIONS: Final = ("cafile", "certfile", "keyfile", "server_name")
_OPTIONS: Final = frozenset({"heartbeat", "connection_timeout", "management", *_TLS_OPTIONS})

# By hand: `urlsplit` refuses lists of hosts in some versions, and puts the password into its errors.
_URL: Final = re.compile(
    r"(?P<scheme>[a-z]+)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)\??(?P<query>[^#]*)(?P<rest>.*)", re.I
)
_EXAMPLE: Final = "write amqp://user:password@host:5672/vhost"
_ENCODE: Final = "write / as %2F, ? as %3F, # as %23 and @ as %40 in user and password"


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
                # With a password, so that an encrypted key is refused instead of asked about on the terminal.
                context.load_cert_chain(self.certfile, self.keyfile, password="")
            except (OSError, ssl.SSLError) as error:
                raise ConfigurationError(f"cannot use certfile {self.certfile!r} of the broker URL: {error}") from error
        elif self.keyfile is not None:
            raise ConfigurationError("the broker URL has keyfile without certfile; a client certificate needs both")
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
    management: str | None = field(default=None, repr=False)  # may have a login of its own

    @classmethod
    def parse(cls, url: str | None = None) -> BrokerSettings:
        """Read a URL `amqp[s]://user:password@host[:port][,host[:port]…]/vhost[?heartbeat=…&…]`.

        Without one, $WARREN_BROKER, else `amqp://guest:guest@localhost:5672/%2F`. An absent or empty path is the
        virtual host `/`. Raises `ConfigurationError`; the password is never in its text.
        """
        text = (url or os.environ.get("WARREN_BROKER") or DEFAULT_BROKER).strip()
        parts = _URL.fullmatch(text)
        scheme = parts["scheme"].lower() if parts is not None else text.rpartition(":")[0].partition(":")[0].lower()
        if parts is None or scheme not in ("amqp", "amqps"):
            shown = repr(scheme) if scheme.isalpha() and scheme.isascii() else "no scheme"
            raise ConfigurationError(f"the broker URL starts with {shown}; {_EXAMPLE}")
        if parts["rest"] or "@" in parts["path"] or ("@" in parts["query"] and "@" not in parts["authority"]):
            raise ConfigurationError(f"the broker URL is cut at a / ? or # of its login; {_ENCODE}")
        user, password, locations = _split_authority(parts["authority"])
        options = _read_options(parts["query"])
        tls = scheme == "amqps"
        if not tls and any(name in options for name in _TLS_OPTIONS):
            raise ConfigurationError("the broker URL has TLS options but is amqp://; write amqps://")
        return cls(
            hosts=_read_hosts(locations, default_port=5671 if tls else 5672, has_login="@" in parts["authority"]),
            virtual_host=unquote(parts["path"][1:]) or "/",
            user=user,
            password=password,
            tls=TlsSettings(**{name: options[name] for name in _TLS_OPTIONS if name in options}) if tls else None,
            heartbeat=_read_heartbeat(options),
            connection_timeout=_read_timeout(options),
            management=options.get("management"),
        )

    @property
    def redacted(self) -> str:
        """The URL without its password, fit for logs."""
        scheme = "amqps" if self.tls else "amqp"
        hosts = ",".join(map(str, self.hosts))
        return f"{scheme}://{quote(self.user, safe='')}:***@{hosts}/{quote(self.virtual_host, safe='')}"

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


def _read_hosts(locations: str, *, default_port: int, has_login: bool) -> tuple[Host, ...]:
    named = [location.strip() for location in locations.split(",") if location.strip()]
    if not named:
        raise ConfigurationError(f"the broker URL names no host; {_EXAMPLE}")
    return tuple(_read_host(location, default_port, has_login=has_login) for location in named)


def _read_host(location: str, default_port: int, *, has_login: bool) -> Host:
    name, colon, port = location.rpartition(":")
    if not colon or location.endswith("]"):
        name, port = location, ""
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    elif ":" in name or "[" in location or "]" in location:
        raise ConfigurationError("the broker URL has a host with colons; write IPv6 addresses in brackets: [::1]:5672")
    if not name:
        raise ConfigurationError(f"the broker URL has a port without a host; {_EXAMPLE}")
    if port and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        if not has_login:  # then what stands there may be a password
            raise ConfigurationError(f"the broker URL has no host after its login, or a port that is none; {_EXAMPLE}")
        raise ConfigurationError(
            f"the broker URL has port {port!r} for host {name!r}; a port is a number from 1 to 65535"
        )
    return Host(name, int(port) if port else default_port)


def _read_options(query: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in query.split("&") if part]
    options = {unquote(name): unquote(value) for name, _, value in pairs}
    unknown = sorted(options.keys() - _OPTIONS)
    if unknown:
        shown = f" {unknown[0]!r}" if unknown[0].isidentifier() else ""
        raise ConfigurationError(
            f"the broker URL has the unknown option{shown}; known are {', '.join(sorted(_OPTIONS))}"
        )
    for name in ("cafile", "certfile", "keyfile"):
        if name in options and not Path(options[name]).is_file():
            raise ConfigurationError(f"{name} of the broker URL, {options[name]!r}, is not a file")
    return options


def _read_heartbeat(options: dict[str, str]) -> int:
    text = options.get("heartbeat", "60")
    if not (text.isascii() and text.isdecimal() and int(text) < 65536):
        raise ConfigurationError(
            f"heartbeat of the broker URL is {text!r}; it is whole seconds up to 65535, 0 for none"
        )
    return int(text)


def _read_timeout(options: dict[str, str]) -> float:
    text = options.get("connection_timeout", "10")
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < 65536:
        raise ConfigurationError(f"connection_timeout of the broker URL is {text!r}; it is seconds, more than 0")
    return seconds


def parse_brokers(broker: str | Sequence[str] | None) -> BrokerSettings:
    """Read one URL, or several that differ in their host only and are tried in turn."""
    if broker is None or isinstance(broker, str):
        return BrokerSettings.parse(broker)
    settings = [BrokerSettings.parse(url) for url in broker] or [BrokerSettings.parse()]
    hosts = tuple(host for one in settings for host in one.hosts)
    together = [replace(one, hosts=hosts) for one in settings]
    if any(one != together[0] for one in together):
        raise ConfigurationError("several broker URLs must differ in their hosts only: one cluster, one virtual host")
    return together[0]
