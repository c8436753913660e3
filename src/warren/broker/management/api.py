"""From a request to a response: the login, the route, the rights, the handler, and what refusals become.

Not here: HTTP on the wire (`server.py`), and what the resources answer (their own files).
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from warren.broker.auth import LoginRefused, User
from warren.broker.management import (
    bindings,
    channels,
    connections,
    consumers,
    definitions,
    exchanges,
    features,
    health,
    limits,
    messages,
    metrics,
    nodes,
    overview,
    parameters,
    permissions,
    policies,
    queues,
    users,
    vhosts,
)
from warren.broker.management.context import Context
from warren.broker.management.request import Refusal, Request, Response, refusal_of, respond
from warren.broker.management.routing import Route, Router
from warren.broker.replies import Closed

__all__ = ["ROUTES", "Api"]

_log: Final = logging.getLogger("warren.broker")

_RESOURCES: Final = (
    bindings,
    channels,
    connections,
    consumers,
    definitions,
    exchanges,
    features,
    health,
    limits,
    messages,
    nodes,
    overview,
    parameters,
    permissions,
    policies,
    queues,
    users,
    vhosts,
)
ROUTES: Final = tuple(route for resource in _RESOURCES for route in resource.ROUTES)
"""All that the API answers."""

_WELCOME: Final = b"Warren's embedded broker: the HTTP API of RabbitMQ's management plugin is under /api/\n"


class Api:
    """The whole HTTP API of one node, without I/O. Call it on the broker's thread only."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._router = Router(ROUTES)

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, *, loopback: bool = True
    ) -> Response:
        """Answer one request. `target` is as on the wire; names of `headers` are in lower case."""
        path, _, query = target.partition("?")
        if path == "/metrics":
            return metrics.read(self.context)
        if not path.startswith("/api/"):
            return _outside(path)
        try:
            return self._answer(method, path.removeprefix("/api/"), query, headers, body, loopback=loopback)
        except Refusal as refused:
            return respond({"error": refused.error, "reason": refused.reason}, status=refused.status)
        except Exception:
            _log.exception("the HTTP API failed at %s %s", method, path)
            return respond({"error": "internal_server_error", "reason": "Internal Server Error"}, status=500)

    def _answer(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes, *, loopback: bool
    ) -> Response:
        found, variables = self._router.find(method, path)
        if isinstance(found, Response):
            return found
        if "authorization" not in headers:
            return Response(401, headers={"www-authenticate": 'Basic realm="RabbitMQ Management"'})
        request = Request(
            context=self.context,
            user=self._log_in(headers["authorization"], loopback=loopback),
            path=variables,
            query=dict(parse_qsl(query, keep_blank_values=True)),
            headers=headers,
            body=body,
        )
        found.need.check(request)
        return self._run(found, request)

    def _run(self, route: Route, request: Request) -> Response:
        try:
            return route.handler(request)
        except Closed as refused:
            raise refusal_of(refused) from refused
        finally:
            if route.method != "GET":
                self.context.node.wake()

    def _log_in(self, authorization: str, *, loopback: bool) -> User:
        name, password = _credentials(authorization)
        try:
            user = self.context.node.accounts.authenticate(name, password, loopback=loopback)
        except LoginRefused as refused:
            _log.warning("refused a login to the HTTP API: %s", refused.reason)
            self.context.logins[False] += 1
            off_loopback = name == "guest" and not loopback
            reason = "User can only log in via localhost" if off_loopback else "Not_Authorized"
            raise Refusal(401, "not_authorized", reason) from refused
        self.context.logins[True] += 1
        return user


def _credentials(authorization: str) -> tuple[str, str]:
    scheme, _, told = authorization.partition(" ")
    try:
        name, colon, password = base64.b64decode(told.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        colon = ""
    if scheme.lower() != "basic" or not colon:
        raise Refusal(400, "bad_request", "Not a basic authorization header")
    return name, password


def _outside(path: str) -> Response:
    if path in ("/", "/api"):
        return Response(200, _WELCOME, {"content-type": "text/plain; charset=utf-8"})
    return Response(404)
