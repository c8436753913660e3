"""Permissions and topic permissions: who may configure, write and read what.

Not here: the users (`users.py`), and the checks (`auth.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from warren.broker.auth import Permission, TopicPermission
from warren.broker.management.access import Need
from warren.broker.management.listing import Json, respond_list, respond_one
from warren.broker.management.request import CREATED, NO_CONTENT, Refusal, Request, Response, bad_request
from warren.broker.management.routing import Route
from warren.broker.management.users import find_user

__all__ = ["ROUTES", "permission_json", "topic_permission_json"]


def permission_json(vhost: str, user: str, granted: Permission) -> Json:
    """Return a permission as the API and definitions show it."""
    return {
        "user": user,
        "vhost": vhost,
        "configure": granted.configure,
        "write": granted.write,
        "read": granted.read,
    }


def topic_permission_json(vhost: str, user: str, exchange: str, granted: TopicPermission) -> Json:
    """Return a topic permission as the API and definitions show it."""
    return {"user": user, "vhost": vhost, "exchange": exchange, "write": granted.write, "read": granted.read}


def _all(request: Request) -> list[Json]:
    granted = request.node.accounts.permissions.items()
    return [permission_json(vhost, user, one) for (vhost, user), one in granted]


def _all_topics(request: Request) -> list[Json]:
    granted = request.node.accounts.topic_permissions.items()
    return [topic_permission_json(vhost, user, exchange, one) for (vhost, user, exchange), one in granted]


def _lister(read: Callable[[Request], list[Json]]) -> Callable[[Request], Response]:
    """Return a handler that lists all, or those of the user or the virtual host of its path."""

    def listed(request: Request) -> Response:
        found = read(request)
        if "user" in request.path:
            name = find_user(request).name
            found = [one for one in found if one["user"] == name]
        if "vhost" in request.path:
            name = request.vhost.name
            found = [one for one in found if one["vhost"] == name]
        return respond_list(request, found, order=("vhost", "user"))

    return listed


def _check_both(request: Request) -> tuple[str, str]:
    vhost, user = request.path["vhost"], request.path["user"]
    if vhost not in request.node.vhosts or user not in request.node.accounts.users:
        raise bad_request("vhost_or_user_not_found")
    return vhost, user


def _not_an_expression(error: re.error) -> Refusal:
    """RabbitMQ's words, with the texts as texts where it sends lists of bytes."""
    return bad_request(["invalid_regexp", str(error.pattern), [error.msg, error.pos]])


# -- permissions --------------------------------------------------------------------------


def _read(request: Request) -> Response:
    vhost, user = request.path["vhost"], request.path["user"]
    granted = request.node.accounts.permissions.get((vhost, user))
    if granted is None:
        raise Refusal.missing()
    return respond_one(request, permission_json(vhost, user, granted))


def _put(request: Request) -> Response:
    told = request.content("configure", "write", "read")
    vhost, user = _check_both(request)
    is_new = (vhost, user) not in request.node.accounts.permissions
    permission = Permission(str(told["configure"]), str(told["write"]), str(told["read"]))
    try:
        request.node.accounts.put_permission(vhost, user, permission)
    except re.error as error:
        raise _not_an_expression(error) from error
    return CREATED if is_new else NO_CONTENT


def _delete(request: Request) -> Response:
    key = (request.path["vhost"], request.path["user"])
    if key not in request.node.accounts.permissions:
        raise Refusal.missing()
    request.node.accounts.clear_permission(*key)
    return NO_CONTENT


# -- topic permissions --------------------------------------------------------------------


def _of_path(request: Request) -> list[tuple[str, str, str]]:
    key = (request.path["vhost"], request.path["user"])
    found = [one for one in request.node.accounts.topic_permissions if one[:2] == key]
    if not found:
        raise Refusal.missing()
    return found


def _read_topics(request: Request) -> Response:
    granted = request.node.accounts.topic_permissions
    found = [topic_permission_json(*key, granted[key]) for key in _of_path(request)]
    return respond_list(request, found, order=("exchange",))


def _put_topic(request: Request) -> Response:
    told = request.content("exchange", "write", "read")
    vhost, user = _check_both(request)
    exchange = str(told["exchange"])
    is_new = (vhost, user, exchange) not in request.node.accounts.topic_permissions
    permission = TopicPermission(str(told["write"]), str(told["read"]))
    try:
        request.node.accounts.put_topic_permission(vhost, user, exchange, permission)
    except re.error as error:
        raise _not_an_expression(error) from error
    return CREATED if is_new else NO_CONTENT


def _delete_topics(request: Request) -> Response:
    for key in _of_path(request):
        request.node.accounts.clear_topic_permission(*key)
    return NO_CONTENT


_list = _lister(_all)
_list_topics = _lister(_all_topics)

ROUTES: Final = (
    Route("GET", "permissions", _list, Need.ADMINISTRATOR),
    Route("GET", "permissions/{vhost}/{user}", _read, Need.ADMINISTRATOR),
    Route("PUT", "permissions/{vhost}/{user}", _put, Need.ADMINISTRATOR),
    Route("DELETE", "permissions/{vhost}/{user}", _delete, Need.ADMINISTRATOR),
    Route("GET", "topic-permissions", _list_topics, Need.ADMINISTRATOR),
    Route("GET", "topic-permissions/{vhost}/{user}", _read_topics, Need.ADMINISTRATOR),
    Route("PUT", "topic-permissions/{vhost}/{user}", _put_topic, Need.ADMINISTRATOR),
    Route("DELETE", "topic-permissions/{vhost}/{user}", _delete_topics, Need.ADMINISTRATOR),
    Route("GET", "users/{user}/permissions", _list, Need.ADMINISTRATOR),
    Route("GET", "users/{user}/topic-permissions", _list_topics, Need.ADMINISTRATOR),
    Route("GET", "vhosts/{vhost}/permissions", _list, Need.ADMINISTRATOR),
    Route("GET", "vhosts/{vhost}/topic-permissions", _list_topics, Need.ADMINISTRATOR),
)
