"""RabbitMQ's HTTP API as the demo needs it: a virtual host of its own, a witness, and what lies in queues.

Not here: Warren's client of the same API (`management/`), which reads only. What the demo proves about Warren it reads
without it.
"""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from typing import Any, Final
from urllib.parse import quote

from warren.config import BrokerSettings
from warren.errors import BrokerRefused, BrokerUnavailable
from warren.management.settings import ManagementSettings

__all__ = ["BrokerApi"]

_TIMEOUT: Final = 20.0
_ALL: Final = 100_000  # messages; more than a demo publishes


class BrokerApi:
    """Calls the API of one broker, in one virtual host. Raises `BrokerUnavailable` and `BrokerRefused`."""

    def __init__(self, broker: BrokerSettings, virtual_host: str) -> None:
        settings = ManagementSettings.of(broker)
        self.virtual_host = virtual_host
        self._base = settings.urls[0]
        self._user = settings.user
        login = base64.b64encode(f"{settings.user}:{settings.password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if settings.tls is not None:
            handlers.append(urllib.request.HTTPSHandler(context=settings.tls.context()))
        self._opener = urllib.request.build_opener(*handlers)

    def create_virtual_host(self) -> None:
        """Create the virtual host, with every right for the user."""
        self._call("PUT", "vhosts", self.virtual_host)
        rights = {"configure": ".*", "write": ".*", "read": ".*"}
        self._call("PUT", "permissions", self.virtual_host, self._user, body=rights)

    def delete_virtual_host(self) -> None:
        """Delete the virtual host with all that is in it."""
        self._call("DELETE", "vhosts", self.virtual_host)

    def declare_witness(self, queue: str, exchange: str) -> None:
        """Declare a queue that receives a copy of whatever is published to a topic exchange."""
        self._call("PUT", "queues", self.virtual_host, queue, body={"durable": True, "arguments": {}})
        binding = ("bindings", self.virtual_host, "e", exchange, "q", queue)
        self._call("POST", *binding, body={"routing_key": "#", "arguments": {}})

    def queues(self) -> list[str]:
        """Return the names of all queues."""
        return [queue["name"] for queue in self._call("GET", "queues", self.virtual_host, query="?columns=name")]

    def messages(self, queue: str) -> list[dict[str, Any]]:
        """Return all messages that are ready in a queue, with properties and headers. They stay there."""
        wanted = {"count": _ALL, "ackmode": "ack_requeue_true", "encoding": "auto"}
        found: list[dict[str, Any]] = self._call("POST", "queues", self.virtual_host, queue, "get", body=wanted)
        return found

    def _call(self, method: str, *path: str, body: object = None, query: str = "") -> Any:
        url = "/".join([self._base, "api", *(quote(part, safe="") for part in path)]) + query
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, method=method, data=data, headers=self._headers)
        try:
            with self._opener.open(request, timeout=_TIMEOUT) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error) from error
        except OSError as error:
            raise BrokerUnavailable(
                f"the management API at {self._base} cannot be reached: {getattr(error, 'reason', error)}; enable the "
                f"plugin rabbitmq_management, or add ?management=http://host:15672 to the broker URL"
            ) from error
        return json.loads(content) if content else None

    def _refusal(self, error: urllib.error.HTTPError) -> BrokerRefused | BrokerUnavailable:
        if error.code >= 500:
            return BrokerUnavailable(f"the management API at {self._base} failed: {error.code} {error.reason}")
        return BrokerRefused(
            f"the management API at {self._base} refused user {self._user!r} ({error.code} {error.reason}); the demo "
            f"makes a virtual host of its own, so the user needs the tag 'administrator'"
        )
