"""A client of RabbitMQ's HTTP API: typed answers, and Warren's errors.

Not here: the shape of the API's JSON (`topology.py`, `depth.py`, `overview.py`, …), and what is made of the answers.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, final
from urllib.parse import quote

from warren.config import TlsSettings
from warren.errors import BrokerRefused, BrokerUnavailable
from warren.management.consumers import CONSUMER_COLUMNS, QueueConsumer, read_consumers
from warren.management.depth import QueueDepth, read_depth
from warren.management.nodes import NODE_COLUMNS, Node, read_nodes
from warren.management.overview import OVERVIEW_COLUMNS, Overview, read_overview
from warren.management.queues import QUEUE_STATISTICS_COLUMNS, QueueStatistics, read_queues
from warren.management.settings import ManagementSettings
from warren.management.topology import BINDING_COLUMNS, EXCHANGE_COLUMNS, QUEUE_COLUMNS, read_actual
from warren.topology.actual import Actual

if TYPE_CHECKING:
    import httpx

__all__ = ["ManagementClient"]

T = TypeVar("T")


@final
class ManagementClient:
    """Asks the management API; thread-safe. Use it as a context manager, or close it.

    Every method raises `BrokerUnavailable` where no URL answers in time, and `BrokerRefused` for a refused login or a
    virtual host that is not there or not to be seen. Proxies of the environment are not used: a broker is near.
    """

    def __init__(self, settings: ManagementSettings) -> None:
        import httpx

        self._settings = settings
        self._server_name = settings.tls.server_name if settings.tls else None
        self._answered_at: float | None = None
        self._http = httpx.Client(
            auth=(settings.user, settings.password),
            timeout=settings.timeout,
            trust_env=False,
            verify=_context(settings),
        )

    def __repr__(self) -> str:
        return f"<ManagementClient {', '.join(self._settings.urls)} as {self._settings.user!r}>"

    def __enter__(self) -> ManagementClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def overview(self) -> Overview:
        """Return which broker answers."""
        told = self._get("overview", columns=OVERVIEW_COLUMNS)
        return self._understand(lambda: read_overview(told))

    def read_topology(self, virtual_host: str) -> Actual:
        """Return every exchange, queue and binding of a virtual host.

        Settings made by policies appear on a queue within the broker's statistics interval (5 seconds by default).
        """
        exchanges = self._get("exchanges", virtual_host, columns=EXCHANGE_COLUMNS)
        queues = self._get("queues", virtual_host, columns=QUEUE_COLUMNS)
        bindings = self._get("bindings", virtual_host, columns=BINDING_COLUMNS)
        return self._understand(lambda: read_actual(exchanges=exchanges, queues=queues, bindings=bindings))

    def queue_depth(self, virtual_host: str, queue: str) -> QueueDepth:
        """Return how many messages a queue holds, as of the broker's last statistics (5 seconds old by default)."""
        told = self._get("queues", virtual_host, queue)
        return self._understand(lambda: read_depth(told))

    def queues(self, virtual_host: str) -> tuple[QueueStatistics, ...]:
        """Return what every queue of a virtual host holds and what went through it, as of the last statistics."""
        told = self._get("queues", virtual_host, columns=QUEUE_STATISTICS_COLUMNS)
        return self._understand(lambda: read_queues(told))

    def consumers(self, virtual_host: str) -> tuple[QueueConsumer, ...]:
        """Return every consumer of a virtual host, of all connections."""
        told = self._get("consumers", virtual_host, columns=CONSUMER_COLUMNS)
        return self._understand(lambda: read_consumers(told))

    def nodes(self) -> tuple[Node, ...]:
        """Return the nodes of the cluster. Raises `BrokerRefused` for a user without the tag `monitoring`."""
        told = self._get("nodes", columns=NODE_COLUMNS)
        return self._understand(lambda: read_nodes(told))

    def ask(self, read: Callable[[Any], T], *path: str, **parameters: str) -> T:
        """Return what `read` makes of the answer to a question that has no method of its own."""
        told = self._get(*path, **parameters)
        return self._understand(lambda: read(told))

    def put(self, *path: str, **fields: object) -> None:
        """Create or replace what a path names."""
        self._change("PUT", path, fields)

    def delete(self, *path: str) -> None:
        """Remove what a path names. Raises `BrokerRefused` where there is no such thing."""
        self._change("DELETE", path, None)

    @property
    def answered_at(self) -> float | None:
        """When the last answer was made by the broker's clock, in seconds since the epoch; None where it does not say.

        It is said in whole seconds, rounded down.
        """
        return self._answered_at

    def _understand(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BrokerRefused(f"{self!r} cannot make sense of the answer: {error!r}; check the URL") from error

    # -- one request --------------------------------------------------------------------------

    def _change(self, method: str, path: tuple[str, ...], fields: Mapping[str, object] | None) -> None:
        import httpx

        base = self._settings.urls[0]
        try:
            answer = self._http.request(method, _url(base, path), json=fields, extensions=self._extensions())
        except httpx.HTTPError as error:
            raise _no_answer(base, error) from error
        if answer.status_code not in (201, 204):
            self._read(base, path, answer)

    def _get(self, *path: str, **parameters: str) -> Any:
        """Ask each URL in turn; the first that answers counts. Virtual hosts and names are percent-encoded."""
        *others, last = self._settings.urls
        for base in others:
            try:
                return self._ask(base, path, parameters)
            except BrokerUnavailable:
                continue
        return self._ask(last, path, parameters)

    def _ask(self, base: str, path: tuple[str, ...], parameters: Mapping[str, str]) -> Any:
        import httpx

        try:
            answer = self._http.get(_url(base, path), params=parameters, extensions=self._extensions())
        except httpx.TimeoutException as error:
            raise BrokerUnavailable(
                f"the management API at {base} did not answer within {self._settings.timeout:g} s"
            ) from error
        except httpx.HTTPError as error:
            raise _no_answer(base, error) from error
        self._answered_at = _date_of(answer)
        return self._read(base, path, answer)

    def _extensions(self) -> dict[str, str]:
        return {"sni_hostname": self._server_name} if self._server_name else {}

    def _read(self, base: str, path: tuple[str, ...], answer: httpx.Response) -> Any:
        status = answer.status_code
        if status in (401, 403):
            raise BrokerRefused(
                f"the management API at {base} refused user {self._settings.user!r} ({_reason(answer)}); check the "
                f"login, and give the user the tag 'management' and rights to the virtual host"
            )
        if status == 404:
            raise BrokerRefused(
                f"the management API at {base} has no {_named(path)}, or user {self._settings.user!r} may not see it"
            )
        if status >= 500:
            raise BrokerUnavailable(f"the management API at {base} failed: {status} {_reason(answer)}")
        try:
            if status == 200:
                return answer.json()
        except ValueError:
            pass  # not JSON
        raise BrokerRefused(
            f"{base} does not answer like RabbitMQ's management API (status {status}); check the URL and port"
        )


def _url(base: str, path: tuple[str, ...]) -> str:
    return "/".join([base, "api", *(quote(one, safe="") for one in path)])


def _context(settings: ManagementSettings) -> ssl.SSLContext | bool:
    if not any(url.startswith("https:") for url in settings.urls):
        return True
    return (settings.tls or TlsSettings()).context()


def _no_answer(base: str, error: Exception) -> BrokerUnavailable | BrokerRefused:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return BrokerRefused(f"no TLS with the management API at {base}: {error}; check cafile and the host name")
        cause = cause.__cause__ or cause.__context__
    return BrokerUnavailable(
        f"the management API at {base} cannot be reached: {error}; is the plugin rabbitmq_management enabled?"
    )


def _date_of(answer: httpx.Response) -> float | None:
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except ValueError:
        return None


def _reason(answer: httpx.Response) -> str:
    """The broker's own words: `{"error": …, "reason": …}`."""
    try:
        told = json.loads(answer.text)
    except ValueError:
        return answer.reason_phrase
    return str(told.get("reason") or told.get("error")) if isinstance(told, dict) else answer.reason_phrase


def _named(path: tuple[str, ...]) -> str:
    match path:
        case (_, virtual_host):
            return f"virtual host {virtual_host!r}"
        case ("queues", virtual_host, queue):
            return f"queue {queue!r} in virtual host {virtual_host!r}"
        case _:
            return "/".join(path)
