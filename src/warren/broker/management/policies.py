"""Policies and operator policies: list, set, remove.

Not here: what they consist of and what they apply to (`model/policy.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from warren.broker.management.access import Need, entered_vhosts
from warren.broker.management.listing import Json, respond_list, respond_one
from warren.broker.management.request import CREATED, NO_CONTENT, Refusal, Request, Response, bad_request
from warren.broker.management.routing import Handler, Route
from warren.broker.model.policy import InvalidPolicy, parse_policy

if TYPE_CHECKING:
    from warren.broker.model.vhost import VirtualHost
    from warren.broker.node import Node

__all__ = ["ROUTES", "as_parameter", "define", "definitions"]


def definitions(node: Node, vhosts: Iterable[str], *, operator: bool) -> Iterator[Json]:
    """The policies of virtual hosts, as the API and definitions show them."""
    for vhost in vhosts:
        for policy in node.vhosts[vhost].policies.of(operator=operator).values():
            yield {"vhost": vhost, **policy.as_json()}


def define(vhost: VirtualHost, name: str, told: Mapping[str, Any], *, operator: bool) -> bool:
    """Set a policy; return whether it is new. Raises InvalidPolicy."""
    policy = parse_policy(name, told, operator=operator)
    is_new = name not in vhost.policies.of(operator=operator)
    vhost.set_policy(policy, operator=operator)
    return is_new


def as_parameter(shown: Json, component: str) -> Json:
    """Return a policy in the shape of a parameter."""
    value = {name: one for name, one in shown.items() if name not in ("vhost", "name")}
    return {"value": value, "vhost": shown["vhost"], "component": component, "name": shown["name"]}


# -- handlers -----------------------------------------------------------------------------


def _list(request: Request, operator: bool) -> Response:
    vhosts = [vhost.name for vhost in entered_vhosts(request)]
    found = list(definitions(request.node, vhosts, operator=operator))
    return respond_list(request, found, order=("vhost", "name"))


def _read(request: Request, operator: bool) -> Response:
    for one in definitions(request.node, [request.vhost.name], operator=operator):
        if one["name"] == request.path["name"]:
            return respond_one(request, one)
    raise Refusal.missing()


def _put(request: Request, operator: bool) -> Response:
    vhost, told = request.target_vhost, request.content("pattern", "definition")
    try:
        is_new = define(vhost, request.path["name"], told, operator=operator)
    except InvalidPolicy as error:
        raise bad_request(str(error)) from error
    return CREATED if is_new else NO_CONTENT


def _delete(request: Request, operator: bool) -> Response:
    vhost, name = request.vhost, request.path["name"]
    if name not in vhost.policies.of(operator=operator):
        raise Refusal.missing()
    vhost.delete_policy(name, operator=operator)
    return NO_CONTENT


def _routes(base: str, *, operator: bool, to_change: Need) -> Iterator[Route]:
    def of_kind(handler: Any) -> Handler:
        return lambda request: handler(request, operator)

    yield Route("GET", base, of_kind(_list))
    yield Route("GET", f"{base}/{{vhost}}", of_kind(_list))
    yield Route("GET", f"{base}/{{vhost}}/{{name}}", of_kind(_read))
    yield Route("PUT", f"{base}/{{vhost}}/{{name}}", of_kind(_put), to_change)
    yield Route("DELETE", f"{base}/{{vhost}}/{{name}}", of_kind(_delete), to_change)


ROUTES: Final = (
    *_routes("policies", operator=False, to_change=Need.POLICYMAKER),
    *_routes("operator-policies", operator=True, to_change=Need.ADMINISTRATOR),
)
