"""Limits of virtual hosts (connections, queues) and of users (connections, channels).

Not here: holding to them, which is the session's and the virtual host's.
"""

from __future__ import annotations

from typing import Final

from warren.broker import parameters
from warren.broker.management.access import Need, visible_vhosts
from warren.broker.management.listing import respond_list
from warren.broker.management.request import NO_CONTENT, Request, Response, bad_request
from warren.broker.management.routing import Route
from warren.broker.management.users import find_user

__all__ = ["ROUTES", "check_vhost_limits"]

_VHOST_LIMITS: Final = ("max-connections", "max-queues")
_USER_LIMITS: Final = ("max-connections", "max-channels")


def check_vhost_limits(told: object) -> dict[str, int]:
    """Return the limits of a virtual host as told. Raises 400."""
    if not isinstance(told, dict):
        raise bad_request("Validation failed\n\nlimits should be a table\n")
    for name, value in told.items():
        if name not in _VHOST_LIMITS:
            raise bad_request(f"Validation failed\n\nUnrecognised terms {_term(name, value)} in limits\n")
        if isinstance(value, bool) or not isinstance(value, int):
            raise bad_request(f"Validation failed\n\n{name} should be a number, actually was {_erlang(value)}\n")
    return dict(told)


def _term(name: str, value: object) -> str:
    return f'[{{<<"{name}">>,{_erlang(value)}}}]'


def _erlang(value: object) -> str:
    return f'<<"{value}">>' if isinstance(value, str) else str(value)


# -- of virtual hosts ---------------------------------------------------------------------


def _list_vhosts(request: Request) -> Response:
    found = [(vhost.name, parameters.limits(request.node, vhost.name)) for vhost in visible_vhosts(request)]
    shown = [{"value": limits, "vhost": vhost} for vhost, limits in found if limits]
    return respond_list(request, shown, order=("vhost",))


def _put_vhost(request: Request) -> Response:
    vhost, name = request.target_vhost.name, request.path["name"]
    value = request.content("value")["value"]
    limits = {**parameters.limits(request.node, vhost), **check_vhost_limits({name: value})}
    parameters.put(request.node, (vhost, *parameters.LIMITS), limits)
    return NO_CONTENT


def _delete_vhost(request: Request) -> Response:
    vhost = request.vhost.name
    limits = parameters.limits(request.node, vhost)
    if limits.pop(request.path["name"], None) is not None:
        parameters.put(request.node, (vhost, *parameters.LIMITS), limits)
        if not limits:
            parameters.clear(request.node, (vhost, *parameters.LIMITS))
    return NO_CONTENT


# -- of users -----------------------------------------------------------------------------


def _list_users(request: Request) -> Response:
    users = [find_user(request)] if "user" in request.path else request.node.accounts.users.values()
    shown = [{"user": user.name, "value": dict(user.limits)} for user in users if user.limits]
    return respond_list(request, shown, order=("user",))


def _put_user(request: Request) -> Response:
    user, name = request.path["user"], request.path["name"]
    value = request.content("value")["value"]
    if name not in _USER_LIMITS:
        raise bad_request(f"Unrecognised terms {_term(name, value)} in user-limits")
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad_request(f"{name} should be a number, actually was {_erlang(value)}")
    if user not in request.node.accounts.users:
        raise bad_request(["no_such_user", user])
    request.node.accounts.set_limit(user, name, value)
    return NO_CONTENT


def _delete_user(request: Request) -> Response:
    request.node.accounts.set_limit(find_user(request).name, request.path["name"], None)
    return NO_CONTENT


ROUTES: Final = (
    Route("GET", "vhost-limits", _list_vhosts),
    Route("GET", "vhost-limits/{vhost}", _list_vhosts),
    Route("PUT", "vhost-limits/{vhost}/{name}", _put_vhost, Need.ADMINISTRATOR),
    Route("DELETE", "vhost-limits/{vhost}/{name}", _delete_vhost, Need.ADMINISTRATOR),
    Route("GET", "user-limits", _list_users),
    Route("GET", "user-limits/{user}", _list_users),
    Route("PUT", "user-limits/{user}/{name}", _put_user, Need.ADMINISTRATOR),
    Route("DELETE", "user-limits/{user}/{name}", _delete_user, Need.ADMINISTRATOR),
)
