"""What an embedded broker is told when it starts, as one frozen value with RabbitMQ's defaults.

Not here: what clients and operators change while it runs (users, policies, definitions).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from warren.errors import ConfigurationError

__all__ = ["LOOPBACK", "BrokerConfig", "Profile"]

LOOPBACK: Final = "127.0.0.1"


class Profile(Enum):
    """The RabbitMQ release the broker answers like, where the two differ visibly."""

    RABBITMQ_4_0 = "4.0"
    RABBITMQ_3_10 = "3.10"

    @property
    def version(self) -> str:
        """The version the broker presents itself with."""
        return {"4.0": "4.0.5", "3.10": "3.10.8"}[self.value]

    @property
    def max_message_size(self) -> int:
        """Bytes of the largest body: 16 MiB since RabbitMQ 4.0, 128 MiB before."""
        return {"4.0": 16, "3.10": 128}[self.value] * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerConfig:
    """Settings of one embedded broker. Ports may be 0: the system chooses.

    `data` is the folder of the journal; without one messages live in memory and end with the process. `users` are made
    when the broker starts for the first time. Times are in seconds, sizes in bytes.
    """

    host: str = LOOPBACK
    port: int = 5672
    management_port: int | None = 15672  # None: no HTTP API
    data: Path | None = None
    definitions: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_port: int | None = None  # None: `port` serves TLS where there is a certificate; else it stays plain
    tls_ca: Path | None = None  # with it, clients that show a certificate may log in with EXTERNAL
    tls_client_required: bool = False  # refuse clients without a certificate
    profile: Profile = Profile.RABBITMQ_4_0
    node_name: str = "warren@localhost"
    user: str = "guest"
    password: str = "guest"  # noqa: S105 - RabbitMQ's own default; refused off loopback
    anonymous: bool = False
    heartbeat: int = 60
    channel_max: int = 2047
    frame_max: int = 131_072
    max_message_size: int | None = None  # None: the profile's
    handshake_timeout: float = 10.0
    consumer_timeout: float = 1800.0
    dead_letter_retry: float = 180.0  # when at-least-once dead-lettering tries again what no queue took
    statistics_interval: float = 5.0
    memory_limit: int | None = None  # None: 0.4 of the machine's memory
    disk_free_limit: int = 50_000_000

    def __post_init__(self) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ConfigurationError("TLS needs both a certificate and a key: give --tls-cert and --tls-key")
        if self.tls_cert is None and (self.tls_ca, self.tls_port, self.tls_client_required) != (None, None, False):
            raise ConfigurationError("TLS needs a certificate and a key: give --tls-cert and --tls-key")
        if self.tls_client_required and self.tls_ca is None:
            raise ConfigurationError("clients' certificates are verified with an authority: give --tls-ca")
        if self.host not in {LOOPBACK, "::1", "localhost"} and (self.user, self.password) == ("guest", "guest"):
            raise ConfigurationError(
                f"the broker listens on {self.host} only with credentials of its own, since guest/guest is known to"
                " all: give a user and a password, or listen on loopback"
            )

    @property
    def is_tls_only(self) -> bool:
        """Whether `port` serves TLS."""
        return self.tls_cert is not None and self.tls_port is None

    @property
    def largest_message(self) -> int:
        return self.profile.max_message_size if self.max_message_size is None else self.max_message_size
