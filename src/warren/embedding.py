"""Brokers inside the application's process: what `embedded://` and `embedded:///folder` stand for.

Not here: the broker (`warren.broker`). It is imported with the first connection only.

All applications of a process that name the same one share it, since a folder belongs to one broker, and since a
publisher and a consumer that both say `embedded://` mean to reach each other.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from warren.config import BrokerSettings, parse_brokers
from warren.errors import ConfigurationError

if TYPE_CHECKING:
    from warren.broker.embedded import EmbeddedBroker

__all__ = ["RUNNING", "SCHEME", "EmbeddedAddress", "read_address", "start_embedded", "url_of"]

SCHEME: Final = "embedded://"

RUNNING: Final = "WARREN_EMBEDDED_BROKER"
"""The environment variable in which `warren run --embedded` tells its workers the URL of the broker it runs."""


@dataclass(frozen=True, slots=True)
class EmbeddedAddress:
    """An embedded broker by the folder it keeps messages in. None: in memory."""

    data: Path | None = None

    @classmethod
    def parse(cls, url: str) -> EmbeddedAddress:
        """Read `embedded://` or `embedded:///folder`. Raises `ConfigurationError`."""
        path = unquote(url[len(SCHEME) :])
        if path in {"", "/"}:
            return cls()
        if not path.startswith("/") or "?" in path or "#" in path:
            raise ConfigurationError(
                f"{url!r} is no embedded broker: write embedded:// for one in memory, or embedded:///folder with the"
                " absolute path of the folder it keeps messages in"
            )
        return cls(Path(path))

    def __str__(self) -> str:
        return SCHEME if self.data is None else f"{SCHEME}{self.data}"


def read_address(broker: str | Sequence[str] | None) -> BrokerSettings | EmbeddedAddress:
    """Read where the broker is. What `warren run --embedded` runs takes the place of any other."""
    running = os.environ.get(RUNNING)
    if running:
        return BrokerSettings.parse(running)
    named = broker or os.environ.get("WARREN_BROKER")
    if isinstance(named, str) and named.strip().lower().startswith(SCHEME):
        return EmbeddedAddress.parse(named.strip())
    return parse_brokers(broker)


_lock: Final = threading.Lock()
_brokers: Final[dict[tuple[int, EmbeddedAddress], EmbeddedBroker]] = {}  # with the process: a fork has no thread


def start_embedded(address: EmbeddedAddress) -> str:
    """Return the URL of the process's broker at `address`, which is started with the first call.

    It ends with the process. Raises `ConfigurationError` for a folder that cannot be used.
    """
    running = os.environ.get(RUNNING)
    if running:
        return running
    key = (os.getpid(), address)
    with _lock:
        if key not in _brokers:
            from warren.broker.embedded import EmbeddedBroker
            from warren.broker.settings import BrokerConfig

            broker = EmbeddedBroker(BrokerConfig(port=0, management_port=0, data=address.data)).start()
            atexit.register(broker.stop)
            _brokers[key] = broker
        return url_of(_brokers[key])


def url_of(broker: EmbeddedBroker) -> str:
    """Return the URL to connect with, which names the management API too."""
    return f"{broker.url}?management={quote(broker.management_url or '', safe='')}"
