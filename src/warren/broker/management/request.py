"""A request to the HTTP API and its response, as values; and how a handler refuses.

Not here: who may ask what (`access.py`), and HTTP on the wire (`server.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from warren.broker.auth import Access, User
from warren.broker.replies import NAMES, Closed

if TYPE_CHECKING:
    from warren.broker.management.context import Context
    from warren.broker.model.vhost import VirtualHost
    from warren.broker.node import Node

__all__ = ["CREATED", "NO_CONTENT", "Refusal", "Request", "Response", "as_bool", "bad_request", "refusal_of", "respond"]


class Refusal(Exception):
    """What the API answers instead: a status, an error and a reason, in RabbitMQ's words."""

    def __init__(self, status: int, error: str, reason: object) -> None:
        self.status = status
        self.error = error
        self.reason = reason
        super().__init__(f"{status} {error}: {reason}")

    @classmethod
    def missing(cls) -> Refusal:
        """The object the path names is not there."""
        return cls(404, "Object Not Found", "Not Found")

    @classmethod
    def not_found(cls, reason: str) -> Refusal:
        """Something the request needs is not there."""
        return cls(404, "not_found", reason)

    @classmethod
    def unauthorised(cls, reason: str) -> Refusal:
        """The user may not."""
        return cls(401, "not_authorised", reason)


def bad_request(reason: object) -> Refusal:
    """Return the refusal of a request that makes no sense."""
    return Refusal(400, "bad_request", reason)


def refusal_of(closed: Closed) -> Refusal:
    """Return what the API makes of a refusal of the model: RabbitMQ does the same with that of a channel."""
    explanation = closed.text.removeprefix(f"{NAMES[closed.code]} - ")
    match closed.code:
        case 403:
            return Refusal.unauthorised("Access refused.")
        case 404:
            return Refusal.not_found(explanation)
        case _:
            return bad_request(explanation)


@dataclass(frozen=True, slots=True)
class Response:
    """A status, headers and the bytes of a body."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


CREATED: Final = Response(201)
NO_CONTENT: Final = Response(204)


def respond(content: object, *, status: int = 200) -> Response:
    """Return a response of JSON. Names that are no UTF-8 come out with replacement characters."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=_plain)
    return Response(status, text.encode("utf-8", "replace"), {"content-type": "application/json"})


def _plain(value: object) -> object:
    """Return what JSON has instead of a value of a field table: bytes are a text, a decimal a number."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else float(str(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request of a user who has logged in. `path` holds the variables of the route, decoded."""

    context: Context
    user: User
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def node(self) -> Node:
        return self.context.node

    @property
    def vhost(self) -> VirtualHost:
        """The virtual host of the path. Raises 404 where there is none."""
        found = self.node.vhosts.get(self.path["vhost"])
        if found is None:
            raise Refusal.missing()
        return found

    @property
    def target_vhost(self) -> VirtualHost:
        """The virtual host that something is made in: its absence is told in other words."""
        if self.path["vhost"] not in self.node.vhosts:
            raise Refusal.not_found("vhost_not_found")
        return self.vhost

    def check(self, access: Access, kind: str, name: str) -> None:
        """Raise what AMQP would unless the user may do that with the `kind` ("exchange" or "queue") of that name."""
        self.node.accounts.check(self.user.name, self.path["vhost"], access, kind, name)

    def content(self, *required: str) -> dict[str, Any]:
        """Return the JSON object of the body; an absent body counts as an empty one."""
        try:
            told = json.loads(self.body) if self.body.strip() else {}
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise bad_request("not_json")
        missing = sorted(name for name in required if name not in told)
        if missing:
            raise bad_request("[" + ",".join(f"{{key_missing,{name}}}" for name in missing) + "]")
        return told

    def wants(self, flag: str) -> bool:
        """Return whether the query says `flag=true`."""
        return self.query.get(flag) == "true"


def as_bool(content: Mapping[str, Any], name: str) -> bool:
    """Return a boolean of the content, false where it is absent. Texts `true` and `false` count."""
    match content.get(name, False):
        case bool(value):
            return value
        case "true":
            return True
        case "false":
            return False
        case other:
            raise bad_request(["not_boolean", other])


def as_int(content: Mapping[str, Any], name: str) -> int:
    """Return an integer of the content; a text of digits counts."""
    value = content[name]
    if isinstance(value, str) and value.lstrip("-").isascii() and value.lstrip("-").isdigit():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad_request(["not_integer", value])
    return value


def as_table(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a table of the content, empty where it is absent. PHP and others send an empty one as a list."""
    value = content.get(name)
    if value is None or (isinstance(value, Sequence) and not value):
        return {}
    if not isinstance(value, dict):
        raise bad_request(["not_a_table", value])
    if _has_null(value):
        raise bad_request("null_not_allowed")
    return value


def _has_null(value: object) -> bool:
    match value:
        case None:
            return True
        case dict():
            return any(map(_has_null, value.values()))
        case list():
            return any(map(_has_null, value))
        case _:
            return False
