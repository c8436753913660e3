"""A client of RabbitMQ's HTTP API: typed answers, and Warren's errors.

Not here: the shape of the API's JSON (`topology.py`, `depth.py`, `overview.py`), and what is made of the answers.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, final
from urllib.parse import quote

from warren.config import TlsSettings
from warren.errors import BrokerRefused, BrokerUnavailable
from warren.management.depth import QueueDepth, read_depth
from warren.management.overview import OVERVIEW_COLUMNS, Overview, read_overview
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

    def _understand(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BrokerRefused(f"{self!r} cannot make sense of the answer: {error!r}; check the URL") from error

    # -- one request --------------------------------------------------------------------------

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

        url = "/".join([base, "api", *(quote(one, safe="") for one in path)])
        extensions = {"sni_hostname": self._server_name} if self._server_name else {}
        try:
            answer = self._http.get(url, params=parameters, extensions=extensions)
        except httpx.TimeoutException as error:
            raise BrokerUnavailable(
                f"the management API at {base} did not answer within {self._settings.timeout:g} s"
            ) from error
        except httpx.HTTPError as error:
            raise _no_answer(base, error) from error
        return self._read(base, path, answer)

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
